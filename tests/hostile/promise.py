"""
What is claimed of every decoder, and how it is tried.

An input is a value, or the decoder's own error. Its reason is at most `MOST_CHARACTERS` long, can be printed, and holds
nothing that is sealed. It takes at most `MOST_MS` of CPU for each quarter of a MiB that it has; the command
alone looks at that.
"""

import time
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from controller.core.errors import REASON_CHARACTERS
from controller.wire.inbound import Received
from controller.wire.strict import MESSAGE_LIMIT_BYTES
from tests.hostile.decoders import Decoder

MOST_CHARACTERS: Final = REASON_CHARACTERS
MOST_MS: Final = 50.0
_TRIES: Final = 3


@dataclass(slots=True)
class Told:
    """What became of a decoder's inputs. broken: input number -> which promise it broke. slowest_ms: of CPU."""

    decoder: str
    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    slowest_ms: float = 0.0
    slowest: int = 0
    broken: dict[int, str] = field(default_factory=dict)


def drawn(decoder: Decoder, seed: int, number: int) -> Any:
    """Return the input of this number: the same for ever."""
    return decoder.make(Random(f"{seed}/{decoder.name}/{number}"))  # noqa: S311  # drawn anew by anyone, on purpose


def refusal(decoder: Decoder, given: Any) -> str:
    """Return why an input is refused, "" when it is taken. Raises AssertionError when a promise is broken."""
    try:
        decoder.read(given)
    except decoder.refuses as error:
        reason = str(error)
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {str(error)[:200]}") from error
    else:
        return ""
    assert reason.strip(), "a refusal without a reason"
    assert len(reason) <= MOST_CHARACTERS, f"a reason of {len(reason)} characters: {reason[:80]!r}..."
    assert reason.isprintable(), f"a reason that cannot be printed: {reason[:200]!r}"
    for sealed in decoder.sealed:
        assert sealed not in reason, f"a reason that tells {sealed}: {reason[:200]!r}"
    return reason


def try_one(decoder: Decoder, seed: int, number: int, told: Told) -> None:
    """Give a decoder one input and note what became of it."""
    given = drawn(decoder, seed, number)
    told.inputs += 1
    began_ns = time.process_time_ns()
    try:
        refused = refusal(decoder, given)
    except AssertionError as error:
        told.broken[number] = str(error)
        return
    took_ms = (time.process_time_ns() - began_ns) / 1e6
    most_ms = MOST_MS * (1 + _size(given) // MESSAGE_LIMIT_BYTES)
    if took_ms > most_ms:
        # Once more, for the collector of garbage may have come by.
        took_ms = min(took_ms, *(_took_ms(decoder, given) for _ in range(_TRIES)))
    if refused:
        told.refused += 1
    else:
        told.accepted += 1
    if took_ms > told.slowest_ms:
        told.slowest_ms, told.slowest = took_ms, number
    if took_ms > most_ms:
        told.broken[number] = f"{took_ms:.0f} ms of CPU"


def _size(given: Any) -> int:
    if isinstance(given, Received):
        return len(given.value or b"")
    if isinstance(given, tuple):
        return max(map(len, given))
    return len(given)


def _took_ms(decoder: Decoder, given: Any) -> float:
    began_ns = time.process_time_ns()
    refusal(decoder, given)
    return (time.process_time_ns() - began_ns) / 1e6
