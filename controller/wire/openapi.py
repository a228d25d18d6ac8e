"""
An OpenAPI 3.1 document, put together from operations and from the models of messages.

Which operations there are stands beside the routes, in `controller/api/openapi.py` and `controller/gateway/openapi.py`.
Both servers show their documents; `deploy/openapi` has a copy of each.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from pydantic import BaseModel

PATH: Final = "/openapi.json"
"""Where a server shows its document."""

Schema = Mapping[str, object]

_SCHEMAS: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes with a status. content: schemas by media type, none for an answer without a body."""

    says: str
    content: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """
    What may be asked of one path by one method.

    role: whose token it takes, "" when it takes none. parameters: of path, question and headers, each as OpenAPI has
    it. body: the JSON that is sent. answers: by status.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    role: str = ""
    parameters: tuple[Schema, ...] = ()
    body: Schema | None = None

    def told(self) -> dict[str, object]:
        """Return it as OpenAPI has it."""
        return {
            "summary": self.summary,
            "responses": {
                str(status): {
                    "description": answer.says,
                    **({"content": _content(answer.content)} if answer.content else {}),
                }
                for status, answer in sorted(self.answers.items())
            },
            **({"parameters": list(self.parameters)} if self.parameters else {}),
            **({"requestBody": {"required": True, "content": _content(json_of(self.body))}} if self.body else {}),
            **(
                {"security": [{"token": []}], "description": f"It takes a token of role {self.role}."}
                if self.role
                else {}
            ),
        }


def document(title: str, says: str, operations: Iterable[Operation], models: Mapping[str, Schema]) -> str:
    """Return the document as JSON text. models: schemas by the names that operations call them by, see `named`."""
    paths: dict[str, dict[str, object]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = one.told()
    whole = {
        "openapi": "3.1.0",
        "info": {"title": title, "description": says, "version": version("segue"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": models,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "See SEGUE_TOKENS."}},
        },
    }
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def named(name: str) -> Schema:
    """Return the reference to one of the document's models."""
    return {"$ref": _SCHEMAS + name}


def json_of(schema: Schema | None = None) -> Mapping[str, Schema]:
    """Return the content of a JSON body."""
    return {"application/json": schema or {}}


def of_fields(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """Return the schema of an object with these fields; others may join them in later versions."""
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def models_of(kind: type[BaseModel], *without: str) -> dict[str, Schema]:
    """
    Return the schemas of a model and of those it is made from, by their names.

    without: fields that are not sent, because path or token say them already.
    """
    schema = kind.model_json_schema(ref_template=_SCHEMAS + "{model}")
    found: dict[str, Schema] = schema.pop("$defs", {})
    for left_out in without:
        schema["properties"].pop(left_out, None)
        schema["required"] = [name for name in schema["required"] if name != left_out]
    return {**found, kind.__name__: schema}


def parameter(name: str, schema: Schema, says: str, place: str = "query", *, required: bool = False) -> Schema:
    """Return a parameter; one of the path is always required."""
    return {"name": name, "in": place, "description": says, "required": required or place == "path", "schema": schema}


def _content(content: Mapping[str, Schema]) -> dict[str, object]:
    return {media_type: {"schema": schema} for media_type, schema in content.items()}
