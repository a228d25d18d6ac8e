"""What a release takes: on a GPU what its load added, elsewhere what its stages' processes hold."""

import asyncio

from controller.core.readings import Footprint, MemorySource
from controller.observe.footprint import GPU, STAGE, Load, Loaded, footprint
from controller.outside.series import Prometheus
from tests.observe.conftest import Settled
from tests.observe.exporter import Gauges

MIB = 2**20
CARD = f'{GPU}{{gpu_uuid="GPU-1"}}'
STABLE, CANDIDATE, OTHER = "sha256:stable", "sha256:candidate", "sha256:other"


class Card:
    """A GPU whose gauge is read by Prometheus, and what is loaded onto it."""

    def __init__(self, gauges: Gauges, settled: Settled) -> None:
        self._gauges = gauges
        self._settled = settled
        self.loads: list[Load] = []

    async def holds(self, mib: float) -> int:
        """So much is in use from now on; returns a time at which Prometheus knows it."""
        self._gauges.values[CARD] = mib * MIB
        return await self._settled(GPU)

    async def load(self, digest: str, mib: float) -> None:
        """Load a release, after which so much is in use."""
        began_ms = await self._settled(GPU)
        await asyncio.sleep(0.2)
        ready_ms = await self.holds(mib)
        self.loads.append(Load(digest, began_ms, ready_ms, -1))

    async def read(self, prometheus: Prometheus, at_ms: int) -> Footprint | None:
        """What candidate and stable take."""
        by_digest = {load.digest: load for load in self.loads}
        ours, theirs = (Loaded(("voice",), by_digest.get(digest)) for digest in (CANDIDATE, STABLE))
        return await footprint(prometheus, ours, theirs, self.loads, at_ms, timeout_s=5)


async def test_gpu_memory_is_what_a_load_added(prometheus: Prometheus, gauges: Gauges, settled: Settled) -> None:
    """What was in use before belongs to others; what is in use beyond it is the candidate's, also when it grows."""
    card = Card(gauges, settled)
    await card.holds(1000)
    await card.load(STABLE, 3000)
    await card.load(CANDIDATE, 5400)
    at_ms = await settled(GPU)
    assert await card.read(prometheus, at_ms) == Footprint(2400 * MIB, 2000 * MIB, MemorySource.GPU)
    at_ms = await card.holds(5500)
    assert await card.read(prometheus, at_ms) == Footprint(2500 * MIB, 2000 * MIB, MemorySource.GPU)


async def test_gpu_memory_of_others_is_nobody_s_growth(
    prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """Another service's release that is loaded later adds nothing to what the candidate is said to take."""
    card = Card(gauges, settled)
    await card.holds(1000)
    await card.load(STABLE, 3000)
    await card.load(CANDIDATE, 5400)
    await card.load(OTHER, 9000)
    at_ms = await settled(GPU)
    assert await card.read(prometheus, at_ms) == Footprint(2400 * MIB, 2000 * MIB, MemorySource.GPU)


async def test_loads_side_by_side_are_not_told_apart(prometheus: Prometheus, gauges: Gauges, settled: Settled) -> None:
    """Of two releases that came at one time nobody knows which took what: then nothing is said."""
    card = Card(gauges, settled)
    await card.holds(1000)
    await card.load(STABLE, 3000)
    began_ms = await settled(GPU)
    ready_ms = await card.holds(9000)
    card.loads += [Load(CANDIDATE, began_ms, ready_ms, -1), Load(OTHER, began_ms + 1, ready_ms, -1)]
    assert await card.read(prometheus, await settled(GPU)) is None


async def test_gpu_memory_that_prometheus_forgot_is_unknown(
    prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """Of a stable release that was loaded before Prometheus can remember, nothing is known, and nothing compared."""
    card = Card(gauges, settled)
    await card.holds(3000)
    card.loads.append(Load(STABLE, 1_000, 2_000, -1))
    await card.load(CANDIDATE, 5400)
    at_ms = await settled(GPU)
    assert await card.read(prometheus, at_ms) == Footprint(2400 * MIB, 0, MemorySource.GPU)


async def test_process_memory_is_the_sum_of_the_stages(
    prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """All processes of a stage count, a shared stage for both releases; who has an unseen stage is unknown."""
    for stage, slot, mib in (("g2p", 0, 10), ("net_1", 0, 100), ("net_2", 0, 130), ("net_2", 1, 140)):
        gauges.values[f'{STAGE}{{stage="{stage}",slot="{stage}_0_{slot}"}}'] = mib * MIB
    at_ms = await settled(STAGE)

    async def read(*stages: tuple[str, ...]) -> Footprint | None:
        ours, theirs = (Loaded(each, None) for each in stages)
        return await footprint(prometheus, ours, theirs, (), at_ms, timeout_s=5)

    assert await read(("g2p", "net_2"), ("g2p", "net_1")) == Footprint(280 * MIB, 110 * MIB, MemorySource.PROCESS)
    assert await read(("g2p", "net_2"), ("g2p", "away")) == Footprint(280 * MIB, 0, MemorySource.PROCESS)
    assert await read(("away", "net_2"), ("g2p", "net_1")) is None


async def test_release_takes_what_it_takes_where_it_takes_most(
    prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """Of a release on several servers the largest counts, whole: not their sum, and no stage of one with another's."""
    held = {"a": {"g2p": 10, "net": 100}, "b": {"g2p": 30, "net": 110, "old": 50}, "c": {"g2p": 90}}
    for server, stages in held.items():
        for stage, mib in stages.items():
            gauges.values[f'{STAGE}{{instance="{server}",stage="{stage}",slot="{stage}_0_0"}}'] = mib * MIB
    at_ms = await settled(STAGE)
    ours, theirs = Loaded(("g2p", "net"), None), Loaded(("g2p", "old"), None)
    found = await footprint(prometheus, ours, theirs, (), at_ms, timeout_s=5)
    assert found == Footprint(140 * MIB, 80 * MIB, MemorySource.PROCESS)


async def test_leak_on_one_of_several_gpus_is_seen(prometheus: Prometheus, gauges: Gauges, settled: Settled) -> None:
    """A candidate that grows on one server takes what it takes there, however still it keeps on the other."""
    here, there = (f'{GPU}{{gpu_uuid="GPU-1",instance="{server}"}}' for server in ("a", "b"))

    async def holds(a: float, b: float) -> int:
        gauges.values |= {here: a * MIB, there: b * MIB}
        return await settled(GPU)

    async def load(digest: str, a: float, b: float) -> Load:
        # The load before it has been read once more by then: what is read while another loads is nobody's.
        await settled(GPU)
        began_ms = await settled(GPU)
        await asyncio.sleep(0.2)
        return Load(digest, began_ms, await holds(a, b), -1)

    await holds(1000, 500)
    loads = [await load(STABLE, 3000, 2400), await load(CANDIDATE, 5300, 4700)]
    at_ms = await holds(5300, 4950)
    theirs, ours = (Loaded(("voice",), load) for load in loads)
    found = await footprint(prometheus, ours, theirs, loads, at_ms, timeout_s=5)
    assert found == Footprint(2550 * MIB, 2000 * MIB, MemorySource.GPU)


async def test_server_that_goes_during_a_load_is_not_where_it_was_loaded(
    prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """What is known of the others stays known: a release was heard where it lives."""
    here, going = (f'{GPU}{{gpu_uuid="GPU-1",instance="{server}"}}' for server in ("a", "b"))
    gauges.values |= {here: 3000 * MIB, going: 500 * MIB}
    began_ms = await settled(GPU)
    await asyncio.sleep(0.2)
    del gauges.values[going]
    gauges.values[here] = 5300 * MIB
    load = Load(CANDIDATE, began_ms, await settled(GPU), -1)
    gauges.values[here] = 5400 * MIB
    at_ms = await settled(GPU)
    ours, theirs = Loaded(("voice",), load), Loaded(("old",), None)
    found = await footprint(prometheus, ours, theirs, (load,), at_ms, timeout_s=5)
    assert found == Footprint(2400 * MIB, 0, MemorySource.GPU)


async def test_server_that_comes_during_a_load_may_be_its_own(
    prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """What was in use on it before is not known, and perhaps the release was loaded there: then nothing is said."""
    here, coming = (f'{GPU}{{gpu_uuid="GPU-1",instance="{server}"}}' for server in ("a", "b"))
    gauges.values[here] = 3000 * MIB
    began_ms = await settled(GPU)
    await asyncio.sleep(0.2)
    gauges.values |= {here: 3001 * MIB, coming: 2400 * MIB}
    load = Load(CANDIDATE, began_ms, await settled(GPU), -1)
    ours, theirs = Loaded(("voice",), load), Loaded(("old",), None)
    assert await footprint(prometheus, ours, theirs, (load,), await settled(GPU), timeout_s=5) is None
