"""The routing table of one service, and the pick of a release for one request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from controller.core.names import FULL_BP, Release


class Role(StrEnum):
    """What a release is to a service just now."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    PREVIOUS = "previous"
    """The former stable inside the guard window: no traffic of its own, loaded, ready to take all of it back."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One release in the table with its share of the traffic in basis points."""

    role: Role
    release: Release
    weight_bp: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Requests whose facts match every pair in `where` give the candidate `weight_bp` instead of the common weight."""

    where: tuple[tuple[str, str], ...]
    weight_bp: int

    def matches(self, facts: Mapping[str, str]) -> bool:
        """Say whether a request with these facts (region, tier, ...) belongs to the segment."""
        return all(facts.get(name) == value for name, value in self.where)


@dataclass(frozen=True, slots=True)
class ForceRules:
    """How a tester asks for an arm: a cookie for candidate or stable, a header for any arm by role or release."""

    cookie: str = "gray_test"
    header: str = "x-segue-release"


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """
    Who serves a service, and how much each.

    epoch: grows with every change; a router never goes back to a smaller one.
    salt: mixed into the sticky hash, so that each rollout draws its first listeners anew.
    arms: weights sum to 10000; empty when the service has nothing to serve (yet).
    """

    service: str
    epoch: int
    salt: str = ""
    arms: tuple[Arm, ...] = ()
    segments: tuple[Segment, ...] = ()
    force: ForceRules = ForceRules()

    def __post_init__(self) -> None:
        total_bp = sum(arm.weight_bp for arm in self.arms)
        if self.arms and total_bp != FULL_BP:
            raise ValueError(
                f"the weights of {self.service} sum to {total_bp} basis points; they must sum to {FULL_BP}"
            )

    def arm(self, role: Role) -> Arm | None:
        """Return the arm in this role, if there is one."""
        for arm in self.arms:
            if arm.role is role:
                return arm
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a request says about who should serve it.

    user: any stable name of the user, used for stickiness alone. gray_test: value of the force cookie.
    wanted: value of the force header. facts: region, tier and the like, for segments.
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
    """The arm that serves a request, and why."""

    arm: Arm
    why: Why


def pick(table: RoutingTable, asked: Asked) -> Pick | None:
    """
    Choose the arm for one request: forced, else by segment, else by the user's sticky bucket.

    The candidate owns the first buckets, so a user who has it keeps it while its weight grows.
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
    weight_bp, why = candidate.weight_bp, Why.WEIGHT
    if asked.facts:
        for segment in table.segments:
            if segment.matches(asked.facts):
                weight_bp, why = segment.weight_bp, Why.SEGMENT
                break
    return Pick(candidate if bucket(asked.user, table.salt) < weight_bp else stable, why)


def bucket(user: str, salt: str) -> int:
    """Return the user's bucket, 0 to 9999: the same in every process and on every machine."""
    digest = blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big") % FULL_BP


def _named(table: RoutingTable, wanted: str) -> Pick | None:
    for arm in table.arms:
        if arm.role.value == wanted or arm.release.answers_to(wanted):
            return Pick(arm, Why.FORCED)
    return None
