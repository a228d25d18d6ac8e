"""
Who is asked for an utterance, and when the next one is, until somebody is heard.

The picked release is asked first. Another that may answer is asked when it fails; when its user has stood in its line
for as long as it may be silent; and beside it when it was asked and has said nothing for as long (a hedge): whoever
speaks first is heard. None of this happens once a release has said something.

Hedges are few, and go only where a place is free, so a release that is late with everything does not have everything
spoken twice. So there is a second look when the time-out is over, counted from when the request came in: whoever has
heard nothing then is spoken by another in any case in which that one has room.

A release that was late and is not heard goes on to its own end, unheard and in its place, while the table in use names
it. So it is judged by what it did and by the clock of everybody, and one that hangs takes no more users than it has
places.
"""

import asyncio
import logging
import time
from typing import Final

from controller.core.routing import Arm
from controller.gateway.admission import Crowded
from controller.gateway.attempt import Attempt
from controller.gateway.engine import ReleaseFault
from controller.gateway.unheard import Unheard, to_its_end
from controller.gateway.utterance import Means, Place, Utterance

log = logging.getLogger(__name__)

_LATE: Final = "late"


class Race:
    """The attempts at one utterance."""

    def __init__(self, means: Means, utterance: Utterance, others: list[Arm], unheard: Unheard) -> None:
        """others: who may answer besides, in this order. unheard: where those go on that nobody waits for."""
        self._means = means
        self._utterance = utterance
        # Those that are gone come last: a release nobody expects to speak is still better than no answer.
        self._others = sorted(others, key=means.engine.gone)
        self._unheard = unheard
        self._running: dict[asyncio.Task[None], Attempt] = {}
        self._looks_s: list[float] = []
        self._front: Attempt

    async def heard(self) -> Attempt:
        """
        Give the attempt that works, with its place held.

        Raises ReleaseFault when no release that may answer can, and Crowded when there is no place.
        """
        picked = self._utterance.pick.arm
        self._means.hedges.requested(self._place(picked))
        self._look_after(self._ask(picked))
        try:
            while True:
                done, _ = await asyncio.wait(
                    self._running, timeout=self._until_look_s(), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    self._look()
                # In the order in which they were asked: of two that are done the picked one is heard.
                for task in [task for task in self._running if task in done]:
                    attempt = self._running.pop(task)
                    fault = task.exception()
                    if fault is None:
                        self._let_go(attempt)
                        return attempt
                    self._failed(attempt, fault)
        except BaseException:
            await self._end()
            raise

    def _ask(self, arm: Arm) -> Attempt:
        picked = self._utterance.pick.arm
        before = None if arm is picked else picked
        place, admission = self._place(arm), self._means.admission
        # Not in the first step of its task: others who look before that would see the same place free, or the same one
        # in the line. Whoever finds that full is told so by the attempt.
        inside = admission.take(place)
        turn = None if inside else admission.line_up(place, guest=before is not None)
        attempt = Attempt(
            self._means, self._utterance, arm, self._stand_in(), failed_over_from=before, inside=inside, turn=turn
        )
        self._running[asyncio.create_task(attempt.begin())] = attempt
        return attempt

    def _look_after(self, attempt: Attempt) -> None:
        self._front = attempt
        waits_s = sorted({self._means.late_s, self._means.timeout_s})
        self._looks_s = [attempt.began_s + wait_s for wait_s in waits_s] if self._others else []

    def _until_look_s(self) -> float | None:
        return max(0.0, self._looks_s[0] - time.perf_counter()) if self._looks_s else None

    def _look(self) -> None:
        """See whether the one that was asked first, and has said nothing yet, still is the one to wait for."""
        del self._looks_s[0]
        front, stand_in, last = self._front, self._stand_in(), not self._looks_s
        if len(self._running) > 1 or front.speaks or stand_in is None or self._means.engine.gone(stand_in):
            return
        place, admission = self._place(stand_in), self._means.admission
        if not (admission.has_room(place, guest=True) if last else admission.free(place)):
            return
        if front.in_line:
            (task,) = self._running
            del self._running[task]
            front.leave_line()
            task.cancel()
            front.leave()
            self._next(front, Crowded(waited=True))
        elif last or self._means.hedges.take(self._place(front.arm)):
            self._means.metrics.hedges.labels(self._utterance.table.service, front.arm.release.version).inc()
            self._others.remove(stand_in)
            self._ask(stand_in)

    def _failed(self, attempt: Attempt, fault: BaseException) -> None:
        if not isinstance(fault, ReleaseFault | Crowded):
            raise fault
        if not self._running:
            self._next(attempt, fault)
        elif attempt is self._front:
            (self._front,) = self._running.values()
            self._looks_s = []
            self._note(attempt.arm, self._front.arm, attempt.why, fault)
        elif isinstance(fault, Crowded):
            # It was not asked for anything, and may have a place when the front fails.
            self._others.insert(0, attempt.arm)

    def _next(self, attempt: Attempt, fault: ReleaseFault | Crowded) -> None:
        """Ask the next one instead; raises the fault when there is none."""
        following = self._stand_in()
        if following is None:
            raise fault
        self._others.remove(following)
        self._look_after(self._ask(following))
        self._note(attempt.arm, following, attempt.why, fault)

    def _stand_in(self) -> Arm | None:
        allows = self._means.budget.allows
        return next((arm for arm in self._others if allows(self._place(arm))), None)

    def _let_go(self, heard: Attempt) -> None:
        for task, other in self._running.items():
            if other is self._front:
                self._note(other.arm, heard.arm, _LATE, None)
                self._unheard.start(self._utterance.table.service, to_its_end(task, other))
            else:
                other.withdraw()
                if not task.cancel():
                    task.exception()
                # Here, for one that is cancelled before its first step does nothing more itself.
                other.leave()

    async def _end(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for attempt in self._running.values():
            # It may have got its place in the last moment, or stand in a line without having begun to wait.
            attempt.leave()

    def _place(self, arm: Arm) -> Place:
        return self._utterance.table.service, arm.release

    def _note(self, arm: Arm, following: Arm, why: str, fault: Exception | None) -> None:
        table = self._utterance.table
        self._means.metrics.failovers.labels(table.service, arm.release.version, why).inc()
        log.warning(
            "failed over before the first byte",
            extra={
                "service": table.service,
                "release": arm.release.version,
                "to": following.release.version,
                "epoch": table.epoch,
                "why": why,
                "fault": str(fault or "it has said nothing yet"),
            },
        )
