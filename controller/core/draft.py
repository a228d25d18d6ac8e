"""A decision being written: facts so far, folded as they are added, and the moves that several commands share."""

from typing import TypedDict

from controller.core.events import (
    AnyEvent,
    GuardWindowEnded,
    PromotionReverted,
    ReleaseQuarantined,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RolloutSuperseded,
    RouteSet,
    StepStarted,
    Trigger,
)
from controller.core.names import FULL_BP, Release
from controller.core.plan import Plan
from controller.core.routing import Arm, Role
from controller.core.state import State, evolve

# What says something against a release itself; being late, unknown or outrun does not.
_CONDEMNS = frozenset({Trigger.ALERT, Trigger.ORDER, Trigger.RELEASE_FAILED, Trigger.EVIDENCE, Trigger.GATE})


class Said(TypedDict):
    """The fields that every fact carries."""

    actor: str
    reason: str
    rollout: str


class Draft:
    """Facts of one decision in order; `state` is always the state after the last of them."""

    def __init__(self, state: State, actor: str, reason: str, now_ms: int) -> None:
        self.state = state
        self.events: tuple[AnyEvent, ...] = ()
        self.now_ms = now_ms
        self._actor = actor
        self._reason = reason

    def add(self, event: AnyEvent) -> None:
        """Write one fact down."""
        self.events = (*self.events, event)
        self.state = evolve(self.state, event, self.now_ms)

    def said(self, reason: str | None = None, rollout: str | None = None) -> Said:
        """Return who, why and in which rollout; by default the command's reason and the running rollout."""
        running = self.state.rollout.id if self.state.rollout else ""
        return {
            "actor": self._actor,
            "reason": self._reason if reason is None else reason,
            "rollout": running if rollout is None else rollout,
        }

    def in_s(self, delay_s: float) -> int:
        """Return the time `delay_s` seconds from now, in milliseconds since 1970."""
        return self.now_ms + round(delay_s * 1000)

    def begin(
        self,
        release: Release,
        plan: Plan,
        overtaken: str,
        *,
        endpoints: tuple[str, ...],
        plan_version: int = 0,
        back: bool = False,
    ) -> None:
        """
        Make a release the candidate; one that is running makes way for it first.

        overtaken: why that one makes way. endpoints: where the new one is to live, as `Arm` has them.
        """
        state, running = self.state, self.state.rollout
        if running is not None:
            self.add(RolloutSuperseded(**self.said(overtaken), release=running.release, by=release))
            self.set_route(overtaken, running.id)
        self.add(
            RolloutStarted(
                **self.said(rollout=f"{state.service}-{state.rollouts + 1}"),
                release=release,
                from_release=state.stable,
                plan=plan,
                plan_version=plan_version,
                ready_by_ms=self.in_s(plan.readiness_deadline_s),
                back=back,
                endpoints=endpoints,
            )
        )

    def enter_next_step(self, why: str) -> None:
        """Start the next step of the plan; promote when there is none, or nobody yet to be protected by small steps."""
        rollout = self.state.rollout
        assert rollout is not None
        number = rollout.step + 1
        if number >= len(rollout.plan.steps) or self.state.stable is None:
            return self.promote(why)
        return self.enter_step(number, why)

    def enter_step(self, number: int, why: str) -> None:
        """Start a step of the plan, be it the next one or an earlier one again."""
        rollout = self.state.rollout
        assert rollout is not None
        step = rollout.plan.steps[number]
        self.add(
            StepStarted(
                **self.said(why),
                step=number,
                weight_bp=step.weight_bp,
                due_ms=self.in_s(step.hold_s),
                began_ms=self.now_ms,
            )
        )
        self.set_route(why)

    def promote(self, why: str) -> None:
        """
        Make the candidate stable and put the former stable on guard.

        After a way back the former stable is what was taken back: it is condemned instead.
        """
        rollout, former = self.state.rollout, self.state.stable
        assert rollout is not None
        said = self.said(why)
        self.add(
            RolloutPromoted(
                **said,
                release=rollout.release,
                previous=former,
                guard_until_ms=self.in_s(rollout.plan.guard_s),
            )
        )
        condemned = former if rollout.back and rollout.plan.quarantine else None
        if condemned is not None:
            self.add(GuardWindowEnded(**said, release=condemned))
        self.set_route(why, rollout.id)
        if condemned is not None:
            self.add(ReleaseQuarantined(**said, release=condemned))

    def abort(self, trigger: Trigger, why: str, guilty: tuple[str, ...] = (), *, condemn: bool = True) -> None:
        """
        Take all traffic from the candidate; quarantine it when the trigger speaks against it.

        guilty: the measures that did. condemn: False when, this time, it does not.
        """
        rollout = self.state.rollout
        assert rollout is not None
        said = self.said(why)
        self.add(
            RolloutAborted(
                **said,
                trigger=trigger,
                release=rollout.release,
                back_to=self.state.stable,
                weight_bp=rollout.weight_bp,
                guilty=guilty,
            )
        )
        guard = self.state.guard
        condemned = condemn and trigger in _CONDEMNS and rollout.plan.quarantine
        if condemned and guard is not None and guard.previous.digest == rollout.release.digest:
            # It was the former stable, asked for again: nothing may go back to what is condemned.
            self.add(GuardWindowEnded(**said, release=guard.previous))
        self.set_route(why, rollout.id)
        if condemned:
            self.add(ReleaseQuarantined(**said, release=rollout.release))

    def revert(self, trigger: Trigger, why: str, *, condemn: bool = True) -> None:
        """
        Inside the guard window: give all traffic back to the former stable; a running rollout ends with it.

        condemn: False when nothing speaks against the release that is taken back.
        """
        guard, condemned, running = self.state.guard, self.state.stable, self.state.rollout
        assert guard is not None
        assert condemned is not None
        if running is not None:
            self.add(
                RolloutAborted(
                    **self.said(f"its stable {condemned.version} is itself taken back"),
                    trigger=trigger,
                    release=running.release,
                    back_to=guard.previous,
                    weight_bp=running.weight_bp,
                )
            )
        said = self.said(why, guard.rollout)
        plan = self.state.stable_plan
        self.add(PromotionReverted(**said, trigger=trigger, release=condemned, back_to=guard.previous))
        self.set_route(why, guard.rollout)
        if condemn and (plan is None or plan.quarantine):
            self.add(ReleaseQuarantined(**said, release=condemned))

    def set_route(self, why: str, rollout: str | None = None) -> None:
        """Write the arms that follow from the state, under a new epoch, unless they are as before."""
        state, running = self.state, self.state.rollout
        arms = _arms(state)
        step = running.at if running and any(arm.role is Role.CANDIDATE for arm in arms) else None
        segments, mirror_bp = (step.segments, step.mirror_bp) if step else ((), 0)
        if (arms, segments, mirror_bp) == (state.arms, state.segments, state.mirror_bp):
            return
        self.add(
            RouteSet(
                **self.said(why, rollout),
                epoch=state.epoch + 1,
                salt=running.id if running else state.salt,
                arms=arms,
                segments=segments,
                mirror_bp=mirror_bp,
            )
        )


def _arms(state: State) -> tuple[Arm, ...]:
    """Return who may serve: a candidate from the moment it is ready, the previous stable as long as it is on guard."""
    if state.stable is None:
        return ()
    rollout = state.rollout
    candidate = rollout if rollout and rollout.ready else None
    candidate_bp = candidate.weight_bp if candidate else 0
    arms = [Arm(Role.STABLE, state.stable, FULL_BP - candidate_bp, state.stable_endpoints)]
    if candidate:
        arms.append(Arm(Role.CANDIDATE, candidate.release, candidate_bp, candidate.endpoints))
    if state.guard:
        arms.append(Arm(Role.PREVIOUS, state.guard.previous, 0, state.guard.endpoints))
    return tuple(arms)
