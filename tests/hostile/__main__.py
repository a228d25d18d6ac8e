"""`python -m tests.hostile`: every decoder, 100,000 inputs each."""

import argparse
import gc
import sys
import time
from collections.abc import Sequence

from controller.cli.drawing import Console, Table
from tests.hostile.decoders import DECODERS, Decoder
from tests.hostile.promise import MOST_CHARACTERS, MOST_MS, Told, drawn, refusal, try_one

_SHOWN_EVERY_S = 5.0
_ENOUGH_BROKEN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile",
        description="Give every decoder hostile input. Each must return a value or refuse it with a reason: short "
        f"(up to {MOST_CHARACTERS} characters), printable, without secrets, within {MOST_MS:g} ms of CPU.",
        epilog="Example: python -m tests.hostile --inputs 1000; then, of what it names: --decoder webhook --only 47",
    )
    parser.add_argument(
        "--inputs", type=int, default=100_000, metavar="N", help="for each decoder (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other inputs (default: %(default)s)")
    parser.add_argument("--decoder", choices=[one.name for one in DECODERS], help="this one alone")
    parser.add_argument(
        "--only", type=int, metavar="NUMBER", help="show one input, and what comes of it; needs --decoder"
    )
    given = parser.parse_args(arguments)
    decoders = [one for one in DECODERS if given.decoder in (None, one.name)]
    if given.only is not None:
        if given.decoder is None:
            parser.error("--only needs --decoder")
        return _show(decoders[0], given.seed, given.only)
    # What was imported is nobody's input: the collector shall not look at it while we measure.
    gc.collect()
    gc.freeze()
    try:
        told = [_tried(one, given.inputs, given.seed) for one in decoders]
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    _print(told, given.seed)
    return 1 if any(one.broken for one in told) else 0


def _tried(decoder: Decoder, inputs: int, seed: int) -> Told:
    told = Told(decoder.name)
    shown_s = time.monotonic()
    for number in range(inputs):
        try_one(decoder, seed, number, told)
        if time.monotonic() - shown_s > _SHOWN_EVERY_S:
            shown_s = time.monotonic()
            print(f"{decoder.name}: {number + 1} of {inputs}, {len(told.broken)} broken", file=sys.stderr)
        if len(told.broken) >= _ENOUGH_BROKEN:
            break
    print(f"{decoder.name}: {told.inputs} inputs, {len(told.broken)} broken", file=sys.stderr)
    return told


def _show(decoder: Decoder, seed: int, number: int) -> int:
    given = drawn(decoder, seed, number)
    print(repr(given)[:4_000])
    try:
        print(refusal(decoder, given) or "taken")
    except AssertionError as error:
        print(f"broken: {error}")
        return 1
    return 0


def _print(told: Sequence[Told], seed: int) -> None:
    table = Table("decoder", *(head for head in ("inputs", "refused", "accepted", "crashes", "slowest ms")))
    for column in table.columns[1:]:
        column.justify = "right"
    for one in told:
        counts = (one.inputs, one.refused, one.accepted, len(one.broken))
        table.add_row(one.decoder, *map("{:,}".format, counts), f"{one.slowest_ms:.1f}")
    Console().print(table)
    for one in told:
        for number, why in one.broken.items():
            print(f"{one.decoder}, seed {seed}, input {number}: {why}")


if __name__ == "__main__":
    sys.exit(main())
