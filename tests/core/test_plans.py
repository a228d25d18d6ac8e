"""A service calls plans by name: each setting is a fact, and a rollout keeps the plan it began with."""

from dataclasses import replace

from controller.core.commands import SetPlan
from controller.core.events import (
    OrderRefused,
    PlanSet,
    ReleaseReady,
    RequestRefused,
    RolloutStarted,
    StepStarted,
)
from controller.core.named import NamedPlan
from controller.core.plan import NAMED_PLANS, Plan, Step
from controller.core.planning import MOST_PLANS
from tests.spec import (
    NOW_MS,
    SAID,
    SERVICE,
    Given,
    after,
    candidate,
    given,
    installed,
    ready,
    release,
    request,
    route,
    stable,
)

EVENING = Plan("evening", (Step(500, 600), Step(5000, 600)), guard_s=3600)
OLD, NEW = release("1.4.0"), release("1.5.0")


def set_plan(plan: Plan = EVENING, name: str = "evening") -> SetPlan:
    """Somebody lets a name mean a plan."""
    return SetPlan(service=SERVICE, **SAID, name=name, plan=plan)


def started(plan: Plan, version: int = 0) -> RolloutStarted:
    """The rollout of 1.5.0 began by this plan."""
    return RolloutStarted(
        **SAID,
        rollout="hibari-2",
        release=NEW,
        from_release=OLD,
        plan=plan,
        plan_version=version,
        ready_by_ms=NOW_MS + round(plan.readiness_deadline_s * 1000),
    )


class TestSetting:
    def test_versions_count_up_by_name(self) -> None:
        """The first setting of a name is its version 1, a change of it version 2, and another name begins anew."""
        changed = replace(EVENING, guard_s=60)
        given().when(set_plan()).then(PlanSet(**SAID, name="evening", version=1, plan=EVENING))
        past = after(set_plan())
        past.when(set_plan(changed)).then(PlanSet(**SAID, name="evening", version=2, plan=changed))
        past.when(set_plan(name="night")).then(
            PlanSet(**SAID, name="night", version=1, plan=replace(EVENING, name="night"))
        )

    def test_the_same_again_is_quiet(self) -> None:
        """Setting an equal plan, under whatever name it came, changes nothing."""
        past = after(set_plan())
        past.when(set_plan()).then_nothing()
        past.when(set_plan(replace(EVENING, name="custom"))).then_nothing()

    def test_who_why_and_when_stay_known(self) -> None:
        """The state says who set the plan that holds now, why, and when."""
        assert after(set_plan(), now_ms=NOW_MS).state.plans == (
            NamedPlan("evening", 1, EVENING, SAID["actor"], SAID["reason"], NOW_MS),
        )

    def test_there_is_an_end_to_plans(self) -> None:
        """What stands in every snapshot of a service cannot grow without bound; a known name may still change."""
        past = after(*(set_plan(name=f"plan-{number}") for number in range(MOST_PLANS)))
        past.when(set_plan()).then(OrderRefused(**SAID, order="SetPlan"))
        (changed,) = past.when(set_plan(replace(EVENING, guard_s=60), "plan-7")).events
        assert isinstance(changed, PlanSet)
        assert changed.version == 2


class TestAsking:
    def test_a_name_means_the_plan_of_the_service(self) -> None:
        """A request that names a plan is walked by what the service set, and the fact holds it in full."""
        after(set_plan(), past=installed()).when(request("1.5.0", "evening")).then(started(EVENING, 1))

    def test_built_in_plans_need_no_setting(self) -> None:
        """Every service knows the plans that are built in."""
        given(installed()).when(request("1.5.0", "quick")).then(started(NAMED_PLANS["quick"]))

    def test_a_service_may_mean_its_own_by_a_built_in_name(self) -> None:
        """What a service says about itself goes before what is built in."""
        own = replace(EVENING, name="careful")
        after(set_plan(own, "careful"), past=installed()).when(request("1.5.0", "careful")).then(started(own, 1))

    def test_an_unknown_name_is_refused_with_those_there_are(self) -> None:
        """A mistyped name starts nothing, and the refusal tells which names would."""
        past = after(set_plan(), past=installed())
        (refused,) = past.when(request("1.5.0", "evning")).then(RequestRefused(**SAID, release=NEW)).events
        assert refused.reason == "there is no plan evning; of hibari there is: evening, careful, quick, at-once"

    def test_an_unknown_name_ends_no_running_rollout(self) -> None:
        """A request that cannot begin does not take another's place."""
        past = after(request("1.5.0"), past=installed())
        past.when(request("1.6.0", "evning")).then(RequestRefused(**SAID, release=release("1.6.0")))

    def test_a_rollout_keeps_the_plan_it_began_with(self) -> None:
        """A plan that is changed while a rollout walks by it changes the next one's way, not this one's."""
        walking = after(set_plan(), request("1.5.0", "evening"), past=installed())
        changed = walking.when(set_plan(replace(EVENING, steps=(Step(9000, 1),))))
        assert isinstance(changed.events[0], PlanSet)
        Given(changed.state).when(ready("1.5.0")).then(
            ReleaseReady(**SAID, release=NEW, load_s=3.5, probe_latency_s=0.2, probe_audio_s=1.5),
            StepStarted(**SAID, step=0, weight_bp=500, due_ms=NOW_MS + 600_000, began_ms=NOW_MS),
            route(2, stable(OLD, 9500), candidate(NEW, 500), salt="hibari-2"),
        )
