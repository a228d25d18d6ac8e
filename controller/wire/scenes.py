"""What is reported of scenes: what was left of a rollout that was taken back, kept in a folder, and later dropped."""

from typing import Annotated

from pydantic import StringConstraints

from controller.core.commands import ReportSceneDropped, ReportSceneKept
from controller.wire.fields import Count, Reason
from controller.wire.reported import Reported

Rollout = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class SceneIsKept(Reported):
    """A scene is kept. place: its folder. manifest_sha256: of its manifest, in hex. size_bytes: of all its files."""

    rollout: Rollout
    place: Place
    manifest_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Count
    reason: Reason

    def command(self) -> ReportSceneKept:
        """Return the report."""
        return ReportSceneKept(
            service=self.service,
            actor=self.actor,
            reason=self.reason,
            rollout=self.rollout,
            place=self.place,
            manifest_sha256=self.manifest_sha256,
            size_bytes=self.size_bytes,
        )


class SceneIsDropped(Reported):
    """A scene is kept no longer."""

    rollout: Rollout
    place: Place
    reason: Reason

    def command(self) -> ReportSceneDropped:
        """Return the report."""
        return ReportSceneDropped(
            service=self.service, actor=self.actor, reason=self.reason, rollout=self.rollout, place=self.place
        )
