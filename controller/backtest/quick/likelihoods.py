"""`controller/core/evidence/likelihood.py` and `fortune.py`, number by number."""

import math
from typing import Any, Final

from controller.backtest.quick import compiled
from controller.core.evidence.fortune import FIRST_SHARE as _FIRST_SHARE
from controller.core.evidence.fortune import LATER_SHARE as _LATER_SHARE
from controller.core.evidence.fortune import SLOT_MS as _SLOT_MS
from controller.core.evidence.fortune import SLOTS_IN_DAY as _SLOTS_IN_DAY
from controller.core.evidence.likelihood import EXACT_TERMS as _EXACT_TERMS
from controller.core.evidence.likelihood import EXACT_TERMS_OF_PROOF as _EXACT_TERMS_OF_PROOF
from controller.core.evidence.likelihood import EXACT_TERMS_OF_RARE as _EXACT_TERMS_OF_RARE
from controller.core.evidence.likelihood import LARGEST_LOG as _LARGEST_LOG
from controller.core.evidence.likelihood import RARE as _RARE

LONGEST: Final = _EXACT_TERMS_OF_PROOF + 1
"""Numbers that `ways` must have room for."""

Array = Any
"""An array of numpy; numba has no types of them for mypy."""


@compiled
def ways_of(n_c: int, n_s: int, events: int, least: int, most: int, ways: Array) -> None:
    """Write `_ways` into `ways`."""
    mode = min(most, max(least, (n_c + 1) * (events + 1) // (n_c + n_s + 2)))
    more_events, more_n, rest = events + 1, n_c + 1, n_s - events
    last = 1.0
    for i in range(mode, least, -1):
        last *= i * (rest + i) / ((more_events - i) * (more_n - i))
        ways[i - 1 - least] = last
    ways[mode - least] = 1.0
    last = 1.0
    for i in range(mode + 1, most + 1):
        last *= (more_events - i) * (more_n - i) / (i * (rest + i))
        ways[i - least] = last


@compiled
def tilted(ways: Array, size: int, at: int, psi: float) -> float:
    """Return one of the sums of `_tilted`."""
    above = 0.0
    for place in range(size - 1, at - 1, -1):
        above = above * psi + ways[place]
    below = 0.0
    for place in range(at):
        below = (below + ways[place]) / psi
    return above + below


@compiled
def tilted_by_four(
    ways: Array, size: int, at: int, one: float, two: float, three: float, four: float
) -> tuple[float, float, float, float]:
    """Return four of the sums of `_tilted`: each waits for itself alone, so four take as long as one."""
    above_one, above_two, above_three, above_four = 0.0, 0.0, 0.0, 0.0
    for place in range(size - 1, at - 1, -1):
        way = ways[place]
        above_one = above_one * one + way
        above_two = above_two * two + way
        above_three = above_three * three + way
        above_four = above_four * four + way
    below_one, below_two, below_three, below_four = 0.0, 0.0, 0.0, 0.0
    for place in range(at):
        way = ways[place]
        below_one = (below_one + way) / one
        below_two = (below_two + way) / two
        below_three = (below_three + way) / three
        below_four = (below_four + way) / four
    return above_one + below_one, above_two + below_two, above_three + below_three, above_four + below_four


@compiled
def ratios_of_event(
    n_c: int, n_s: int, x_c: int, x_s: int, odds: Array, means: Array, found: Array, ways: Array
) -> None:
    """
    Write one row of `ratios_of_events` into `found`.

    odds: and their logarithms. means: room for `_means`, where those of the last n_c and n_s stand behind these two.
    """
    both = x_c + x_s
    least = both - n_s if both > n_s else 0
    most = both if both < n_c else n_c
    if least == most:
        found[:] = 1.0
        return
    common = odds[0, 0] > 1 and both > _RARE * (n_c + n_s)
    if most - least > (_EXACT_TERMS if common else _EXACT_TERMS_OF_RARE):
        if means[0] != n_c or means[1] != n_s:
            means[0], means[1] = n_c, n_s
            rho = n_c / (n_c + n_s)
            for place in range(len(found)):
                means[place + 2] = math.log1p(rho * (odds[0, place] - 1))
        for place in range(len(found)):
            log = x_c * odds[1, place] - both * means[place + 2]
            if not -_LARGEST_LOG <= log <= _LARGEST_LOG:
                log = math.copysign(_LARGEST_LOG, log)
            found[place] = math.exp(log)
        return
    ways_of(n_c, n_s, both, least, most, ways)
    size, at, last = most - least + 1, x_c - least, len(found) - 1
    null, found[0], found[1], found[2] = tilted_by_four(ways, size, at, 1.0, odds[0, 0], odds[0, 1], odds[0, 2])
    for place in range(3, len(found), 4):
        # Behind the last there is nothing, so that one is counted once more.
        two, three, four = min(place + 1, last), min(place + 2, last), min(place + 3, last)
        found[place], found[two], found[three], found[four] = tilted_by_four(
            ways, size, at, odds[0, place], odds[0, two], odds[0, three], odds[0, four]
        )
    for place in range(len(found)):
        found[place] = null / found[place]


@compiled
def ratios_against(
    n_c: int, x_c: int, n_s: int, x_s: int, odds: Array, nulls: Array, found: Array, ways: Array
) -> None:
    """Write `ratios_against` into `found`: a row for each null."""
    events = x_c + x_s
    least, most = max(0, events - n_s), min(events, n_c)
    if not 0 < most - least <= _EXACT_TERMS_OF_PROOF:
        for row in range(len(nulls)):
            for place in range(len(odds)):
                found[row, place] = 1.0
        return
    ways_of(n_c, n_s, events, least, most, ways)
    size, at = most - least + 1, x_c - least
    for row in range(len(nulls)):
        null = tilted(ways, size, at, nulls[row])
        for place in range(len(odds)):
            found[row, place] = null / tilted(ways, size, at, odds[place])


@compiled
def ratios_of_rare(blocks: int, failed: int, parts: Array, fine: Array, most_good: int, found: Array) -> None:
    """Write `ratios_of_rare` into `found`. fine: its base for good blocks, by part; most_good: its bound of them."""
    good = min(blocks - failed, most_good)
    for place in range(len(parts)):
        # Of floats: a whole exponent would be multiplied out here, and Python asks the C library.
        found[place] = math.pow(parts[place], float(failed)) * math.pow(fine[place], float(good))


@compiled
def bet(wealth: Array, cash: float, slots: int, ratios: Array, elapsed_ms: int, most: float) -> tuple[float, int]:
    """Do `bet` to `wealth` in place; return cash and slots."""
    due = 1 + elapsed_ms // _SLOT_MS
    stake = 0.0
    if due > slots:
        for slot in range(max(slots, due - _SLOTS_IN_DAY), due):
            first = slot % _SLOTS_IN_DAY == 0
            if first and slot:
                cash += 1.0
            payment = min(cash, _FIRST_SHARE if first else _LATER_SHARE)
            cash, stake = cash - payment, stake + payment
        slots = due
        for place in range(len(ratios)):
            wealth[place] = wealth[place] + stake
    win(wealth, ratios, most)
    return cash, slots


@compiled
def win(wealth: Array, ratios: Array, most: float) -> None:
    """Multiply in place, up to `most`."""
    for place in range(len(ratios)):
        won = wealth[place] * ratios[place]
        wealth[place] = most if won > most else won
