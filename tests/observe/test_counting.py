"""Raw counters come to exact differences; what cannot be known is left out and said to be."""

from hypothesis import given
from hypothesis import strategies as st

from controller.observe.counting import STARTED, Counted, count
from controller.outside.series import Series

OLD_S = 1.0
"""When a process started that was there long before."""


def gateway(
    *scrapes_ms: int, started_s: float | dict[int, float] = OLD_S, instance: str = "a", **counters: dict[int, float]
) -> list[Series]:
    """What one instance showed: its start at every scrape, and counters by the scrapes at which they were there."""
    labels = {"instance": instance, "job": "segue"}
    started = dict.fromkeys(scrapes_ms, started_s) if isinstance(started_s, float) else started_s
    return [
        Series({"__name__": STARTED, **labels}, tuple(sorted(started.items()))),
        *(
            Series({"__name__": name, "outcome": "ok", **labels}, tuple(sorted(values.items())))
            for name, values in counters.items()
        ),
    ]


def grown(counted: Counted) -> dict[str, int]:
    """How much each counter grew."""
    return {one.labels["__name__"]: one.count for one in counted.increments}


def test_a_window_ends_at_the_last_scrape_before_its_end() -> None:
    """Both ends are the last scrape at or before them: 12 at 9 s, 40 at 19 s; what 21 s shows is the next window's."""
    seen = gateway(9_000, 14_000, 19_000, 21_000, requests={9_000: 12, 14_000: 30, 19_000: 40, 21_000: 90})
    assert grown(count(seen, 10_000, 20_000)) == {"requests": 28}


def test_a_new_counter_begins_at_nothing() -> None:
    """A counter that was absent while its instance was read was 0: children are made when they first count."""
    seen = gateway(9_000, 14_000, 19_000, requests={14_000: 3, 19_000: 8})
    assert grown(count(seen, 10_000, 20_000)) == {"requests": 8}


def test_a_counter_that_fell_began_anew() -> None:
    """What was counted up to the fall, and what has been since, is the growth; never less than nothing."""
    seen = gateway(9_000, 14_000, 19_000, requests={9_000: 100, 14_000: 110, 19_000: 4})
    assert grown(count(seen, 10_000, 20_000)) == {"requests": 14}


def test_a_new_process_began_anew_though_its_counter_is_higher() -> None:
    """The process that answers is another one, so all that it has counted is new, however much that is."""
    lives = {9_000: OLD_S, 14_000: 11.0, 19_000: 11.0}
    seen = gateway(started_s=lives, requests={9_000: 5, 14_000: 7, 19_000: 9})
    assert grown(count(seen, 10_000, 20_000)) == {"requests": 9}


def test_a_process_that_started_within_the_window_is_known() -> None:
    """An instance without a scrape before the window began at 0 if its process did so within the window."""
    counted = count(gateway(14_000, 19_000, started_s=11.0, requests={14_000: 3, 19_000: 8}), 10_000, 20_000)
    assert grown(counted) == {"requests": 8}
    assert (counted.read, counted.known) == (1, 1)


def test_an_instance_unread_at_the_beginning_is_left_out() -> None:
    """Prometheus was away: what the instance had counted before is unknown, and so is what is new."""
    counted = count(gateway(14_000, 19_000, requests={14_000: 1000, 19_000: 1004}), 10_000, 20_000)
    assert counted == Counted((), read=1, known=0)


def test_an_unread_instance_costs_only_itself() -> None:
    """Of two instances the one that is known is counted."""
    unknown = gateway(14_000, requests={14_000: 1000})
    counted = count([*unknown, *gateway(9_000, 19_000, instance="b", requests={19_000: 7})], 10_000, 20_000)
    assert grown(counted) == {"requests": 7}
    assert (counted.read, counted.known) == (2, 1)


def test_an_instance_that_was_not_read_within_is_silent() -> None:
    """Its last scrape lies before the window: the window after it will begin there."""
    seen = gateway(9_000, 24_000, requests={9_000: 5, 24_000: 9})
    assert count(seen, 10_000, 20_000) == Counted((), read=0, known=0)
    assert grown(count(seen, 20_000, 30_000)) == {"requests": 4}


def test_a_counter_that_went_counts_up_to_its_end() -> None:
    """The gateway forgets the series of releases that left; what they had counted stays counted."""
    seen = gateway(9_000, 14_000, 19_000, requests={9_000: 5, 14_000: 9})
    assert grown(count(seen, 10_000, 20_000)) == {"requests": 4}


@given(
    lives=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 40_000), max_size=5),
)
def test_windows_side_by_side_add_up(lives: list[list[int]], cuts: list[int]) -> None:
    """However a stretch of time is cut into windows, they come to what every process was last seen to have counted."""
    started, values, at_ms, expected = {500: OLD_S}, {500: 0.0}, 500, 0
    for number, increments in enumerate(lives):
        total = 0
        for increment in increments:
            at_ms += 1_000
            total += increment
            started[at_ms] = OLD_S + number
            values[at_ms] = total
        expected += total
    edges = [500, *sorted(cut for cut in cuts if 500 < cut < at_ms), at_ms]
    seen = gateway(started_s=started, requests=values)
    windows = [count(seen, *edges[place : place + 2]) for place in range(len(edges) - 1)]
    assert sum(grown(window).get("requests", 0) for window in windows) == expected
