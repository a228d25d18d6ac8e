"""
A plan as it stands in a file, or the part of it that says what alerts do: YAML or JSON, which YAML contains.

YAML is read as plain as JSON: by the core schema of YAML 1.2, so that `no` is a word and `17:00` is no number of
seconds, and without aliases, tags of its own, or a key that stands twice.
"""

import re
from typing import Any, Final

import yaml
from pydantic import ValidationError

from controller.core.errors import Malformed
from controller.core.plan import AlertPolicy, Plan
from controller.wire.judges import AlertPolicyBody
from controller.wire.plans import PlanBody
from controller.wire.refusal import refusal
from controller.wire.strict import MISSING, canonical, parse_object, refused

FILE_LIMIT_BYTES: Final = 128 * 1024
"""Half of what an inbound message may have: a plan travels inside one."""


def plan_object(text: bytes, path: str = "plan", such: str = "{steps: [{weight: 5 %, hold: 1h}]}") -> dict[str, object]:
    """
    Return what a file says, as a message carries it; raises Malformed when it is no YAML or says no object.

    path: what errors call it. such: an object that it might say.
    """
    if len(text) > FILE_LIMIT_BYTES:
        raise Malformed(f"{path} is {len(text)} bytes long; allowed: up to {FILE_LIMIT_BYTES} bytes")
    try:
        value = yaml.load(text, _Loader)  # noqa: S506 - it makes plain values only, as the safe loader does
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"{path} cannot be read as YAML or JSON: {_sentence(error)}") from None
    except RecursionError:
        raise Malformed(f"{path} is nested too deep; allowed: 32 objects and lists inside one another") from None
    if not isinstance(value, dict):
        found = MISSING if value is None else value
        raise refused(path, found, f"an object such as {such}")
    # Through JSON once: what holds for every message, of numbers, texts and depth, holds for a plan in a file.
    return parse_object(_json(value, path).encode("utf-8", "surrogatepass"), path, 2 * FILE_LIMIT_BYTES)


def alerts_from(text: bytes) -> AlertPolicy:
    """Return what a file lets alerts do: what stands under `alerts` in a plan. Raises Malformed like `plan_from`."""
    such = "{rules: [{label: severity, value: page, action: rollback}]}"
    try:
        return AlertPolicyBody.model_validate(plan_object(text, "alerts", such)).value()
    except ValidationError as error:
        raise refusal(error, "alerts", "what alerts do") from None


def plan_from(value: object, path: str = "plan") -> Plan:
    """Return the plan that an object describes; raises Malformed: the place, the value, what is allowed."""
    try:
        return PlanBody.model_validate(value).value()
    except ValidationError as error:
        raise refusal(error, path, "a plan") from None
    except ValueError as error:
        raise Malformed(f"{path}: {error}") from None


def _json(value: object, path: str) -> str:
    try:
        return canonical(value)
    except (TypeError, ValueError) as error:
        raise Malformed(f"{path} holds what JSON cannot: {error}") from None


def _sentence(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    """Plain values only; see the module."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs say nothing of it
            raise yaml.MarkedYAMLError(problem="an alias; write it out", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for number, (key, _) in enumerate(node.value):
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key that is no text; quote it", problem_mark=key.start_mark)
            if key.value in names[:number]:
                problem = f"key {key.value!r} occurs twice in one object"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~"),
    ("int", r"-?(0|[1-9][0-9]{0,18})", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first, *([""] if _tag == "null" else [])]
    )
