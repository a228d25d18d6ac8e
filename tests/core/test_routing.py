"""Who serves a request: forced, by segment, else by the user's sticky bucket."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.routing import Asked, Role, RoutingTable, Segment, Why, pick
from tests.spec import candidate, previous, release, stable

OLD, NEW = release("1.4.0"), release("1.5.0")


def table(weight_bp: int, *segments: Segment) -> RoutingTable:
    return RoutingTable("hibari", 7, "hibari-2", (stable(OLD, 10_000 - weight_bp), candidate(NEW, weight_bp)), segments)


def bucket(user: str, salt: str) -> int:
    return RoutingTable("hibari", 7, salt).bucket(user)


def role_of(table: RoutingTable, asked: Asked) -> Role:
    chosen = pick(table, asked)
    assert chosen is not None
    return chosen.arm.role


def test_weights_that_do_not_sum_are_refused() -> None:
    """No table exists whose weights do not sum to 10000 basis points."""
    with pytest.raises(ValueError, match="must sum to 10000"):
        RoutingTable("hibari", 1, "", (stable(OLD, 9_000), candidate(NEW, 500)))


def test_empty_table_serves_nobody() -> None:
    """A service with nothing ready has no release to pick."""
    assert pick(RoutingTable("hibari", 0), Asked("ann")) is None


def test_share_follows_the_weight() -> None:
    """Of 20000 users 5 % meet the candidate, within four standard deviations of the binomial."""
    share = Counter(role_of(table(500), Asked(f"user-{number}")) for number in range(20_000))
    assert abs(share[Role.CANDIDATE] - 1000) < 4 * (20_000 * 0.05 * 0.95) ** 0.5


@given(st.text(max_size=80), st.integers(0, 10_000), st.integers(0, 10_000))
def test_sticky_users_see_a_superset(user: str, one_bp: int, other_bp: int) -> None:
    """A user who has the candidate at some weight has it at every greater one."""
    less_bp, more_bp = sorted((one_bp, other_bp))
    if role_of(table(less_bp), Asked(user)) is Role.CANDIDATE:
        assert role_of(table(more_bp), Asked(user)) is Role.CANDIDATE


def test_bucket_is_the_same_everywhere() -> None:
    """The bucket is no matter of process or platform: these values hold for ever, or sticky users would jump."""
    assert [bucket("ann", "hibari-2"), bucket("ann", "hibari-3"), bucket("", "")] == [7051, 1598, 9876]


def test_each_rollout_draws_its_first_listeners_anew() -> None:
    """Another salt gives another 5 %: the same few users are not the first to meet every release."""
    first = {user for user in range(10_000) if bucket(str(user), "hibari-2") < 500}
    second = {user for user in range(10_000) if bucket(str(user), "hibari-3") < 500}
    assert len(first & second) < 0.2 * len(first)


def test_cookie_forces_candidate() -> None:
    """A tester with gray_test=true meets the candidate even at no weight."""
    chosen = pick(table(0), Asked("ann", gray_test="true"))
    assert chosen is not None
    assert (chosen.arm.role, chosen.why) == (Role.CANDIDATE, Why.FORCED)


def test_cookie_forces_stable() -> None:
    """A tester with gray_test=false meets stable even when the candidate has everything."""
    assert role_of(table(10_000), Asked("ann", gray_test="false")) is Role.STABLE


@pytest.mark.parametrize("wanted", ["candidate", "1.5.0", "hibari__1.5.0", "sha256:1.5.0"])
def test_header_forces_a_release(wanted: str) -> None:
    """The header names an arm by role, version, ensemble or digest."""
    assert role_of(table(0), Asked("ann", wanted=wanted)) is Role.CANDIDATE


def test_header_beats_cookie() -> None:
    """The header, which is set request by request, outranks the cookie."""
    assert role_of(table(0), Asked("ann", gray_test="true", wanted="stable")) is Role.STABLE


def test_header_for_what_is_not_there_picks_nothing() -> None:
    """A release that is not in the table is not silently replaced by another."""
    assert pick(table(500), Asked("ann", wanted="9.9.9")) is None


def test_previous_release_serves_when_named_only() -> None:
    """Inside the guard window the former stable gets no traffic but is there for who names it."""
    guarded = RoutingTable("hibari", 8, "hibari-2", (stable(NEW), previous(OLD)))
    assert role_of(guarded, Asked("ann")) is Role.STABLE
    assert role_of(guarded, Asked("ann", gray_test="true")) is Role.STABLE
    assert role_of(guarded, Asked("ann", wanted="1.4.0")) is Role.PREVIOUS


def test_segment_overrides_the_weight() -> None:
    """A segment's weight holds for its requests alone."""
    vip, staff = Segment("vip", (("tier", "vip"),), 0), Segment("staff", (("tier", "staff"),), 10_000)
    for user in ("ann", "ben", "cy"):
        assert role_of(table(5_000, vip, staff), Asked(user, facts={"tier": "vip"})) is Role.STABLE
        assert role_of(table(500, vip, staff), Asked(user, facts={"tier": "staff"})) is Role.CANDIDATE
        assert role_of(table(0, vip, staff), Asked(user, facts={"tier": "free"})) is Role.STABLE


def test_pick_names_the_segment_that_decided() -> None:
    """Whoever counts can tell the common weight from a segment's, and a forced pick from both."""
    staff = Segment("staff", (("header:x-staff", "yes"),), 10_000)
    facts = {"header:x-staff": "yes"}
    picks = [
        pick(table(0, staff), Asked("ann", facts=facts)),
        pick(table(0, staff), Asked("ann")),
        pick(table(0, staff), Asked("ann", gray_test="true", facts=facts)),
    ]
    assert [(chosen.why, chosen.segment) for chosen in picks if chosen] == [
        (Why.SEGMENT, "staff"),
        (Why.WEIGHT, ""),
        (Why.FORCED, ""),
    ]


FACTS = ("region", "tier", "language", "header:x-plan")
WHERE = st.dictionaries(st.sampled_from(FACTS), st.sampled_from("ab"), min_size=1).map(lambda pairs: (*pairs.items(),))
RULES = st.lists(st.tuples(WHERE, st.integers(0, 10_000)), max_size=12)


@given(RULES, st.dictionaries(st.sampled_from(FACTS), st.sampled_from("abc")), st.text(max_size=8))
def test_first_segment_that_matches_decides(
    rules: list[tuple[tuple[tuple[str, str], ...], int]], facts: dict[str, str], user: str
) -> None:
    """Of all segments whose every pair the request has, the first one's weight holds, else the common weight."""
    segments = [Segment(f"{number}", where, weight_bp) for number, (where, weight_bp) in enumerate(rules)]
    matching = [segment for segment in segments if all(facts.get(fact) == value for fact, value in segment.where)]
    name, weight_bp = (matching[0].name, matching[0].weight_bp) if matching else ("", 700)
    chosen = pick(table(700, *segments), Asked(user, facts=facts))
    assert chosen is not None
    assert chosen.segment == name
    assert (chosen.arm.role is Role.CANDIDATE) == (bucket(user, "hibari-2") < weight_bp)


@given(st.text(max_size=80), st.integers(0, 10_000), st.integers(0, 10_000))
def test_sticky_users_of_a_segment_see_a_superset(user: str, one_bp: int, other_bp: int) -> None:
    """A segment that grows keeps the users it had, whatever the common weight does meanwhile."""
    less, more = (Segment("vip", (("tier", "vip"),), weight_bp) for weight_bp in sorted((one_bp, other_bp)))
    asked = Asked(user, facts={"tier": "vip"})
    if role_of(table(9_000, less), asked) is Role.CANDIDATE:
        assert role_of(table(100, more), asked) is Role.CANDIDATE


def test_table_knows_what_its_segments_ask_for() -> None:
    """A router reads of a request what some segment asks for, and of a table without segments nothing at all."""
    assert table(500).facts == ()
    eu_vip = Segment("eu-vip", (("region", "eu"), ("tier", "vip")), 0)
    assert table(500, eu_vip, Segment("us", (("region", "us"),), 0)).facts == ("region", "tier")


@pytest.mark.parametrize(
    ("name", "where", "weight_bp", "sentence"),
    [
        ("", (("tier", "vip"),), 0, "1 to 64 printable ASCII"),
        ("x" * 65, (("tier", "vip"),), 0, "1 to 64 printable ASCII"),
        ("two\nlines", (("tier", "vip"),), 0, "1 to 64 printable ASCII"),
        ("vip", (), 0, "segment vip asks for nothing"),
        ("vip", (("shoe size", "44"),), 0, "give region, tier, language or header:NAME"),
        ("vip", (("header:X-Plan", "a"),), 0, "in lower case"),
        ("vip", (("tier", "a"), ("tier", "b")), 0, "asks for one fact twice"),
        ("vip", (("tier", "vip"),), 10_001, "give 0 to 10000"),
    ],
)
def test_segment_that_makes_no_sense_is_refused(
    name: str, where: tuple[tuple[str, str], ...], weight_bp: int, sentence: str
) -> None:
    """A rule that could match nobody, or that no header could tell of, never gets into a table."""
    with pytest.raises(ValueError, match=sentence):
        Segment(name, where, weight_bp)


def test_two_segments_of_one_name_are_refused() -> None:
    """What is counted for a segment is counted for one rule."""
    with pytest.raises(ValueError, match="two segments of hibari have one name"):
        table(500, Segment("vip", (("tier", "vip"),), 0), Segment("vip", (("tier", "pro"),), 0))


@pytest.mark.parametrize("mirror_bp", [-1, 10_001])
def test_share_of_copies_is_a_share(mirror_bp: int) -> None:
    """No more can be copied than all that stable hears."""
    with pytest.raises(ValueError, match="give 0 to 10000"):
        RoutingTable("hibari", 7, "hibari-2", (stable(OLD),), mirror_bp=mirror_bp)


def test_rollouts_of_a_long_name_draw_different_listeners() -> None:
    """However long a service's name is, each of its rollouts draws its first listeners anew."""
    first, second = (RoutingTable("x", 1, salt=f"{'long-name-' * 7}{number}") for number in (1, 2))
    users = [f"user-{number}" for number in range(50)]
    assert [first.bucket(user) for user in users] != [second.bucket(user) for user in users]
