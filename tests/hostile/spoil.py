"""
Good messages made bad, each way drawn from a `Random`: the same seed spoils the same message the same way.

Three quarters keep the structure (a value replaced, a member doubled, renamed, moved or gone), so that what stands deep
inside is reached; the others are bytes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from random import Random
from typing import Any, Final

from tests.hostile.values import BOMBS, KEYS, VALUES, YAML_BOMBS, Raw

Spoil = Callable[[Random], bytes]

_NOISE: Final = b'{}[]",:0123456789eE+-.\\un truefalsNaI\x00\xff\xc3\xed\xa0\x80 &*!|>%@#\n\t'
_YAML: Final = (
    b"&a ",
    b"*a",
    b"!!str ",
    b"!!python/name:os.system ",
    b"<<: ",
    b"? ",
    b"- ",
    b"\t",
    b"---\n",
    b"|\n",
    b": ",
    b"#",
)


class Members(list[list[Any]]):
    """A JSON object as a list of [name, value], so that a name can stand twice."""


def spoiled(samples: Sequence[bytes], random: Random, bombs: Sequence[bytes] = BOMBS, yaml: bool = False) -> bytes:
    """Return one of the samples, spoiled; seldom a bomb, or bytes that were never a message."""
    kind = random.random()
    if kind < 0.01:
        return random.choice(bombs)
    if kind < 0.04:
        return random.randbytes(random.randrange(200))
    if kind < 0.08:
        return bytes(random.choices(_NOISE, k=random.randrange(200)))
    sample = random.choice(samples)
    if kind < 0.25 or (yaml and kind < 0.5) or not sample.startswith(b"{"):
        return _with_other_bytes(sample, samples, random, yaml)
    return _with_other_values(sample, random)


def _with_other_bytes(sample: bytes, samples: Sequence[bytes], random: Random, yaml: bool) -> bytes:
    raw = bytearray(sample)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(raw) + 1)
        to = min(len(raw), at + random.randrange(20))
        match random.randrange(6):
            case 0:
                raw[at:to] = b""
            case 1:
                raw[at:at] = random.randbytes(random.randint(1, 4))
            case 2:
                raw[at:at] = bytes(random.choices(_NOISE, k=random.randint(1, 4)))
            case 3:
                raw[at:at] = raw[at:to] * random.choice((1, 2, 50))
            case 4 if yaml:
                raw[at:at] = random.choice(_YAML)
            case 4:
                del raw[at:]
            case _:
                other = random.choice(samples)
                start = random.randrange(len(other) + 1)
                raw[at:to] = other[start : start + random.randrange(60)]
    return bytes(raw)


def _with_other_values(sample: bytes, random: Random) -> bytes:
    try:
        root = [json.loads(sample, object_pairs_hook=lambda pairs: Members(map(list, pairs)))]
    except ValueError:
        return sample + sample
    for change in range(random.choice((1, 1, 1, 2, 3))):
        holder, at = random.choice(list(_places(root)))
        # Made long once at most: three times in one another would be a message that no topic takes.
        _change(holder, at, random, long=change == 0)
    return _text(root[0], random.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[list[Any], int]]:
    """Yield (list, index) of every value below; a member's value stands at 1 of its pair."""
    for at, item in enumerate(value):
        if isinstance(value, Members):
            yield item, 1
            inner = item[1]
        else:
            yield value, at
            inner = item
        if isinstance(inner, list):
            yield from _places(inner)


def _change(holder: list[Any], at: int, random: Random, long: bool) -> None:
    found = holder[at]
    if isinstance(found, Members) and found and random.random() < 0.6:
        which = random.randrange(len(found))
        match random.randrange(5):
            case 0:
                del found[which]
            case 1:
                found.append(list(found[which]))
            case 2:
                found[which][0] = random.choice(KEYS)
            case 3:
                found.append([random.choice(KEYS), _value(random)])
            case _:
                other = random.randrange(len(found))
                found[which][1], found[other][1] = found[other][1], found[which][1]
    elif isinstance(found, list) and found and random.random() < 0.4:
        found *= random.choice((2, 60, 400)) if long else 2
    elif random.random() < 0.1:
        holder[at] = [found]
    else:
        holder[at] = _value(random)


def _value(random: Random) -> Any:
    # A copy, for the next change may be one inside it.
    return deepcopy(random.choice(VALUES))


def _text(value: Any, escaped: bool) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Members):
        members = (f"{json.dumps(name, ensure_ascii=escaped)}:{_text(inner, escaped)}" for name, inner in value)
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(_text(item, escaped) for item in value)}]"
    return json.dumps(value, ensure_ascii=escaped)


__all__ = ["BOMBS", "YAML_BOMBS", "Spoil", "spoiled"]
