"""That a scene is kept, or dropped, is a fact about the rollout that was taken back; nothing else follows from it."""

from controller.core.commands import ReportSceneDropped, ReportSceneKept
from controller.core.events import SceneDropped, SceneKept
from tests.spec import SAID, SERVICE, given, installed

PLACE = "/scenes/hibari-2"


def test_that_a_scene_is_kept_is_recorded_under_its_rollout() -> None:
    """The fact names the rollout that was taken back, which runs no longer, and the digest by which it is checked."""
    kept = ReportSceneKept(
        service=SERVICE, **SAID, rollout="hibari-2", place=PLACE, manifest_sha256="ab" * 32, size_bytes=7
    )
    fact = SceneKept(**SAID, rollout="hibari-2", place=PLACE, manifest_sha256="ab" * 32, size_bytes=7)
    given(*installed("1.4.0")).when(kept).then(fact)


def test_that_a_scene_is_dropped_is_recorded_under_its_rollout() -> None:
    """Whoever looks for the scene later learns when it went, and why."""
    dropped = ReportSceneDropped(service=SERVICE, **SAID, rollout="hibari-2", place=PLACE)
    given(*installed("1.4.0")).when(dropped).then(SceneDropped(**SAID, rollout="hibari-2", place=PLACE))
