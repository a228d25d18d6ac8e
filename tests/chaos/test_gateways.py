"""A gateway that dies with an utterance in hand: nobody is waited for longer than is allowed."""

from controller.core.events import ReleaseUnloaded, RouteSet
from tests.journey.test_drain import PAGE, everybody_hears, is_loaded, taken_back
from tests.journey.world import Tale


def test_gateway_killed_mid_stream(tale: Tale) -> None:
    """Given a gateway that is killed in mid-stream and stays away, its release goes when the ceiling is reached."""
    old = tale.world.release("1.4.0", frequency_hz="440")
    new = tale.world.release("1.5.0", frequency_hz="880", delay_s="0.3")
    told = everybody_hears(tale, old, new)
    gateway = tale.world.tree["gateway"]
    body = {"model": tale.service, "input": PAGE, "response_format": "pcm", "stream": True}
    with tale.world.http.stream("POST", f"{tale.world.tree.gateway_url}/v1/audio/speech", json=body) as answer:
        assert answer.headers["x-segue-release"] == "1.5.0"
        gateway.kill(revive=False)
    try:
        tale.order("rollback")
        tale.told(*told, *taken_back(old, new))
        assert is_loaded(tale, new)
        tale.unloaded(new)
    finally:
        gateway.start()
    (left,) = [fact for fact in tale.facts() if isinstance(fact.event, RouteSet) and fact.event.epoch == 3]
    (gone,) = [fact for fact in tale.facts() if isinstance(fact.event, ReleaseUnloaded)]
    ceiling_s = tale.world.tree.settings.drain_s
    assert ceiling_s <= (gone.at_ms - left.at_ms) / 1000 < ceiling_s + 5
    assert f"SEGUE_DRAIN_S ({ceiling_s:g} s) was over" in gone.event.reason
