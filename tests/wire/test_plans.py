"""The language of plans: what YAML and JSON say, read exactly, and refused with place, value and what is allowed."""

import json
from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from controller.bench.statistics.ladder import LEAST_HOLD, WEIGHTS
from controller.bench.statistics.stream import WINDOW_S
from controller.core.calendar import Hours
from controller.core.errors import Malformed
from controller.core.evidence.memory import MemoryRules
from controller.core.evidence.rules import Metric, Rules
from controller.core.gates import Gate, GateKind, NoData
from controller.core.names import FULL_BP
from controller.core.plan import (
    MEASURED,
    WATCHED,
    AlertAction,
    AlertPolicy,
    AlertRule,
    OnBlind,
    OnInconclusive,
    Plan,
    Step,
    Until,
)
from controller.core.routing import Segment
from controller.wire.bodies import Body
from controller.wire.judges import EvidenceBody, GateBody, MemoryBody
from controller.wire.plans import LADDER, PlanBody
from controller.wire.schemas import FOLDER, PLAN
from controller.wire.steps import SegmentBody, StepBody
from controller.wire.written import plan_from, plan_object

EVERYTHING = """
name: everything
steps:
  - internal: 10m
    probe: 5
  - weight: "0 %"
    hold: 1h 30m
    mirror: "10 %"
    until: evidence
    ceiling: 6h
  - weight: 5 %
    hold: 24h
    warm_up: 90s
    gates: [lab]
    approve: voice-lead
    segments:
      - {name: staff, where: {tier: staff}, weight: "50 %"}
      - {name: vip, where: {tier: vip, "header:x-plan": gold}, weight: "0 %"}
  - {weight_bp: 5000, hold_s: 600.5, approve: true}
gates:
  - {kind: evidence}
  - {kind: memory, dry_run: true}
  - {kind: prometheus, name: queue, query: queue_length, above: 10, below: 0.5, persist: 3, no_data: rollback}
  - {kind: http, name: lab, query: "https://lab.example/check", timeout: 20s}
evidence: {metrics: [errors, ttfa], alpha: 0.01, slower: 10 %, error_odds: [10, 2], missing_after: 10m}
memory: {limit_bytes: 8000000000, growth: 0.1, persist: 2m, horizon: 2d}
at_most_rollouts: 3
readiness_deadline: 5m
progress_deadline: 12h
guard: 2d
rollback_window: 30d
alerts: {rules: [{label: severity, value: page, action: rollback}], otherwise: hold}
on_inconclusive: rollback
on_blind: hold
hours:
  - {days: [mon, tue, wed, thu], from: 09:00, to: 17:30, zone: Europe/Berlin}
quarantine: false
"""


def plan(text: str) -> Plan:
    """Read a plan as from a file."""
    return plan_from(plan_object(text.encode()))


def why(text: str) -> str:
    """Return the sentence with which a plan is refused."""
    with pytest.raises(Malformed) as error:
        plan(text)
    return str(error.value)


def test_everything_can_be_said() -> None:
    """Each thing that a plan can be in the core has words in YAML."""
    assert plan(EVERYTHING) == Plan(
        name="everything",
        steps=(
            Step(0, 600, gates=("probe-5",)),
            Step(0, 5400, Until.EVIDENCE, 21_600, mirror_bp=1000, gates=("fleet",)),
            Step(
                500,
                86_400,
                warm_up_s=90,
                gates=("lab", "approval-voice-lead"),
                segments=(
                    Segment("staff", (("tier", "staff"),), 5000),
                    Segment("vip", (("header:x-plan", "gold"), ("tier", "vip")), 0),
                ),
            ),
            Step(5000, 600.5, gates=("approval",)),
        ),
        gates=(
            Gate("evidence", GateKind.EVIDENCE),
            Gate("memory", GateKind.MEMORY, dry_run=True),
            Gate("queue", GateKind.PROMETHEUS, "queue_length", above=10, below=0.5, persist=3, no_data=NoData.ROLLBACK),
            Gate("lab", GateKind.HTTP, "https://lab.example/check", timeout_s=20),
            Gate("probe-5", GateKind.PROBE, prompts=5),
            Gate("approval-voice-lead", GateKind.APPROVAL, role="voice-lead"),
            Gate("approval", GateKind.APPROVAL),
            Gate("fleet", GateKind.FLEET, above=2),
        ),
        rules=Rules((Metric.ERRORS, Metric.TTFA), alpha=0.01, slower=0.1, error_odds=(10.0, 2.0), missing_after_s=600),
        memory=MemoryRules(8_000_000_000, 0.1, 120, 172_800),
        readiness_deadline_s=300,
        progress_deadline_s=43_200,
        guard_s=172_800,
        rollback_window_s=30 * 86_400,
        alerts=AlertPolicy((AlertRule("severity", "page", AlertAction.ROLLBACK),), AlertAction.HOLD),
        on_inconclusive=OnInconclusive.ROLLBACK,
        on_blind=OnBlind.HOLD,
        hours=(Hours(("mon", "tue", "wed", "thu"), 540, 1050, "Europe/Berlin"),),
        quarantine=False,
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Plan, PlanBody),
        (Step, StepBody),
        (Gate, GateBody),
        (Rules, EvidenceBody),
        (MemoryRules, MemoryBody),
        (Segment, SegmentBody),
    ],
)
def test_no_field_of_the_core_is_without_a_word(kind: Any, body: type[Body]) -> None:
    """What the core learns, the language learns with it; a plan calls its rules `evidence`."""
    said = {"rules" if name == "evidence" else name for name in body.model_fields}
    assert {field.name for field in fields(kind)} <= said


def test_yaml_and_json_say_the_same() -> None:
    """A plan in YAML, written as JSON, is the same plan."""
    assert plan(json.dumps(plan_object(EVERYTHING.encode()))) == plan(EVERYTHING)


def test_the_schema_takes_what_is_read() -> None:
    """Whoever checks a plan against the checked-in JSON Schema is told the same."""
    validator = Draft202012Validator(json.loads((FOLDER / PLAN).read_text()))
    validator.validate(plan_object(EVERYTHING.encode()))
    for bad in ("{steps: [{weight: 5, hold: 1h}]}", "{steps: [{weigth: 5 %}]}", "{steps: [{hold: soon}]}"):
        assert not validator.is_valid(plan_object(bad.encode()))


def test_silence_is_safe() -> None:
    """A plan that says nothing of gates is watched by evidence and memory, and holds when nothing can be said."""
    said = plan("steps: [{weight: 5 %, hold: 1h}]")
    assert said.gates == WATCHED
    assert (said.on_inconclusive, said.on_blind, said.quarantine) == (OnInconclusive.HOLD, OnBlind.STEP_BACK, True)
    assert (said.rules, said.memory, said.alerts) == (MEASURED, MemoryRules(), AlertPolicy())
    assert (said.guard_s, said.progress_deadline_s) == (86_400, 86_400)


def test_whoever_lists_gates_gets_those() -> None:
    """Listed gates stand in place of those that watch by default; `watch` keeps both."""
    queue = "gates: [{kind: prometheus, name: queue, query: up, above: 1}]"
    assert plan("{steps: [], gates: []}").gates == ()
    assert [gate.name for gate in plan(f"steps: []\n{queue}").gates] == ["queue"]
    assert [gate.name for gate in plan(f"steps: []\nwatch: true\n{queue}").gates] == ["evidence", "memory", "queue"]
    own = "{steps: [], watch: true, gates: [{kind: evidence, name: trial, dry_run: true}]}"
    assert [gate.name for gate in plan(own).gates] == ["memory", "trial"]


def test_pace_is_a_ladder_that_waits_for_proof() -> None:
    """`pace: evidence` climbs by four rungs, each until every measure is proven, and is watched."""
    said = plan("pace: evidence")
    assert [step.weight_bp for step in said.steps] == [500, 1000, 2500, 5000]
    assert {step.until for step in said.steps} == {Until.EVIDENCE}
    assert said.gates == WATCHED


def test_pace_is_the_ladder_that_was_measured() -> None:
    """What docs/statistics.md says of the ladder holds for `pace: evidence`: it is the same."""
    assert [step.weight_bp / FULL_BP for step in LADDER] == list(WEIGHTS)
    assert {step.hold_s for step in LADDER} == {LEAST_HOLD * WINDOW_S}


def test_pace_follows_steps_and_bake_follows_pace() -> None:
    """Steps come first, then the ladder, then the holdback against which the whole is compared."""
    said = plan("{steps: [{internal: 5m}], pace: evidence, bake: {holdback: 5 %, hold: 24h}}")
    assert [step.weight_bp for step in said.steps] == [0, 500, 1000, 2500, 5000, 9500]
    assert said.steps[-1].hold_s == 86_400


def test_who_has_more_than_a_rung_gives_keeps_it() -> None:
    """Neither the ladder nor the holdback names a segment, and neither takes the new voice from anybody."""
    segments = "[{name: vip, where: {tier: vip}, weight: 0 %}, {name: staff, where: {tier: staff}, weight: 30 %}]"
    first = f"{{weight: 1 %, hold: 5m, segments: {segments}}}"
    said = plan(f"{{steps: [{first}], pace: evidence, bake: {{hold: 24h}}}}")
    kept = [{segment.name: segment.weight_bp for segment in step.segments} for step in said.steps]
    assert kept == [{"vip": 0, "staff": 3000}, {"staff": 3000}, {"staff": 3000}, {"staff": 3000}, {}, {}]


def test_its_turn_is_waited_for_before_anybody_is_served() -> None:
    """A limit on rollouts that serve users at once is asked before the first of them is served."""
    (waiting, first) = plan("{steps: [{weight: 5 %, hold: 1h}], at_most_rollouts: 3}").steps
    assert (waiting.weight_bp, waiting.hold_s, waiting.gates) == (0, 0, ("fleet",))
    assert first.gates == ()
    inside = plan("{steps: [{internal: 5m}, {weight: 5 %, hold: 1h}], at_most_rollouts: 1}")
    assert [step.gates for step in inside.steps] == [("fleet",), ()]
    assert inside.gates[-1] == Gate("fleet", GateKind.FLEET, above=0)


@pytest.mark.parametrize(
    ("text", "weight_bp"), [("5 %", 500), ("5%", 500), ("0.05 %", 5), ("100 %", 10_000), ("12.5%", 1250), ("0 %", 0)]
)
def test_shares_are_exact(text: str, weight_bp: int) -> None:
    """Per cent become basis points without rounding."""
    assert plan(f"steps: [{{weight: {text}, hold: 1h}}]").steps[0].weight_bp == weight_bp


@given(st.integers(0, 10_000))
def test_every_basis_point_can_be_said_in_per_cent(weight_bp: int) -> None:
    """There is a text for every share, and it means just that share."""
    text = f"{weight_bp // 100}.{weight_bp % 100:02} %"
    assert plan_from({"steps": [{"weight": text, "hold_s": 1}]}).steps[0].weight_bp == weight_bp


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("24h", 86_400), ("1h 30m", 5400), ("2d12h", 216_000), ("250ms", 0.25), ("1.5h", 5400)],
)
def test_spans_are_exact(text: str, seconds: float) -> None:
    """A time span is the sum of its parts."""
    assert plan(f"steps: [{{weight: 5 %, hold: {text}}}]").steps[0].hold_s == seconds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps: [{weight: 5, hold: 1h}]", 'plan.steps.0.weight is 5; allowed: text such as "5 %"'),
        ("steps: [{weight: 101 %, hold: 1h}]", "plan.steps.0.weight is '101 %'; allowed: text such as"),
        ("steps: [{weight: 0.005 %, hold: 1h}]", "plan.steps.0.weight is '0.005 %'"),
        ("steps: [{weight: 5 %, hold: 1h}, {weight: 9 %, hold: 24}]", "plan.steps.1.hold is 24; allowed: text such as"),
        ("steps: [{weight: 5 %, hold: soon}]", "plan.steps.0.hold is 'soon'; allowed: text such as \"90s\""),
        ("steps: [{weight: 5 %, hold: 400d}]", "plan.steps.0.hold is '400d'; allowed: text such as"),
        ("steps: [{weight: 5 %, hold: 1h, hold_s: 3}]", "plan.steps.0: hold and hold_s say one thing; give one"),
        ("steps: [{hold: 1h}]", "plan.steps.0: a step has one share; give weight, weight_bp or internal"),
        ("steps: [{weight: 1 %, internal: 1h}]", "plan.steps.0: a step has one share"),
        ("steps: [{weight: 1 %}]", "plan.steps.0: a step has one hold"),
        ("steps: [{weight: null, hold: 1h}]", "plan.steps.0: a step has one share"),
        ("steps: [{weight: 1 %, hold: ~}]", "plan.steps.0: a step has one hold"),
        ("steps: [{weight: 1 %, hold: 1h, holt: 1}]", "plan.steps.0: 'holt' is not a field here; allowed: weight_bp, "),
        ("steps: [{weight: 5 %, hold: 1h, until: evidnce}]", "plan.steps.0.until is 'evidnce'; allowed: 'time' or"),
        ("steps: [{weight: 5 %, hold: 1h, ceiling: 1m}]", "plan.steps.0: ceiling_s is 60.0; allowed: longer than"),
        ("steps: [{internal: 1h, until: evidence}]", "plan.steps.0: until is evidence, but nobody speaks"),
        ("steps: [{weight: 5 %, hold: 1h, approve: ''}]", "plan.steps.0.approve is ''; allowed: true, or a role"),
        ("steps: [{weight: 5 %, hold: 1h, gates: [lab]}]", "plan: steps.0.gates names ['lab']; there is: evidence"),
        (
            "steps: [{weight: 5 %, hold: 1h, segments: [{name: a, where: {age: '9'}, weight: 0 %}]}]",
            "plan.steps.0.segments.0: segment a asks for 'age'; give region, tier, language or header:NAME",
        ),
        (
            "steps: [{weight: 5 %, hold: 1h, segments: [{name: a, where: {tier: no}}]}]",
            "plan.steps.0.segments.0: segment a has no share",
        ),
        (
            "steps: [{weight: 5 %, hold: 1h, segments: [&a {name: a, where: {tier: x}, weight: 0 %}, *a]}]",
            "an alias; write it out",
        ),
        (
            "steps: [{weight_bp: 5, hold_s: 1, segments: [{name: a, where: {tier: x}, weight_bp: 0},"
            " {name: a, where: {tier: y}, weight_bp: 0}]}]",
            "plan.steps.0: segments are named ['a', 'a']; allowed: each name once",
        ),
        ("{steps: [], gates: [{kind: prometheus, query: up}]}", "plan.gates.0: gate prometheus: it has no bound"),
        ("{steps: [], gates: [{kind: memory, role: x}]}", "plan.gates.0: a gate of kind memory has no role; allowed: "),
        (
            "{steps: [], gates: [{kind: lab}]}",
            "plan.gates.0.kind is 'lab'; allowed: 'evidence', 'memory', ",
        ),
        ("{steps: [], gates: [{kind: approval}]}", "plan: gate approval waits for a person at no step"),
        ("{steps: [], evidence: {alpha: 0.5}}", "plan.evidence: alpha is 0.5; allowed: 1e-9 to 0.1"),
        (
            "{steps: [], evidence: {metrics: [sound]}}",
            "plan.evidence.metrics.0 is 'sound'; allowed: 'errors', ",
        ),
        ("{steps: [], memory: {growth: 0 %}}", "plan.memory: growth is 0.0; allowed: above 0"),
        ("{steps: [], bake: {holdback: 0 %, hold: 1h}}", "plan.bake: holdback is 0 %"),
        (
            "{steps: [], hours: [{days: [mon], from: 17:00, to: 09:00}]}",
            "plan.hours.0: hours go from minute 1020",
        ),
        ("{steps: [], hours: [{days: [mon], from: 9, to: 17:00}]}", "plan.hours.0.from is 9; allowed: a time of day"),
        ("{steps: [], hours: [{days: [mon], from: 09:00, to: 17:00, zone: Mars}]}", "plan.hours.0: zone is 'Mars'"),
        ("{steps: [], on_blind: go_on}", "plan.on_blind is 'go_on'; allowed: 'step_back', 'hold' or 'rollback'"),
        ("{}", "plan: it has no way to walk; give steps, pace or bake"),
        ("{steps: [], steps: []}", "line 1, column 13: key 'steps' occurs twice"),
        ("{steps: [}", "plan cannot be read as YAML or JSON: line 1, column 10"),
        ("[1]", "plan is a list; allowed: an object such as {steps: [{weight: 5 %, hold: 1h}]}"),
        ("", "plan is missing; allowed: an object such as {steps: [{weight: 5 %, hold: 1h}]}"),
        ("{1: 2}", "a key that is no text; quote it"),
        ("{steps: [], guard_s: 9223372036854775808}", "allowed: whole numbers of 64 bits"),
        ("steps: !!python/object/apply:os.getcwd []", "line 1, column 8: a tag; write the value without it"),
        (f"steps: [{'{},' * 12_000}]", "plan has more than 10000 values; allowed: up to 10000"),
        (f"name: {'x' * 140_000}", "bytes long; allowed: up to 131072 bytes"),
        ("[" * 5000, "nested too deep"),
    ],
)
def test_a_bad_plan_is_told_where_what_and_what_is_allowed(text: str, sentence: str) -> None:
    """One sentence says what to change."""
    assert sentence in why(text)


def test_a_plan_has_an_end() -> None:
    """However short a plan is written, in full it must fit into a fact."""
    where = {"name": "a", "where": {"tier": "x"}, "weight_bp": 0}
    step = {"weight_bp": 1, "hold_s": 1, "segments": [{**where, "name": f"a{number}"} for number in range(100)]}
    with pytest.raises(Malformed, match="bytes in full; allowed: up to 65536 bytes"):
        plan_from({"steps": [step] * 20})


def test_words_of_yaml_stay_words() -> None:
    """`no`, `on` and `17:00` are what they look like, not false, true and a number of seconds."""
    text = "steps: [{weight: 5 %, hold: 1h, segments: [{name: on, where: {language: no}, weight: 0 %}]}]"
    assert plan(text).steps[0].segments == (Segment("on", (("language", "no"),), 0),)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_no_text_whatever_raises_anything_but_malformed(text: str) -> None:
    """Noise is refused, never an accident."""
    with suppress(Malformed):
        plan_from(plan_object(text.encode("utf-8", "surrogatepass")))


_WORDS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["5 %", "1h", "evidence"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["steps", "weight", "hold", "gates", "kind", "pace", "bake", "segments", "where", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["steps", "gates", "evidence", "memory", "bake", "hours"]), _WORDS))
def test_no_object_whatever_raises_anything_but_malformed(value: dict[str, object]) -> None:
    """Any object is a plan, or told what is wrong with it."""
    with suppress(Malformed):
        assert isinstance(plan_from(value), Plan)
