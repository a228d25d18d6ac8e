"""What the release worker says reaches the journal, whatever its names."""

from consumers.reports import Reports
from controller.journal import Store
from controller.wire.topics import Topic, topic_name
from tests.consumers.world import World


async def test_report_with_the_longest_names_is_understood(world: World, store: Store) -> None:
    """Service, rollout and ensemble as long as they may be make a report that can still be read."""
    service, ensemble = "s" * 63, "e" * 128
    reports = Reports(world.producer, topic_name(Topic.SIGNALS, world.settings.topic_prefix))
    async with world.hosting(store, "signals", "relay"):
        for incident in (f"{service}-123456", f"{service}-{10**12}"):
            await reports.failed(service, incident, ensemble, rollout=incident, unknown=False, reason="it fell silent")
            await reports.unloaded(service, incident, ensemble, reason="it was drained")
        said = ("ReleaseFailed", "ReleaseUnloaded")
        await world.until_told(service, *said, *said)
