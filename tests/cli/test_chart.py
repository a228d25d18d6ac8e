"""Charts: what they draw stands at its value, and names are text, whatever they hold."""

from xml.etree import ElementTree

import pytest

from controller.chart import Bars, Line, Panel, Scale, picture, places, scale, shares

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*panels: Panel, columns: int = 1) -> ElementTree.Element:
    """Return the picture, read as XML."""
    return ElementTree.fromstring(picture(panels, columns))  # noqa: S314 - our own


def bars(root: ElementTree.Element) -> list[tuple[float, float]]:
    """Return where each bar begins from the left, and how tall it is."""
    found = [one for one in root.iter(f"{SVG}rect") if "x" in one.attrib]
    return [(float(one.attrib["x"]), float(one.attrib["height"])) for one in found]


def panel(*series: Line | Bars, on: Scale) -> Panel:
    """Return a panel of two months."""
    return Panel("promoted", "months", places(["2026-02", "2026-03"]), series, on)


def test_bars_are_as_tall_as_their_values() -> None:
    """A value at the top of the scale fills the panel, half of it half; where there is none, nothing is drawn."""
    root = drawn(panel(Bars("hibari", (4, 2)), Bars("suzume", (None, 1)), on=scale("rollouts", (4, 2, None, 1))))
    suzume, hibari_first, hibari_second = bars(root)
    assert [round(tall) for _, tall in (hibari_first, hibari_second, suzume)] == [184, 92, 46]
    assert hibari_first[0] < hibari_second[0] < suzume[0]


def test_the_scale_holds_every_value_in_round_steps() -> None:
    """Four equal steps of 1, 2, 2.5 or 5 lead to a top that nothing exceeds."""
    for most, top in ((0, 1), (3, 4), (4, 4), (5, 8), (9, 10), (37, 40), (0.07, 0.08), (1234, 2000)):
        made = scale("s", (most, None))
        assert made.top == pytest.approx(top)
        assert [value for value, _ in made.ticks] == pytest.approx([top * share / 4 for share in range(5)])


def test_what_is_counted_has_whole_steps() -> None:
    """Nobody promotes a quarter of a rollout, nor two and a half."""
    for most, top in ((0, 4), (1, 4), (5, 8), (9, 20), (37, 40), (1_200_000, 2_000_000)):
        assert scale("rollouts", (most,), whole=True).top == top
    assert [told for _, told in scale("requests", (1_200_000,), whole=True).ticks] == [
        "0",
        "500 k",
        "1 M",
        "1.5 M",
        "2 M",
    ]


def test_lines_go_through_their_points() -> None:
    """A share of 1 is the top of the panel, 0 its foot."""
    (line,) = drawn(panel(Line("a", ((0.0, 0.0), (1.0, 1.0))), on=shares("found"))).iter(f"{SVG}polyline")
    assert line.attrib["points"] == "52.0,218.0 406.0,34.0"


def test_names_are_text() -> None:
    """A name with a sign of XML in it is shown as it is, and stands in the legend."""
    shown = [one.text for one in drawn(panel(Bars("a<b & c", (1, 1)), on=scale("s", (1,)))).iter(f"{SVG}text")]
    assert "a<b & c" in shown


def test_of_many_months_some_are_named() -> None:
    """So that the names do not lie on each other, at most six are written, the first among them."""
    told = places([f"2026-{month:02}" for month in range(1, 13)])
    assert [name for _, name in told] == ["2026-01", "2026-03", "2026-05", "2026-07", "2026-09", "2026-11"]
    assert told[0][0] == pytest.approx(0.5 / 12)
