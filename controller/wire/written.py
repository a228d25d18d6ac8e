"""A plan as it stands in a file, or the part of it that says what alerts do: YAML or JSON, which YAML contains."""

from typing import Final

from pydantic import ValidationError

from controller.core.errors import Malformed
from controller.core.plan import AlertPolicy, Plan
from controller.wire.judges import AlertPolicyBody
from controller.wire.plain_yaml import read_yaml
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
    value = read_yaml(text, path)
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
        raise refusal(error, "alerts", AlertPolicyBody) from None


def plan_from(value: object, path: str = "plan") -> Plan:
    """Return the plan that an object describes; raises Malformed: the place, the value, what is allowed."""
    try:
        return PlanBody.model_validate(value).value()
    except ValidationError as error:
        raise refusal(error, path, PlanBody) from None
    except ValueError as error:
        raise Malformed(f"{path}: {error}") from None


def _json(value: object, path: str) -> str:
    try:
        return canonical(value)
    except (TypeError, ValueError) as error:
        raise Malformed(f"{path} holds what JSON cannot: {error}") from None
