"""Where two pieces of JSON differ first: by path, for people who have to find out why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controller.wire.strict import canonical

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """path: such as rollout.plan.steps.0.hold_s, "" for the whole. one, other: JSON, or "nothing"; cut when long."""

    path: str
    one: str
    other: str


def first_difference(one: object, other: object, path: str = "") -> Difference | None:
    """Return where plain JSON differs first, keys in their order; None when it is equal, 1 and 1.0 being two things."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted(one.keys() | other.keys()):
            at = f"{path}.{name}" if path else str(name)
            if name not in one or name not in other:
                return Difference(at, *(_text(side[name]) if name in side else "nothing" for side in (one, other)))
            if found := first_difference(one[name], other[name], at):
                return found
        return None
    if _is_list(one) and _is_list(other):
        assert isinstance(one, Sequence)
        assert isinstance(other, Sequence)
        for number in range(max(len(one), len(other))):
            at = f"{path}.{number}" if path else str(number)
            if number >= len(one) or number >= len(other):
                sides = (_text(side[number]) if number < len(side) else "nothing" for side in (one, other))
                return Difference(at, *sides)
            if found := first_difference(one[number], other[number], at):
                return found
        return None
    texts = canonical(one), canonical(other)
    return None if texts[0] == texts[1] else Difference(path, *map(_cut, texts))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(value: object) -> str:
    return _cut(canonical(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
