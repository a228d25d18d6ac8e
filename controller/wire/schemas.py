"""
JSON Schemas of every public message, and of plans in files.

They are made from the models: `python -m controller.wire.schemas` writes them. Those of messages describe the
structured mode; binary mode carries the same `data` as the record's value.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from controller.wire.envelope import schema_id
from controller.wire.messages import MESSAGES
from controller.wire.plans import PlanBody

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "schemas"

PLAN: Final = "plan.json"

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> Mapping[str, str]:
    """Return file name -> JSON text of one schema for each type of inbound message, and one for plans in files."""
    found = {
        f"{type}.json": _envelope(topic, type, kind)
        for topic, kinds in MESSAGES.items()
        for type, kind in kinds.items()
    }
    found[PLAN] = {"$schema": _DIALECT, "$id": "urn:io:segue:plan:1", **PlanBody.model_json_schema()}
    return {name: json.dumps(schema, indent=2, sort_keys=True) + "\n" for name, schema in found.items()}


def write(folder: Path = FOLDER) -> None:
    """Write all schemas into a folder and remove those of types that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    current = schemas()
    for name, text in current.items():
        (folder / name).write_text(text)
    for stale in set(folder.glob("*.json")) - {folder / name for name in current}:
        stale.unlink()


def _envelope(topic: str, type: str, kind: type[BaseModel]) -> dict[str, object]:
    data = kind.model_json_schema()
    return {
        "$schema": _DIALECT,
        "$id": schema_id(type),
        "title": type,
        "description": f"A CloudEvents 1.0 message on the topic {topic}. {data.pop('description')}",
        "type": "object",
        "required": ["specversion", "type", "source", "id", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "type": {"const": type},
            "source": _TEXT,
            "id": {**_TEXT, "description": "with source it names the message; sent again, it changes nothing"},
            "subject": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"const": schema_id(type)},
            "data": data,
        },
        "$defs": data.pop("$defs", {}),
    }


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 256}

if __name__ == "__main__":
    write()
