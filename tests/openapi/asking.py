"""Requests drawn from a server's own document by schemathesis: good ones, bad ones, and answers held against it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from controller.wire.openapi import PATH

LEFT_OUT: Final = (
    # A schema cannot say all that a plan or a text must be; and 503 is how a server says that Kafka is away.
    positive_data_acceptance,
    not_a_server_error,
)

IN_ONE_PROCESS: Final = pytest.mark.filterwarnings(
    # The server draws numbers while requests are drawn; Hypothesis takes them for its strategies' own.
    "ignore:Do not use the `random` module inside strategies"
)

Known = Mapping[str, str]
"""Values by the names of parameters of which something is known: as often as not these are asked for."""


def ask(
    url: str,
    token: Callable[[str, str], str],
    known: Known,
    said: Mapping[str, object] | None = None,
    examples: int = 8,
) -> Sequence[str]:
    """
    Ask for everything that the document of a server has, so many times each; return what was asked for.

    token: the one that method and path take, "" for none. said: fields of good bodies, as often as not in place of what
    was drawn. Raises schemathesis' failures: what was asked, what was
    answered, and what the document says of it.
    """
    document = schemathesis.openapi.from_dict(_without_tokens(httpx.get(url + PATH).raise_for_status().json()))
    asked = []
    found: Any
    for found in document.get_all_operations():
        operation: Any = found.ok()
        asked.append(f"{operation.method.upper()} {operation.path}")
        lets_in = token(operation.method.upper(), operation.path)
        _ask(url, operation, GenerationMode.POSITIVE, lets_in, known, said or {}, examples)
        # Nothing can be wrong about what has no parameter and no body.
        with suppress(Unsatisfiable):
            _ask(url, operation, GenerationMode.NEGATIVE, lets_in, known, said or {}, examples)
    return asked


def _without_tokens(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as somebody who has a token reads it; who has none is tried in `test_roles.py`."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return document


def _ask(
    url: str, operation: Any, mode: GenerationMode, token: str, known: Known, said: Mapping[str, object], examples: int
) -> None:
    cases = operation.as_strategy(generation_mode=mode)

    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, as_known=st.booleans())
    def each(case: Any, as_known: bool) -> None:
        if as_known and mode is GenerationMode.POSITIVE:
            for place in (case.path_parameters, case.query):
                place.update({name: value for name, value in known.items() if name in (place or {})})
            if isinstance(case.body, dict):
                case.body.update(said)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = case.call(base_url=url, headers=headers, timeout=10)
        assert answer.status_code < 500 or answer.status_code == 503, f"{case.as_curl_command()}: {answer.text}"
        case.validate_response(answer, excluded_checks=list(LEFT_OUT), headers=headers)

    each()
