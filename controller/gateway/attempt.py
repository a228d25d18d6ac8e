"""One release's attempt at one utterance, with its place, its clock and its counts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from controller.core.routing import Arm, Why
from controller.gateway.admission import Crowded, Turn
from controller.gateway.checks import check_audio
from controller.gateway.encode import Samples
from controller.gateway.engine import ModelFailed, NoneLeft, ReleaseFault, TakenBack
from controller.gateway.evidence import Measured, Source
from controller.gateway.failures import CALLER_LEFT, CROWDED, NONE_LEFT, OVERRUN, Failure
from controller.gateway.metrics import ArmMetrics
from controller.gateway.utterance import Means, Place, Utterance


@dataclass(slots=True)
class Attempt:
    """
    See the module. `begin`, then perhaps `rest`, and always `leave`.

    stand_in: the arm that answers at once when none of this one's endpoints is left, if there is one.
    failed_over_from: the arm that was picked, when this one answers in its stead.
    copied: nobody hears it.
    left: called when it asks for nothing more.
    audio: int16 samples of the groups that were spoken ahead.
    began_s: when its release was turned to, by time.perf_counter.
    inside: it holds its place; given one from the start, it takes none. turn: in the line, if it stands there already.
    why: how it failed, as in `Failure`; "" while it did not.
    """

    means: Means
    utterance: Utterance
    arm: Arm
    stand_in: Arm | None = None
    failed_over_from: Arm | None = None
    copied: bool = False
    left: Callable[[], None] | None = None
    audio: list[Samples] = field(default_factory=list)
    began_s: float = field(default_factory=time.perf_counter)
    inside: bool = False
    turn: Turn | None = None
    why: str = ""
    _counted_as: str = field(init=False)
    _counts: ArmMetrics = field(init=False)
    _waited_s: float = 0.0
    _first_s: float = 0.0
    _infer_s: float = 0.0
    _lost_s: float = 0.0
    _audio_s: float = 0.0
    _withdrawn: bool = False
    _succeeded: bool = False
    _fault: ReleaseFault | None = None
    _endpoint: str = ""

    def __post_init__(self) -> None:
        if self.copied:
            self._counted_as = "mirror"
        else:
            # Testers choose their release, so they say nothing of the share that chance gave it: an arm of their own.
            self._counted_as = (Why.FORCED if self.utterance.pick.why is Why.FORCED else self.arm.role).value
        version = self.arm.release.version
        self._counts = self.means.metrics.arm(self.utterance.table.service, version, self._counted_as)

    async def begin(self) -> None:
        """
        Take a place and speak the groups ahead.

        Raises ReleaseFault or Crowded; or TakenBack before a group, when nobody hears it and its release has left the
        table. It holds no place then.
        """
        if not self.inside:
            await self._enter()
        self._waited_s = time.perf_counter() - self.began_s
        try:
            # Once more, for the last endpoint may have gone while this one stood in line.
            self._check_left()
            for group in self.utterance.groups[: self.utterance.ahead]:
                audio = await self._infer(group)
                # Of what nobody hears nothing is kept.
                self.audio.append(b"" if self.copied else audio)
        except BaseException as error:
            if isinstance(error, ReleaseFault):
                self._failed(NONE_LEFT if isinstance(error, NoneLeft) else error.kind)
            elif isinstance(error, asyncio.CancelledError):
                self._left_by_its_caller()
            self.leave()
            raise
        if self.utterance.ahead >= len(self.utterance.groups):
            self._succeed()

    @property
    def in_line(self) -> bool:
        """Say whether it still waits for its place."""
        return not self.inside

    @property
    def speaks(self) -> bool:
        """Say whether its release has said something."""
        return self._audio_s > 0

    def leave_line(self) -> None:
        """Count that its user waited long enough for a place: another release is asked. `begin` is to be cancelled."""
        self._overrun()
        self.withdraw()

    def withdraw(self) -> None:
        """Count nothing more: another release is heard, and this one is asked for nothing more."""
        self._withdrawn = True

    async def rest(self) -> AsyncIterator[Samples]:
        """
        Speak the groups that `begin` left, each tried twice by this same release, then give the place back.

        Raises TakenBack as `begin` does, and ReleaseFault when a group fails twice: the utterance is broken then, and
        counted as such.
        """
        for group in self.utterance.groups[len(self.audio) :]:
            try:
                audio = await self._infer(group)
            except ReleaseFault:
                audio = await self._infer_last_time(group)
            yield audio
        if not self._succeeded:
            self._succeed()
        self.leave()

    def leave(self) -> None:
        """Give the place back, or the turn in the line; harmless when it was given back already."""
        turn, self.turn = self.turn, None
        if turn is not None:
            self.means.admission.give_up(self._place, turn)
        if not self.inside:
            return
        self.inside = False
        self.means.admission.leave(self._place)
        if self.left is not None:
            self.left()
        failed = self._fault is not None and self._fault.outcome == "error"
        if not self._succeeded and not failed and not self._withdrawn:
            # A time-out, or a caller who left: it took at least this long. Were that not counted, impatient callers
            # would make a slow release look quick. A failure says nothing about speed.
            self._counts.request_seconds.observe(time.perf_counter() - self.began_s)

    async def _enter(self) -> None:
        try:
            self._check_left()
            turn, self.turn = self.turn, None
            if turn is None:
                await self.means.admission.enter(self._place, guest=self.failed_over_from is not None)
            else:
                await self.means.admission.wait(self._place, turn)
        except NoneLeft:
            self.leave()
            self._failed(NONE_LEFT)
            raise
        except Crowded:
            self._no_place()
            raise
        except asyncio.CancelledError:
            self._left_by_its_caller()
            raise
        self.inside = True

    def _check_left(self) -> None:
        if self.means.engine.gone(self.arm) and self._replaceable:
            self._fault = NoneLeft(f"no endpoint of {self.arm.release.ensemble} is left")
            raise self._fault

    def _no_place(self) -> None:
        if self._replaceable and self._has_room(self.stand_in):
            self._overrun()
        else:
            self._counts.outcomes["rejected"].inc()
            self._failed(CROWDED)

    def _overrun(self) -> None:
        # Another speaks, so this is no failure to speak. But it is slow, and the longest waits must not be missing
        # where slowness is judged: whoever leaves the line, or finds it full, counts as having waited for the longest.
        # For each group: a long text takes stable longer, and would look quick with the wait for one.
        late_s = max(self.means.late_s, time.perf_counter() - self.began_s)
        self._counts.outcomes["rejected"].inc()
        self._failed(OVERRUN, Measured(late_s * len(self.utterance.groups), late_s, None))

    @property
    def _replaceable(self) -> bool:
        return self.stand_in is not None and not self.means.engine.gone(self.stand_in)

    def _has_room(self, arm: Arm | None) -> bool:
        service = self.utterance.table.service
        return arm is not None and self.means.admission.has_room((service, arm.release), guest=True)

    @property
    def _taken_back(self) -> bool:
        table = self.means.tables.get(self.utterance.table.service)
        return table is None or all(arm.release != self.arm.release for arm in table.arms)

    @property
    def _place(self) -> Place:
        return self.utterance.table.service, self.arm.release

    async def _infer(self, group: str) -> Samples:
        if self.copied and self._taken_back:
            self.withdraw()
            raise TakenBack(f"{self.arm.release.ensemble} left the table in use")
        asked_s = time.perf_counter()
        try:
            audio, self._endpoint = await self.means.engine.infer(
                self.arm, group, self.utterance.speed, self.means.timeout_s
            )
            self._check(audio, group)
        except ReleaseFault as fault:
            self._endpoint = fault.endpoint or self._endpoint
            self._lost_s += time.perf_counter() - asked_s
            self._fault = fault
            self._counts.outcomes[fault.outcome].inc()
            self.means.budget.failed(self._place)
            raise
        heard_s = time.perf_counter()
        if not self._audio_s:
            self._first_s = heard_s - self.began_s
            self._counts.first_audio_seconds.observe(self._first_s)
        self._fault = None
        self._infer_s += heard_s - asked_s
        self._audio_s += len(audio) / 2 / self.arm.release.sample_rate_hz
        return audio

    async def _infer_last_time(self, group: str) -> Samples:
        try:
            return await self._infer(group)
        except ReleaseFault as fault:
            self._failed(fault.kind)
            raise

    def _check(self, audio: Samples, group: str) -> None:
        spoken = sum(map(str.isalnum, group))
        wrong = check_audio(audio, self.arm.release.sample_rate_hz, spoken, self.utterance.speed)
        if wrong is None:
            return
        service, release = self._place
        self.means.metrics.audio_check_failures.labels(service, release.version, wrong).inc()
        if wrong.unusable:
            raise ModelFailed(f"{release.ensemble}: its audio is {wrong}")

    def _succeed(self) -> None:
        self._succeeded = True
        counts = self._counts
        counts.outcomes["ok"].inc()
        counts.request_seconds.observe(time.perf_counter() - self.began_s)
        rtf = self._infer_s / self._audio_s
        counts.real_time_factor.observe(rtf)
        counts.audio_seconds.inc(self._audio_s)
        counts.characters.inc(self.utterance.characters)
        self.means.budget.answered(self._place)
        # What the gateway does between two groups, such as encoding, is not the release's doing.
        self._ended(Measured(self._waited_s + self._lost_s + self._infer_s, self._first_s, rtf))

    def _left_by_its_caller(self) -> None:
        # Callers have time-outs of their own. Were none of them counted, a release that hangs would have no failures.
        waited_s = time.perf_counter() - self.began_s
        if not self._audio_s and not self._withdrawn and waited_s >= self.means.patience_s:
            self._failed(CALLER_LEFT)

    def _failed(self, why: str, measured: Measured | None = None) -> None:
        self.why = why
        asked, lasted_s = self.utterance, time.perf_counter() - self.began_s
        place = (self.arm.release.version, self._counted_as, asked.table.epoch, asked.pick.segment, self._endpoint)
        failure = Failure(*place, why, lasted_s, asked.characters)
        self.means.failures.add(asked.table.service, failure)
        if not self.copied:
            asked.failed.append(failure)
        self._ended(measured)

    def _ended(self, measured: Measured | None) -> None:
        if self.failed_over_from is not None:
            # The root request was counted when the release that was picked for it failed.
            return
        # Who was turned away before any endpoint was asked counts where the release would have been asked first.
        endpoint = self._endpoint or self.means.engine.endpoints(self.arm)[0]
        segment = self.utterance.pick.segment
        source = Source(self.arm.release.version, self._counted_as, segment, endpoint)
        self.means.evidence.ended(self.utterance.table, source, measured)
