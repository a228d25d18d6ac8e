"""Line charts as SVG, written by hand: text that diffs, and no library for two pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

COLOURS: Final = ("#0b6e4f", "#c1121f", "#e09f3e", "#577590")
_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 34, 42


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y), y a share from 0 to 1."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. ticks: of the x axis, with what is written there; `x` maps a value to 0..1 along the axis."""

    title: str
    axis: str
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]


def picture(panels: Sequence[Panel], columns: int, y_axis: str) -> str:
    """Return panels side by side as one SVG document; x of points and ticks is a share of the axis, 0 to 1."""
    rows = -(-len(panels) // columns)
    width, height = columns * _WIDTH, rows * _HEIGHT + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        x, y = number % columns * _WIDTH, number // columns * _HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel, y_axis), "</g>"]
    for number, line in enumerate(panels[0].lines):
        x, y = _LEFT + 100 * number, rows * _HEIGHT + 14
        parts.append(
            f'<path d="M{x} {y}h22" stroke="{COLOURS[number]}" stroke-width="3"/>'
            f'<text x="{x + 28}" y="{y + 4}">{line.name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, y_axis: str) -> list[str]:
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    foot = _TOP + high
    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{panel.title}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = foot - share * high
        parts.append(f'<path d="M{_LEFT} {y:.1f}h{wide}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * share:.0f} %</text>')
    for at, told in panel.ticks:
        x = _LEFT + at * wide
        parts.append(f'<path d="M{x:.1f} {foot}v4" stroke="#222"/>')
        parts.append(f'<text x="{x:.1f}" y="{foot + 17}" text-anchor="middle">{told}</text>')
    parts.append(f'<text x="{_LEFT + wide}" y="{foot + 34}" text-anchor="end">{panel.axis}</text>')
    parts.append(f'<text x="{_LEFT}" y="{foot + 34}">{y_axis}</text>')
    for number, line in reversed(list(enumerate(panel.lines))):  # the first line lies on top
        points = " ".join(f"{_LEFT + x * wide:.1f},{foot - y * high:.1f}" for x, y in line.points)
        style = f'fill="none" stroke="{COLOURS[number]}" stroke-width="{3 if number == 0 else 2}"'
        parts.append(f'<polyline points="{points}" {style}/>')
    return parts
