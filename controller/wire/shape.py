"""
Dataclasses to plain JSON values and back, by their type hints.

How to read and write a class is worked out once and kept: this runs for every fact of every message. Writing is
exact (a float field is always written as a float), so that equal values have equal bytes. Reading ignores fields it
does not know, so that a process can read what a newer one wrote during an upgrade.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from controller.core.errors import Malformed
from controller.wire.strict import MISSING, refused

T = TypeVar("T")
Encode = Callable[[Any], object]
Decode = Callable[[object, str], Any]


def plain(value: object) -> object:
    """Return a dataclass as dicts, lists, text and numbers. Raises ValueError for NaN and infinities."""
    kind: Any = type(value)
    return _encoder(kind)(value)


def shaped(kind: type[T], value: object, path: str) -> T:
    """Return the dataclass that `value` describes; raises Malformed naming the place inside `path`."""
    hint: Any = kind
    result: T = _decoder(hint)(value, path)
    return result


@cache
def _encoder(hint: Any) -> Encode:
    if hint in (str, int, bool) or _is_enum(hint):
        return _same
    if hint is float:
        return _number
    if is_dataclass(hint):
        return _dataclass_encoder(hint)
    if (inner := _optional(hint)) is not None:
        encode = _encoder(inner)
        return _same if encode is _same else lambda value: None if value is None else encode(value)
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if items[1:] == (...,):
            each = _encoder(items[0])
            return list if each is _same else lambda value: [each(item) for item in value]
        each_own = tuple(_encoder(item) for item in items)
        return lambda value: [encode(item) for encode, item in zip(each_own, value, strict=True)]
    raise AssertionError(f"no way to write {hint} as JSON")


@cache
def _decoder(hint: Any) -> Decode:
    if hint in _SIMPLE:
        return _simple_decoder(hint)
    if _is_enum(hint):
        return _enum_decoder(hint)
    if is_dataclass(hint):
        return _dataclass_decoder(hint)
    if (inner := _optional(hint)) is not None:
        decode = _decoder(inner)
        return lambda value, path: None if value is None else decode(value, path)
    if get_origin(hint) is tuple:
        return _tuple_decoder(get_args(hint))
    raise AssertionError(f"no way to read {hint} from JSON")


def _dataclass_encoder(kind: Any) -> Encode:
    # As text made into a function: a state has two hundred fields, and is written with each of its facts. A loop over
    # their names takes three times as long.
    hints = get_type_hints(kind)
    encoders = {field.name: _encoder(hints[field.name]) for field in fields(kind)}
    members = (
        f"{name!r}: value.{name}" if encode is _same else f"{name!r}: encoders[{name!r}](value.{name})"
        for name, encode in encoders.items()
    )
    made: Encode = eval(f"lambda value: {{{', '.join(members)}}}", {"encoders": encoders})  # noqa: S307  # of our own fields' names
    return made


def _dataclass_decoder(kind: Any) -> Decode:
    hints = get_type_hints(kind)
    decoders = tuple(
        (field.name, _decoder(hints[field.name]), field.default is NO_DEFAULT and field.default_factory is NO_DEFAULT)
        for field in fields(kind)
    )

    def decode(value: object, path: str) -> Any:
        if not isinstance(value, dict):
            raise refused(path, value, "an object")
        found = {}
        for name, decode_field, required in decoders:
            if name in value:
                found[name] = decode_field(value[name], f"{path}.{name}")
            elif required:
                raise refused(f"{path}.{name}", MISSING, "a value")
        try:
            return kind(**found)
        except ValueError as error:
            # The class's own rule over several fields; its sentence already says what is allowed.
            raise Malformed(f"{path}: {error}") from None

    return decode


def _tuple_decoder(items: tuple[Any, ...]) -> Decode:
    repeated = items[1:] == (...,)
    decoders = tuple(_decoder(item) for item in items if item is not ...)

    def decode(value: object, path: str) -> Any:
        if not isinstance(value, list):
            raise refused(path, value, "a list")
        if repeated:
            return tuple(decoders[0](item, f"{path}.{number}") for number, item in enumerate(value))
        if len(value) != len(decoders):
            raise refused(path, value, f"a list of {len(decoders)}")
        pairs = enumerate(zip(decoders, value, strict=True))
        return tuple(decode_item(item, f"{path}.{number}") for number, (decode_item, item) in pairs)

    return decode


_SIMPLE: Mapping[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _simple_decoder(kind: Any) -> Decode:
    allowed = _SIMPLE[kind]
    # bool is a kind of int to Python, but true is no number to anyone else.
    accepted = (int, float) if kind is float else (kind,)

    def decode(value: object, path: str) -> Any:
        if type(value) in accepted:
            return kind(value)
        raise refused(path, value, allowed)

    return decode


def _enum_decoder(kind: type[StrEnum]) -> Decode:
    members: dict[object, StrEnum] = {member.value: member for member in kind}
    allowed = ", ".join(member.value for member in kind)

    def decode(value: object, path: str) -> Any:
        if isinstance(value, str) and value in members:
            return members[value]
        raise refused(path, value, allowed)

    return decode


def _optional(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        inner = [item for item in get_args(hint) if item is not NoneType]
        if len(inner) == 1:
            return inner[0]
    return None


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def _same(value: object) -> object:
    return value


def _number(value: float) -> float:
    number = float(value)
    if isfinite(number):
        return number
    raise ValueError(f"{number} is no number that JSON has")
