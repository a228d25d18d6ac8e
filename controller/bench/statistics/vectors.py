"""The core's likelihood ratios and fortunes for many runs at once; a test holds them to the core's own."""

import numpy as np

from controller.bench.statistics.stream import Floats, Ints
from controller.core.evidence.fortune import (
    CEILING,
    FIRST_SHARE,
    LATER_SHARE,
    PROVEN,
    SLOT_MS,
    SLOTS_IN_DAY,
)
from controller.core.evidence.likelihood import EXACT_TERMS, EXACT_TERMS_OF_PROOF, EXACT_TERMS_OF_RARE, RARE

_LARGEST_LOG = 600.0


def ratios(n_c: Ints, x_c: Ints, n_s: Ints, x_s: Ints, odds: tuple[float, ...], null: float = 1.0) -> Floats:
    """Return `core.evidence.likelihood.ratios` of every run; shape (runs, odds)."""
    result = np.ones((len(n_c), len(odds)))
    events = x_c + x_s
    least = np.maximum(0, events - n_s)
    terms = np.minimum(events, n_c) - least
    exact = terms > 0
    if null == 1:
        worth_it = (events > RARE * (n_c + n_s)) & (odds[0] > 1)
        rare = terms > np.where(worth_it, EXACT_TERMS, EXACT_TERMS_OF_RARE)
        exact &= ~rare
        if rare.any():
            result[rare] = _rare(n_c[rare], x_c[rare], n_s[rare], x_s[rare], odds)
    else:
        exact &= terms <= EXACT_TERMS_OF_PROOF
    if exact.any():
        result[exact] = _exact(n_c[exact], x_c[exact], n_s[exact], x_s[exact], odds, null)
    return result


def _rare(n_c: Ints, x_c: Ints, n_s: Ints, x_s: Ints, odds: tuple[float, ...]) -> Floats:
    psi = np.array(odds)
    rho = (n_c / (n_c + n_s))[:, None]
    logs = x_c[:, None] * np.log(psi) - (x_c + x_s)[:, None] * np.log1p(rho * (psi - 1))
    exact: Floats = np.exp(np.clip(logs, -_LARGEST_LOG, _LARGEST_LOG))
    return exact


def _exact(n: Ints, x_c: Ints, n_s: Ints, x_s: Ints, odds: tuple[float, ...], null: float) -> Floats:
    events, total = x_c + x_s, n + n_s
    least = np.maximum(0, events - n_s)
    most = np.minimum(events, n)
    width = int((most - least).max()) + 1
    rest = (total - events - n).astype(float)
    ways = np.zeros((len(n), width))
    ways[:, 0] = last = np.ones(len(n))
    for step in range(1, width):
        i = least + step
        last = last * np.where(i <= most, (events - i + 1) * (n - i + 1) / np.maximum(i * (rest + i), 1), 0.0)
        ways[:, step] = last
    grid = np.array((null, *odds))
    tilted = ways @ (grid[None, :] ** np.arange(width)[:, None])
    logs = np.log(grid) * (x_c - least)[:, None] - np.log(tilted)
    found: Floats = np.exp(np.clip(logs[:, 1:] - logs[:, :1], -_LARGEST_LOG, _LARGEST_LOG))
    return found


class Fortunes:
    """`core.evidence.fortune` for many runs; all began at the same time."""

    def __init__(self, runs: int, weights: tuple[float, ...]) -> None:
        self.wealth = np.zeros((runs, len(weights)))
        self.cash = 1.0
        self._weights = np.array(weights)
        self._slots = 0

    def bet(self, found: Floats, elapsed_ms: int) -> Floats:
        """Pay what is due, multiply, and return the e-values."""
        for slot in range(self._slots, 1 + elapsed_ms // SLOT_MS):
            first = slot % SLOTS_IN_DAY == 0
            self.cash += 1.0 if first and slot else 0.0
            payment = min(self.cash, FIRST_SHARE if first else LATER_SHARE)
            self.cash -= payment
            self.wealth += payment
            self._slots = slot + 1
        self.wealth = np.minimum(CEILING, self.wealth * found)
        value: Floats = self.wealth @ self._weights + self.cash
        return value


class Proofs:
    """Proofs of being good enough for many runs: the mean over alternatives of wealth that never restarts."""

    def __init__(self, runs: int, alternatives: int) -> None:
        self.wealth = np.ones((runs, alternatives))

    def bet(self, found: Floats) -> Floats:
        """Multiply and return the e-values."""
        self.wealth = np.minimum(PROVEN, self.wealth * found)
        value: Floats = self.wealth.mean(axis=1)
        return value
