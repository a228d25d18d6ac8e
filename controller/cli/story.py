"""One rollout as sentences, told from its facts alone: who asked, what was measured, what gates said, how it ended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from controller.cli.evidence import figures_line
from controller.cli.picture import clock
from controller.cli.words import percent
from controller.core.events import (
    AlertMatched,
    AnyEvent,
    GateApproved,
    GateJudged,
    GateRejected,
    GuardWindowEnded,
    HoldExtended,
    OrderRefused,
    PromotionReverted,
    ReleaseFailed,
    ReleaseQuarantined,
    ReleaseReady,
    RollbackMarked,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    RolloutWaiting,
    SceneDropped,
    SceneKept,
    ServiceRetired,
    StepStarted,
    Trigger,
    WindowMeasured,
)
from controller.core.evidence.window import ArmCounts
from controller.core.gate import Outcome
from controller.core.plan import PROMOTION
from controller.core.stream import Fact
from controller.log import iso
from controller.wire.topics import Topic

if TYPE_CHECKING:
    from controller.journal.origins import Origin


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is told of a fact. at_ms: when it happened; position: of the fact in its stream."""

    at_ms: int
    position: int
    text: str


def story(facts: Iterable[Fact]) -> list[Sentence]:
    """Tell a rollout from its facts, in order of position; windows of measurements are told once for each step."""
    sentences: list[Sentence] = []
    seen, began_ms = _Seen(), 0
    for fact in facts:
        event = fact.event
        if isinstance(event, WindowMeasured):
            seen.add(event)
            continue
        if isinstance(event, RolloutStarted):
            began_ms = fact.at_ms
        text = _told(event, fact.at_ms - began_ms)
        if not text:
            continue
        if isinstance(event, _CLOSES):
            sentences += [Sentence(fact.at_ms, fact.position, one) for one in seen.told()]
            seen = _Seen()
        sentences.append(Sentence(fact.at_ms, fact.position, text))
    last = sentences[-1] if sentences else Sentence(0, 0, "")
    return sentences + [Sentence(last.at_ms, last.position, one) for one in seen.told()]


def lines(sentences: Iterable[Sentence], messages: "Mapping[int, Origin]") -> Iterator[str]:
    """
    Write a story line by line, with the messages that came from outside under what they led to first.

    messages: by position of the fact. What Segue's own parts signalled, thousands a day, is left out.
    """
    told: set[Origin] = set()
    for position, group in groupby(sentences, key=lambda one: one.position):
        for one in group:
            yield f"{iso(one.at_ms / 1000)}  {one.text}"
        message = messages.get(position)
        if message is not None and message.topic is not Topic.SIGNALS and message not in told:
            told.add(message)
            place = f"{message.topic}/{message.partition}/{message.offset}"
            yield f"{' ' * len(iso(0))}  by message {message.id} of {message.source}, {place}"


_CLOSES = (StepStarted, RolloutPromoted, RolloutAborted, RolloutSuperseded)


class _Seen:
    """What was measured since the last step began."""

    def __init__(self) -> None:
        self.windows = 0
        self.candidate = (0, 0)
        self.stable = (0, 0)
        self.blind: dict[str, int] = {}

    def add(self, event: WindowMeasured) -> None:
        if event.blind:
            self.blind[event.blind] = self.blind.get(event.blind, 0) + 1
            return
        self.windows += 1
        self.candidate = _added(self.candidate, event.window.candidate)
        self.stable = _added(self.stable, event.window.stable)

    def told(self) -> Iterator[str]:
        if self.windows:
            windows = "one window" if self.windows == 1 else f"{self.windows} windows"
            arms = f"the candidate answered {_answered(self.candidate)}, stable {_answered(self.stable)}"
            # Requests are counted for those gates only that compare them.
            counted = self.candidate[0] or self.stable[0]
            yield f"In {windows} until then {arms if counted else 'no requests were compared'}."
        for why, times in self.blind.items():
            yield f"Nothing could be measured{f', {times} times' if times > 1 else ''}: {_plain(why)}."


def _told(event: AnyEvent, after_ms: int) -> str:
    why = f"{_plain(event.reason)}."
    match event:
        case RolloutStarted(from_release=None):
            return f"{event.actor} asked for {event.release.version} as the first release{_where(event)}: {why}"
        case RolloutStarted():
            former = event.from_release.version if event.from_release else "nothing"
            asked = "ordered to go back to" if event.back else "asked to roll out"
            way = f"by plan {event.plan.name}" if event.plan.steps else "without steps"
            return f"{event.actor} {asked} {event.release.version} {way}{_where(event)}; stable was {former}: {why}"
        case ReleaseReady():
            return (
                f"After {clock(after_ms)} it was loaded (in {event.load_s:.1f} s), and its probe spoke "
                f"{event.probe_audio_s:.1f} s of audio within {event.probe_latency_s:.2f} s."
            )
        case ReleaseFailed():
            return f"It {'is not there' if event.unknown else 'failed'}: {why}"
        case StepStarted():
            hold = clock(event.due_ms - event.began_ms)
            return f"Step {event.step} gave it {percent(event.weight_bp)} for {hold} at least: {why}"
        case GateJudged():
            return _judged(event)
        case RolloutWaiting(closed=True):
            return f"The hold of step {event.step} was over, and it waited for its hour, {iso(event.due_ms / 1000)}."
        case RolloutWaiting():
            return f"The hold of step {event.step} was over, and it waited: {why}"
        case RolloutPaused():
            return f"{event.actor} paused it with {clock(event.hold_left_ms)} of the hold left: {why}"
        case RolloutResumed():
            return f"{event.actor} let it go on: {why}"
        case HoldExtended():
            return f"{event.actor} extended the hold until {iso(event.due_ms / 1000)}: {why}"
        case GateApproved() | GateRejected():
            says = "approved" if isinstance(event, GateApproved) else "rejected"
            role = f" in the role {event.role}" if event.role else ""
            return f"{event.actor} {says} {event.gate} at step {event.step}{role}: {why}"
        case OrderRefused():
            return f"An order of {event.actor} was refused: {why}"
        case AlertMatched():
            return f"Alert {event.alertname} fired, which means {event.action}."
        case _:
            return _ended(event, after_ms)


def _where(event: RolloutStarted) -> str:
    return f" on {', '.join(event.endpoints)}" if event.endpoints else ""


def _ended(event: AnyEvent, after_ms: int) -> str:
    why, after = f"{_plain(event.reason)}.", f"after {clock(after_ms)}"
    match event:
        case RolloutPromoted(previous=None):
            return f"It served all traffic {after}: {why}"
        case RolloutPromoted():
            former = event.previous.version if event.previous else "nothing"
            return f"It was promoted over {former} {after}: {why}"
        case RolloutAborted():
            to = f"all traffic went to {event.back_to.version}" if event.back_to else "nothing was left to serve"
            guilty = f" Guilty: {', '.join(event.guilty)}." if event.guilty else ""
            lost = (
                f"It was taken back from {percent(event.weight_bp)} {after} ({_words(event.trigger)}, by {event.actor})"
            )
            return f"{lost}, and {to}: {why}{guilty}"
        case RolloutSuperseded():
            return f"It made way for {event.by.version} {after}, by {event.actor}: {why}"
        case PromotionReverted():
            back = f"all traffic went back to {event.back_to.version}"
            lost = f"It was taken back after its promotion, {after} ({_words(event.trigger)}, by {event.actor})"
            return f"{lost}, and {back}: {why}"
        case GuardWindowEnded():
            return f"{event.release.version} need not stay loaded any more: {why}"
        case ReleaseQuarantined():
            return f"{event.release.version} is quarantined; only an override lets it return."
        case RollbackMarked():
            return f"{event.actor} marked that as a {'false' if event.false_alarm else 'true'} alarm: {why}"
        case SceneKept():
            return f"What was left of it is kept in {event.place} (segue scene {event.rollout})."
        case SceneDropped():
            return f"What was left of it is kept no longer: {why}"
        case ServiceRetired():
            return f"{event.actor} retired the service: {why}"
        case _:
            return ""


def _judged(event: GateJudged) -> str:
    figures = f" ({figures_line(event.figures)})" if event.figures and event.outcome is not Outcome.INCONCLUSIVE else ""
    if event.gate == PROMOTION:
        return f"It was proven good enough for its next step{figures}."
    trial = ", on trial," if event.dry_run else ""
    return f"Gate {event.gate}{trial} said {event.outcome}: {_plain(event.reason)}{figures}."


def _added(so_far: tuple[int, int], counts: ArmCounts) -> tuple[int, int]:
    return so_far[0] + counts.requests, so_far[1] + counts.failures


def _answered(counts: tuple[int, int]) -> str:
    requests, failures = counts
    share = f"{100 * failures / requests:.2f} %" if failures else "none"
    return f"{requests} requests, of which {share} failed"


def _plain(reason: str) -> str:
    return reason.removesuffix(".")


def _words(trigger: Trigger) -> str:
    return trigger.replace("_", " ")
