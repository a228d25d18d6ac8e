"""
YAML read as plain as JSON, which it contains: by the core schema of YAML 1.2, without aliases, tags, or doubled keys.

So `no` is a word, and `17:00` no number of seconds. Values are made from the parser's events as they come, counted, so
that neither depth nor number can be used against us: PyYAML's own composer takes seconds over 100 KB.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import yaml

from controller.core.errors import Malformed
from controller.wire.strict import DEPTH_LIMIT

VALUES_LIMIT: Final = 10_000
"""Of all values and keys together; a plan has a hundred steps at most."""

# Five times as fast; wheels have it, what was built without libyaml has not.
_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(r"null|~|"), lambda _: None),
    (re.compile(r"-?(0|[1-9][0-9]{0,18})"), int),
    (re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"), float),
)


def read_yaml(text: bytes, path: str) -> object:
    """Return the value of the one document in a text, None when it has none; raises Malformed: line and column."""
    events = _plain(text, path)
    value, found = None, False
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found:
                    _refuse("a second document; give one", event)
                value, found = _value(next(events), events), True
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"{path} cannot be read as YAML or JSON: {_sentence(error)}") from None
    return value


def _plain(text: bytes, path: str) -> Iterator[yaml.Event]:
    """Yield the parser's events as long as there is nothing in them that JSON has not, and not too much of it."""
    depth = count = 0
    for event in yaml.parse(text, Loader=_PARSER):
        if isinstance(event, yaml.AliasEvent):
            _refuse("an alias; write it out", event)
        if getattr(event, "tag", None) is not None:
            _refuse("a tag; write the value without it", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise Malformed(f"{path} is nested too deep; allowed: {DEPTH_LIMIT} objects and lists inside one another")
        count += isinstance(event, yaml.NodeEvent)
        if count > VALUES_LIMIT:
            raise Malformed(f"{path} has more than {VALUES_LIMIT} values; allowed: up to {VALUES_LIMIT}")
        yield event


def _value(event: yaml.Event, events: Iterator[yaml.Event]) -> object:
    """Return the value that begins with an event, taking from `events` what is inside it."""
    if isinstance(event, yaml.SequenceStartEvent):
        return [_value(inner, events) for inner in _until(yaml.SequenceEndEvent, events)]
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events)
    assert isinstance(event, yaml.ScalarEvent), event
    if not event.implicit[0]:
        return event.value
    return next((made(event.value) for kind, made in _KINDS if kind.fullmatch(event.value)), event.value)


def _mapping(events: Iterator[yaml.Event]) -> dict[str, object]:
    value: dict[str, object] = {}
    for key in _until(yaml.MappingEndEvent, events):
        name = _value(key, events)
        if not isinstance(name, str):
            _refuse("a key that is no text; quote it", key)
        if name in value:
            _refuse(f"key {name[:80]!r} occurs twice in one object", key)
        value[name] = _value(next(events), events)
    return value


def _until(end: type[yaml.Event], events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, end):
            return
        yield event


def _refuse(problem: str, event: Any) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _sentence(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())
