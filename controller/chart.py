"""Charts as SVG: text that diffs, the same for the same figures, and no library for a few lines and bars."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

COLOURS: Final = ("#0b6e4f", "#c1121f", "#e09f3e", "#577590", "#7b2d8b", "#3a86ff")
"""One for each series of a chart; of more than six nobody can tell which is which."""

_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 34, 42
_LEGEND, _CHARACTER = 100, 7
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y): x a share of the axis, 0 to 1; y on the panel's scale."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """One value for each of the equal places along the x axis, on the panel's scale; None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """The y axis, from 0 to `top`. name: what is shown, with its unit. ticks: values, with what is written there."""

    name: str
    top: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """
    One chart.

    ticks: of the x axis, places as shares of it, 0 to 1, with what is written there. series: each in the colour of its
    number; all panels of a picture have the same ones.
    """

    title: str
    axis: str
    ticks: tuple[tuple[float, str], ...]
    series: tuple[Line | Bars, ...]
    scale: Scale


def shares(name: str) -> Scale:
    """Return the scale of shares from 0 to 1, told in per cent."""
    return Scale(name, 1.0, tuple((share, f"{100 * share:.0f} %") for share in (0.0, 0.25, 0.5, 0.75, 1.0)))


def scale(name: str, values: Iterable[float | None], *, whole: bool = False) -> Scale:
    """Return a scale on which every value has room, in four round steps; whole: these are whole numbers."""
    most = max((value for value in values if value is not None), default=0) or 1
    power = 10.0 ** math.floor(math.log10(most / 4))
    steps = [power * one for one in _STEPS if 4 * power * one >= most]
    step = next((step for step in steps if step.is_integer()), 1.0) if whole else steps[0]
    return Scale(name, 4 * step, tuple((step * number, _short(step * number)) for number in range(5)))


def places(names: Sequence[str]) -> tuple[tuple[float, str], ...]:
    """Return ticks under the equal places that bars stand in; of many places, only some are named."""
    every = -(-len(names) // 6)
    return tuple(((at + 0.5) / len(names), name) for at, name in enumerate(names) if at % every == 0)


def picture(panels: Sequence[Panel], columns: int) -> str:
    """Return panels side by side as one SVG document, with one legend."""
    rows = -(-len(panels) // columns)
    width, height = columns * _WIDTH, rows * _HEIGHT + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        x, y = number % columns * _WIDTH, number // columns * _HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel), "</g>"]
    x, y = _LEFT, rows * _HEIGHT + 14
    for number, one in enumerate(panels[0].series):
        parts.append(
            f'<path d="M{x} {y}h22" stroke="{COLOURS[number]}" stroke-width="3"/>'
            f'<text x="{x + 28}" y="{y + 4}">{_text(one.name)}</text>'
        )
        x += max(_LEGEND, 42 + _CHARACTER * len(one.name))
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    foot = _TOP + high
    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{_text(panel.title)}</text>']
    for value, told in panel.scale.ticks:
        y = foot - value / panel.scale.top * high
        parts.append(f'<path d="M{_LEFT} {y:.1f}h{wide}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_text(told)}</text>')
    for at, told in panel.ticks:
        x = _LEFT + at * wide
        parts.append(f'<path d="M{x:.1f} {foot}v4" stroke="#222"/>')
        parts.append(f'<text x="{x:.1f}" y="{foot + 17}" text-anchor="middle">{_text(told)}</text>')
    parts.append(f'<text x="{_LEFT + wide}" y="{foot + 34}" text-anchor="end">{_text(panel.axis)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{foot + 34}">{_text(panel.scale.name)}</text>')
    for number, one in reversed(list(enumerate(panel.series))):  # the first one lies on top
        if isinstance(one, Line):
            points = " ".join(f"{_LEFT + x * wide:.1f},{foot - y / panel.scale.top * high:.1f}" for x, y in one.points)
            style = f'fill="none" stroke="{COLOURS[number]}" stroke-width="{3 if number == 0 else 2}"'
            parts.append(f'<polyline points="{points}" {style}/>')
        else:
            parts += _bars(one, number, len(panel.series), panel.scale.top, wide, high)
    return parts


def _bars(bars: Bars, number: int, beside: int, top: float, wide: int, high: int) -> list[str]:
    place = wide / len(bars.values)
    width = 0.8 * place / beside
    drawn = []
    for at, value in enumerate(bars.values):
        if value is not None:
            x, tall = _LEFT + at * place + 0.1 * place + number * width, value / top * high
            box = f'x="{x:.1f}" y="{_TOP + high - tall:.1f}" width="{width:.1f}" height="{tall:.1f}"'
            drawn.append(f'<rect {box} fill="{COLOURS[number]}"/>')
    return drawn


def _short(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e4 else f"{value:g}"


def _text(words: str) -> str:
    return escape(words, quote=False)
