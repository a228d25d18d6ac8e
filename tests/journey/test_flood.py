"""Many alerts a second about many services, and one about each of some others."""

from tests.flood.run import MOST_GROWTH_MIB, Shape, flooded
from tests.journey.world import World


def test_flood_takes_each_service_back_once_and_nobody_else_waits(world: World) -> None:
    """Given alerts that cry about many candidates, each is taken back once, and every alert is accounted for."""
    shape = Shape("flood", services=8, alerts=1_000, a_minute=100_000, others=3)
    came = flooded(world.tree, shape, "flooded")
    assert came.accounted == shape.alerts
    assert came.taken_back == [1] * shape.services
    assert len(came.beside_ms + came.behind_ms) == shape.others
    grown = {name: most - came.before_mib[name] for name, most in came.most_mib.items() if name != "kafka"}
    assert {name: mib for name, mib in grown.items() if mib > MOST_GROWTH_MIB} == {}
