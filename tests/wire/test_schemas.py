"""The checked-in JSON Schemas are those of the code, and mean the same as the reader."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.wire.inbound import read
from controller.wire.schemas import FOLDER, PLAN, schemas
from tests.wire.records import EXAMPLES, structured


def test_checked_in_schemas_are_those_of_the_code() -> None:
    """`python -m controller.wire.schemas` writes them; a diff in review shows a change of the public contract."""
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == dict(schemas())


def validator(type: str) -> Draft202012Validator:
    """Return the validator of a type's checked-in schema."""
    schema = json.loads((FOLDER / f"{type}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


_MAY_BE_LEFT_OUT = ("rollout", "role", "to", "annotations", "actor", "candidate", "stable", "memory", "readings")


@pytest.mark.parametrize("type", EXAMPLES)
def test_every_type_has_a_schema_that_accepts_what_is_read(type: str) -> None:
    """A publisher who validates before sending is never surprised by a refusal of a good message."""
    record = structured(type)
    assert read(record).record is record
    event: Any = json.loads(record.value or b"")
    validator(type).validate(event)


@pytest.mark.parametrize("type", EXAMPLES)
def test_every_schema_refuses_what_is_refused(type: str) -> None:
    """Whoever leaves out a field hears it from the schema already."""
    event: Any = json.loads(structured(type).value or b"")
    for name in EXAMPLES[type][1]:
        if name in _MAY_BE_LEFT_OUT and type != "io.segue.rollout.requested":
            continue
        without = {**event, "data": {key: value for key, value in event["data"].items() if key != name}}
        assert not validator(type).is_valid(without), name


def test_there_is_a_schema_for_every_type_and_no_other() -> None:
    """The examples of these tests are all types there are; besides them there are plans."""
    assert {f"{type}.json" for type in EXAMPLES} | {PLAN} == set(schemas())
