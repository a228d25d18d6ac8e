"""Who may still speak with a release that left the tables, and what routers say of it in a service's history."""

from dataclasses import replace

from controller.core.commands import ReportReleaseDrained, ReportRouteApplied, ReportRouterEnded
from controller.core.draining import Parting, Router, may_speak
from controller.core.events import ReleaseDrained, RouteApplied, RouterEnded
from tests.spec import SAID, SERVICE, given, installed

LEFT = Parting(epoch=7, at_ms=100_000)
"""The release r2 is named by table 6 and no longer by table 7."""

FOLLOWS = Router("gateway@a", 7, ("r1",), ("r1",), None)
SPEAKS = Router("gateway@b", 7, ("r1", "r2"), ("r1",), None)
OLDER = Router("gateway@old", 7, None, ("r1",), None)
BEHIND = Router("gateway@c", 5, ("r1",), ("r1",), 95_000)
"""It had not reported table 6 yet when the release left, five seconds after that table was set."""


def waited_for(*routers: Router, left: Parting = LEFT) -> tuple[str, ...] | None:
    """Say who may still speak with r2, where a router is taken for dead after ten seconds."""
    return may_speak("r2", left, routers, silent_after_s=10)


def test_what_a_router_may_speak_with_is_recorded() -> None:
    """The set stands in the fact as it was reported; one that was not reported stays unknown."""
    applied = ReportRouteApplied(
        service=SERVICE, **SAID, router="gateway@a", epoch=1, applied_at_ms=5, speaking=("r1", "r2")
    )
    fact = RouteApplied(**SAID, router="gateway@a", epoch=1, applied_at_ms=5, speaking=("r1", "r2"))
    given(*installed()).when(applied).then(fact)
    given(*installed()).when(replace(applied, speaking=None)).then(replace(fact, speaking=None))


def test_that_nobody_hears_a_release_any_more_is_recorded() -> None:
    """It names who says so of which release, and by which table."""
    drained = ReportReleaseDrained(service=SERVICE, **SAID, ensemble="r2", router="gateway@a", epoch=1)
    given(*installed()).when(drained).then(ReleaseDrained(**SAID, ensemble="r2", router="gateway@a", epoch=1))


def test_that_a_router_ends_is_recorded() -> None:
    """It names who."""
    ended = ReportRouterEnded(service=SERVICE, **SAID, router="gateway@a")
    given(*installed()).when(ended).then(RouterEnded(**SAID, router="gateway@a"))


def test_release_is_waited_for_while_a_router_speaks_with_it() -> None:
    """Whoever names it is waited for, and nobody else."""
    assert waited_for(FOLLOWS, SPEAKS) == ("gateway@b",)
    assert waited_for(FOLLOWS, replace(SPEAKS, speaking=("r1",))) == ()


def test_router_that_may_not_know_yet_is_waited_for() -> None:
    """While a table that named the release may still be on its way to a router, or its word of that, it may speak."""
    assert waited_for(FOLLOWS, BEHIND) == ("gateway@c",)


def test_router_that_was_silent_for_long_is_waited_for_only_for_what_it_named() -> None:
    """One that was killed long ago delays what it spoke with, and no release that came later."""
    dead = replace(BEHIND, behind_since_ms=89_999)
    assert waited_for(FOLLOWS, dead) == ()
    assert waited_for(FOLLOWS, replace(dead, speaking=("r2",))) == ("gateway@c",)


def test_router_that_does_not_say_may_speak_with_anything() -> None:
    """An older gateway is waited for to the end; a dead one for what its last table names."""
    assert waited_for(FOLLOWS, OLDER) == ("gateway@old",)
    dead = replace(OLDER, epoch=5, behind_since_ms=89_999)
    assert waited_for(FOLLOWS, dead) == ()
    assert waited_for(FOLLOWS, replace(dead, named=("r2",))) == ("gateway@old",)


def test_where_nobody_reports_nobody_vouches() -> None:
    """No router, only older ones, or only some that have not reported the table yet: nobody can tell."""
    assert waited_for() is None
    assert waited_for(OLDER) is None
    assert waited_for(BEHIND) is None
    assert waited_for(replace(BEHIND, behind_since_ms=0)) is None


def test_release_that_no_table_named_was_never_heard() -> None:
    """A candidate that was loaded and taken back before its first step waits for nobody, whoever reports."""
    assert waited_for(OLDER, left=Parting(0, 0)) == ()
