"""The routing table of one service, and the pick of a release for one request."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from typing import Final

from controller.core.names import FULL_BP, Release, is_endpoint

_FACT: Final = re.compile(r"region|tier|language|header:[a-z0-9!#$%&'*+.^_`|~-]+")
# It goes into a header and a label as it is.
_SEGMENT_NAME: Final = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")


class Role(StrEnum):
    """What a release is to a service just now."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    PREVIOUS = "previous"
    """The former stable inside the guard window: no traffic of its own, loaded, ready to take all of it back."""


@dataclass(frozen=True, slots=True)
class Arm:
    """
    One release in the table with its share of the traffic in basis points.

    endpoints: host:port of the Triton HTTP endpoints that it lives on; none means those that each gateway was given.
    """

    role: Role
    release: Release
    weight_bp: int
    endpoints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for endpoint in self.endpoints:
            if not is_endpoint(endpoint):
                raise ValueError(f"{self.release.ensemble} cannot live at {endpoint[:80]!r}; give host:port")
        if len(set(self.endpoints)) != len(self.endpoints):
            raise ValueError(f"{self.release.ensemble} lives twice at one endpoint; give each once")


class EndpointFault(StrEnum):
    """How one of a release's endpoints failed it."""

    AWAY = "away"
    TIMED_OUT = "timed_out"
    NOT_LOADED = "not_loaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Segment:
    """
    Requests whose facts match every pair in `where` give the candidate `weight_bp` instead of the common weight.

    name: as metrics and headers show it. where: (fact, value); a fact is `region`, `tier`, `language` or `header:NAME`
    in lower case. weight_bp: 0 keeps the segment away from the candidate.
    """

    name: str
    where: tuple[tuple[str, str], ...]
    weight_bp: int

    def __post_init__(self) -> None:
        if not _SEGMENT_NAME.fullmatch(self.name):
            raise ValueError(f"a segment is named {self.name[:80]!r}; give 1 to 64 printable ASCII characters")
        if not 0 <= self.weight_bp <= FULL_BP:
            raise ValueError(f"segment {self.name} has weight_bp {self.weight_bp}; give 0 to {FULL_BP}")
        if not self.where:
            raise ValueError(f"segment {self.name} asks for nothing; give at least one fact, or use the common weight")
        for fact, _ in self.where:
            if not _FACT.fullmatch(fact):
                raise ValueError(
                    f"segment {self.name} asks for {fact[:80]!r}; "
                    "give region, tier, language or header:NAME in lower case"
                )
        if len({fact for fact, _ in self.where}) != len(self.where):
            raise ValueError(f"segment {self.name} asks for one fact twice; no request could belong to it")


@dataclass(frozen=True, slots=True)
class ForceRules:
    """How a tester asks for an arm: a cookie for candidate or stable, a header for any arm by role or release."""

    cookie: str = "gray_test"
    header: str = "x-segue-release"


# Without slots: what `pick` needs is worked out of a table once and kept on it.
@dataclass(frozen=True)
class RoutingTable:
    """
    Who serves a service, and how much each.

    epoch: grows with every change; a router never goes back to a smaller one.
    salt: mixed into the sticky hash, so that each rollout draws its first listeners anew.
    arms: weights sum to 10000; empty when the service has nothing to serve (yet).
    segments: the first that matches a request decides its weight. mirror_bp: share of stable's requests that the
    candidate is sent a copy of.
    """

    service: str
    epoch: int
    salt: str = ""
    arms: tuple[Arm, ...] = ()
    segments: tuple[Segment, ...] = ()
    force: ForceRules = ForceRules()
    mirror_bp: int = 0

    def __post_init__(self) -> None:
        total_bp = sum(arm.weight_bp for arm in self.arms)
        if self.arms and total_bp != FULL_BP:
            raise ValueError(
                f"the weights of {self.service} sum to {total_bp} basis points; they must sum to {FULL_BP}"
            )
        if not 0 <= self.mirror_bp <= FULL_BP:
            raise ValueError(f"{self.service} has mirror_bp {self.mirror_bp}; give 0 to {FULL_BP}")
        if len({segment.name for segment in self.segments}) != len(self.segments):
            raise ValueError(f"two segments of {self.service} have one name; give each its own")

    def arm(self, role: Role) -> Arm | None:
        """Return the arm in this role, if there is one."""
        return self._by_role.get(role)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Return the facts that the segments ask for; nothing else of a request needs to be read."""
        return tuple(dict.fromkeys(fact for segment in self.segments for fact, _ in segment.where))

    def segment(self, facts: Mapping[str, str]) -> Segment | None:
        """Return the first segment that a request with these facts belongs to."""
        first: _Place | None = None
        for values, places in self._shapes:
            place = places.get(values(facts))
            if place is not None and (first is None or place < first):
                first = place
        return self.segments[first] if first is not None else None

    @cached_property
    def _shapes(self) -> "tuple[_Shape, ...]":
        # Segments that ask for the same facts lie in one dictionary by their values: a rule that does not match is not
        # even looked at, however many there are.
        shapes: dict[tuple[str, ...], dict[object, _Place]] = {}
        for place, segment in enumerate(self.segments):
            names = tuple(sorted(name for name, _ in segment.where))
            shapes.setdefault(names, {}).setdefault(_values_of(names)(dict(segment.where)), place)
        return tuple((_values_of(names), places) for names, places in shapes.items())

    @cached_property
    def _by_role(self) -> Mapping[Role, Arm]:
        return {arm.role: arm for arm in reversed(self.arms)}

    def bucket(self, user: str) -> int:
        """Return the user's bucket, 0 to 9999: the same in every process and on every machine."""
        # Copied, not made anew: the key was mixed in already.
        hash = self._salted.copy()
        hash.update(user.encode("utf-8", "surrogatepass"))
        return int.from_bytes(hash.digest(), "big") % FULL_BP

    @cached_property
    def _salted(self) -> blake2b:
        # A key has 64 bytes at most; were a longer salt cut, rollouts of long names would all draw the same listeners.
        salt = self.salt.encode()
        return blake2b(digest_size=8, key=salt if len(salt) <= blake2b.MAX_KEY_SIZE else blake2b(salt).digest())


_Place = int
_Shape = tuple[Callable[[Mapping[str, str]], object], Mapping[object, _Place]]
"""What to take of a request's facts, and by that the place of the first segment that asks for it."""


def _values_of(names: tuple[str, ...]) -> Callable[[Mapping[str, str]], object]:
    if len(names) == 1:
        (name,) = names
        return lambda facts: facts.get(name)
    return lambda facts: tuple(map(facts.get, names))


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a request says about who should serve it.

    user: any stable name of the user, used for stickiness alone. gray_test: value of the force cookie.
    wanted: value of the force header. facts: those of `RoutingTable.facts` that the request has.
    """

    user: str
    gray_test: str | None = None
    wanted: str | None = None
    facts: Mapping[str, str] | None = None


class Why(StrEnum):
    """Why an arm was picked."""

    FORCED = "forced"
    SEGMENT = "segment"
    WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Pick:
    """The arm that serves a request, and why. segment: the name of the one that decided, else ""."""

    arm: Arm
    why: Why
    segment: str = ""


def pick(table: RoutingTable, asked: Asked) -> Pick | None:
    """
    Choose the arm for one request: forced, else by segment, else by the user's sticky bucket.

    The candidate owns the first buckets, so a user who has it keeps it while its weight, or their segment's, grows.
    Returns None when the table is empty, or when `asked.wanted` names a release that is not in the table.
    """
    if asked.wanted is not None:
        return _named(table, asked.wanted)
    stable, candidate = table.arm(Role.STABLE), table.arm(Role.CANDIDATE)
    if stable is None or candidate is None:
        only = stable or candidate
        return Pick(only, Why.WEIGHT) if only else None
    if asked.gray_test == "true":
        return Pick(candidate, Why.FORCED)
    if asked.gray_test == "false":
        return Pick(stable, Why.FORCED)
    segment = table.segment(asked.facts) if asked.facts else None
    weight_bp = segment.weight_bp if segment else candidate.weight_bp
    arm = candidate if table.bucket(asked.user) < weight_bp else stable
    return Pick(arm, Why.SEGMENT, segment.name) if segment else Pick(arm, Why.WEIGHT)


def _named(table: RoutingTable, wanted: str) -> Pick | None:
    for arm in table.arms:
        if arm.role.value == wanted or arm.release.answers_to(wanted):
            return Pick(arm, Why.FORCED)
    return None
