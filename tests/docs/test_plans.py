"""The plans that docs/plans.md teaches are checked, explained, and walked to their end, exactly as they stand there."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from io import StringIO

import pytest
from rich.console import Console

from controller.cli.ladder import explained
from controller.core.commands import AnyCommand, ApproveGate, ReportWindow
from controller.core.decide import decide
from controller.core.events import AnyEvent, RolloutAborted, RolloutPromoted, StepStarted, Trigger
from controller.core.foresight import foresee
from controller.core.gate import Outcome
from controller.core.gates import Gate, GateKind
from controller.core.names import FULL_BP
from controller.core.plan import Plan
from controller.core.readings import Footprint, MemorySource, Reading
from controller.core.rollout import Rollout
from controller.core.sequential import Window
from controller.core.state import State, evolve, timers
from controller.parts.installed import ROOT
from controller.wire.plans import PlanBody
from controller.wire.steps import StepBody
from controller.wire.written import plan_from, plan_object
from tests.core.watching import BEGAN_MS, arm, holding
from tests.spec import SAID, SERVICE, Given, elapsed

TEXT = (ROOT / "docs" / "plans.md").read_text()
PLANS = {
    plan.name: plan
    for plan in (
        plan_from(plan_object(block.encode()))
        for block in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    )
}

REQUESTS_A_SECOND = 50
WINDOW_MS = 120_000
WEEK_MS = 7 * 86_400_000


_arm = cache(arm)


@dataclass
class Walk:
    """A rollout by a plan, second by second: windows come in, timers come due, somebody approves."""

    plan: Plan
    failing: float = 0.0
    facts: list[AnyEvent] = field(default_factory=list)
    now_ms: int = BEGAN_MS

    def __post_init__(self) -> None:
        self.state: State = holding(self.plan).state
        for command in self._happenings():
            self._decide(command)

    @property
    def took_s(self) -> float:
        """From the first step to the end, seconds."""
        return (self.now_ms - BEGAN_MS) / 1000

    @property
    def weights(self) -> list[int]:
        """What the candidate had, step by step, from the second on."""
        return [fact.weight_bp for fact in self.facts if isinstance(fact, StepStarted)]

    def _happenings(self) -> Iterator[AnyCommand]:
        next_window_ms = self.now_ms + WINDOW_MS
        while (rollout := self.state.rollout) is not None:
            due = min(timers(self.state), key=lambda timer: timer.due_ms, default=None)
            if due is not None and due.due_ms < next_window_ms:
                self.now_ms = max(self.now_ms, due.due_ms)
                yield elapsed(Given(self.state), due.kind)
            else:
                self.now_ms = next_window_ms + 5_000
                yield self._window(rollout, next_window_ms)
                next_window_ms += WINDOW_MS
            if self.state.rollout is not None and self.state.rollout.waiting:
                yield from self._approvals(self.state.rollout)
            assert self.now_ms < BEGAN_MS + WEEK_MS, f"{self.plan.name} never ended: {rollout.waiting}"

    def _window(self, rollout: Rollout, end_ms: int) -> ReportWindow:
        heard, stable = _shares(rollout)
        return ReportWindow(
            service=SERVICE,
            actor="observer",
            reason="measured",
            rollout=rollout.id,
            window=Window(end_ms - WINDOW_MS, end_ms, _arm(heard, round(heard * self.failing)), _arm(stable)),
            memory=Footprint(500_000_000, 500_000_000, MemorySource.PROCESS),
            readings=tuple(_reading(gate) for gate in rollout.plan.gates if gate.is_read),
        )

    def _approvals(self, rollout: Rollout) -> Iterator[ApproveGate]:
        for gate in rollout.plan.gates_at(rollout.step):
            given = {(one.gate, one.step) for one in rollout.approvals}
            if gate.kind is GateKind.APPROVAL and (gate.name, rollout.step) not in given:
                yield ApproveGate(service=SERVICE, **SAID, gate=gate.name, role=gate.role)

    def _decide(self, command: AnyCommand) -> None:
        for event in decide(self.state, command, self.now_ms):
            self.state = evolve(self.state, event)
            self.facts.append(event)


def _shares(rollout: Rollout) -> tuple[int, int]:
    """Return the requests that candidate and stable speak in a window; a mirrored one is spoken by both."""
    step, every = rollout.plan.steps[rollout.step], REQUESTS_A_SECOND * WINDOW_MS // 1000
    # Each segment is a twentieth of the users; all others have the step's share.
    in_segments = sum(segment.weight_bp for segment in step.segments) / 20
    users = round(every * (step.weight_bp * (1 - len(step.segments) / 20) + in_segments) / FULL_BP)
    return users + (every - users) * step.mirror_bp // FULL_BP, every - users


def _reading(gate: Gate) -> Reading:
    if gate.kind in (GateKind.PROBE, GateKind.HTTP):
        return Reading(gate.name, outcome=Outcome.PASS, reason="it sounds well")
    return Reading(gate.name, value=0.0)


def test_five_plans_are_taught() -> None:
    """The page holds the plans that it promises."""
    assert list(PLANS) == ["careful-day", "fast", "mirror-first", "vip-last", "emergency"]


@pytest.mark.parametrize("name", PLANS)
def test_a_taught_plan_explains_itself(name: str) -> None:
    """Each rung, gate and segment of it has a sentence."""
    plan = PLANS[name]
    console = Console(width=400, record=True, file=StringIO())
    console.print(explained(plan))
    said = console.export_text()
    assert said.count("Step ") >= len(plan.steps)
    for gate in plan.gates:
        assert f"{gate.name} (" in said


@pytest.mark.parametrize("name", PLANS)
def test_a_taught_plan_brings_a_healthy_release_to_everybody(name: str) -> None:
    """Walked with a candidate that is as good as stable, it takes every step and promotes, within its own times."""
    plan, foresight = PLANS[name], foresee(PLANS[name])
    walk = Walk(plan)
    (end,) = [fact for fact in walk.facts if isinstance(fact, RolloutPromoted | RolloutAborted)]
    assert isinstance(end, RolloutPromoted), end
    assert walk.weights == [step.weight_bp for step in plan.steps[1:]]
    assert foresight.shortest_s <= walk.took_s
    assert foresight.longest_s is None or walk.took_s <= foresight.longest_s


def test_a_taught_plan_takes_a_bad_release_back() -> None:
    """When every fifth request of the candidate fails, the careful plan ends by evidence minutes after users came."""
    walk = Walk(PLANS["careful-day"], failing=0.2)
    (aborted,) = [fact for fact in walk.facts if isinstance(fact, RolloutAborted)]
    assert (aborted.trigger, aborted.weight_bp) == (Trigger.EVIDENCE, 500)
    assert "errors" in aborted.guilty
    assert walk.took_s < 600 + 600
    assert not any(isinstance(fact, RolloutPromoted) for fact in walk.facts)


def test_every_word_of_the_language_is_listed() -> None:
    """The table at the end of the page knows each field of a plan and of a step."""
    table = TEXT[TEXT.index("## All words") :]
    for name in set(PlanBody.model_fields) - {"name"}:
        assert f"`{name.removesuffix('_s')}`" in table, name
    for name in StepBody.model_fields:
        assert name.removesuffix("_s").removesuffix("_bp") in table, name


@pytest.mark.parametrize("line", re.findall(r"^segue [^#\n]+", TEXT, re.MULTILINE))
def test_segue_knows_what_the_page_tells_people_to_type(line: str) -> None:
    """Each command on the page exists, with each option that it is given."""
    words = shlex.split(line)[1:]
    shown = subprocess.run(
        [sys.executable, "-m", "controller.cli", *words[:2], "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert [word for word in words if word.startswith("--") and word not in shown.stdout] == []
