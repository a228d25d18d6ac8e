"""The documents in `deploy/openapi`: those that are served, and well formed."""

import json

import pytest

from tests.openapi import DOCUMENTS, FOLDER


def test_checked_in_documents_are_those_that_are_served() -> None:
    """`python -m tests.openapi` writes them; a diff in review shows a change of what may be asked."""
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_model_that_is_named_is_there(name: str) -> None:
    """Nothing in a document leads nowhere."""
    document = json.loads(DOCUMENTS[name])
    named = set(_references(document))
    assert {reference.removeprefix("#/components/schemas/") for reference in named} <= set(
        document["components"]["schemas"]
    )


def _references(part: object) -> list[str]:
    if isinstance(part, dict):
        return [*([part["$ref"]] if isinstance(part.get("$ref"), str) else []), *_references(list(part.values()))]
    return [reference for one in part for reference in _references(one)] if isinstance(part, list) else []
