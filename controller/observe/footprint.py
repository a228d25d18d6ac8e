"""
How much memory each release takes, from what Prometheus holds: on a GPU by what its load added, elsewhere by process.

Triton tells the memory of a GPU as a whole, so there a release is given what was in use after it was loaded and not
before. Where anything else was loaded or unloaded meanwhile that difference is nobody's, and nothing is said. Without a
GPU the stages of a release tell the resident memory of their own processes, and a release takes the sum; a stage that
two releases share counts for both.

A release that lives on several Tritons takes what it takes on the one where it takes most: a leak on one of them is not
hidden by the others, and a release on three is no larger than one on two.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from controller.core.readings import Footprint, MemorySource
from controller.outside.series import Prometheus, Series

GPU: Final = "nv_gpu_memory_used_bytes"
SERVER: Final = "instance"
"""Prometheus' own label for whom it reads: one Triton."""

STAGE: Final = "segue_stage_resident_bytes"
"""By `stage`, the model's name in Triton, and `slot`, its instance there; each is a process of its own."""

SETTLED_MS: Final = 30_000
"""Within this time after a release was heard, Prometheus reads Triton's gauges again."""


@dataclass(frozen=True, slots=True)
class Load:
    """One release's loading: asked for at began_ms, heard at ready_ms; it left at unloaded_ms, -1 when it did not."""

    digest: str
    began_ms: int
    ready_ms: int
    unloaded_ms: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is to be known of a release: its stages in Triton, and its load; None when the journal has none."""

    stages: Collection[str]
    load: Load | None


async def footprint(
    prometheus: Prometheus,
    candidate: Loaded,
    stable: Loaded,
    all_loads: Sequence[Load],
    at_ms: int,
    *,
    timeout_s: float,
) -> Footprint | None:
    """
    Return what both releases take at at_ms; None when nothing is known of the candidate.

    all_loads: of all services, the two included: they share the memory. Raises what asking Prometheus raises.
    """
    now = await prometheus.vector(GPU, at_ms, timeout_s=timeout_s)
    if now:
        asked = _Gpu(prometheus, all_loads, timeout_s)
        ours = await asked.taken(candidate.load)
        if ours is None:
            return None
        grown = asked.grown(candidate.load, ours, now, at_ms)
        theirs = await asked.taken(stable.load)
        used = max(taken + grown.get(server, 0) for server, taken in ours.bytes.items())
        return _known(used, max(theirs.bytes.values()) if theirs else 0, MemorySource.GPU)
    names = sorted({*candidate.stages, *stable.stages})
    if not names:
        return None
    stages = await prometheus.vector(_stages(names), at_ms, timeout_s=timeout_s)
    servers = _by_server(stages)
    return _known(_most(candidate.stages, servers), _most(stable.stages, servers), MemorySource.PROCESS)


_Gpus = Mapping[frozenset[tuple[str, str]], float]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a load added on each server, and what was in use after it, by GPU."""

    bytes: Mapping[str, int]
    after: _Gpus


@dataclass(frozen=True, slots=True)
class _Gpu:
    prometheus: Prometheus
    loads: Sequence[Load]
    timeout_s: float

    async def taken(self, load: Load | None) -> _Taken | None:
        if load is None or load.ready_ms < load.began_ms:
            return None
        before = _by_gpu(await self.prometheus.vector(GPU, load.began_ms, timeout_s=self.timeout_s))
        until_ms = load.ready_ms + SETTLED_MS
        settled = await self.prometheus.samples(GPU, until_ms, SETTLED_MS, timeout_s=self.timeout_s)
        first = {_gpu(one): one.samples[0] for one in settled}
        after_ms = max((at_ms for at_ms, _ in first.values()), default=0)
        after = {gpu: used for gpu, (_, used) in first.items()}
        # A server that came up meanwhile may be where it was loaded; one that went away is not where it was heard.
        known = _more(before, after)
        if not after or known.keys() != _servers(after) or self._others(load, load.began_ms, after_ms):
            return None
        return _Taken(known, after)

    def grown(self, load: Load | None, taken: _Taken, now: Sequence[Series], at_ms: int) -> Mapping[str, int]:
        """Return by how much more is in use than right after the load; nothing where that may be somebody else's."""
        if load is None or self._others(load, load.began_ms, at_ms):
            return {}
        return _more(taken.after, _by_gpu(now))

    def _others(self, own: Load, begin_ms: int, end_ms: int) -> bool:
        """Say whether any other release came or went between two times."""
        return any(
            (other.began_ms <= end_ms and other.ready_ms >= begin_ms) or begin_ms <= other.unloaded_ms <= end_ms
            for other in self.loads
            if other.digest != own.digest
        )


def _known(candidate: int, stable: int, source: MemorySource) -> Footprint | None:
    return Footprint(candidate, max(0, stable), source) if candidate > 0 else None


def _stages(names: Iterable[str]) -> str:
    # Names of models are letters, digits, dots, dashes and underscores; a dot in a pattern matches itself, too.
    return f'{STAGE}{{stage=~"{"|".join(names)}"}}'


def _by_server(series: Iterable[Series]) -> Collection[Mapping[str, float]]:
    """Return the bytes of each stage, of all its processes, server by server."""
    servers: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in series:
        servers[one.labels.get(SERVER, "")][one.labels["stage"]] += one.samples[0][1]
    return servers.values()


def _most(stages: Collection[str], servers: Iterable[Mapping[str, float]]) -> int:
    """Return the bytes of a release where it takes most; 0, which is unknown, where no server has all its stages."""
    whole = [server for server in servers if all(stage in server for stage in stages)]
    return round(max((sum(server[stage] for stage in stages) for server in whole), default=0))


def _more(before: _Gpus, after: _Gpus) -> Mapping[str, int]:
    """Return the bytes in use beyond those before, on all GPUs of each server that had the same GPUs then."""
    more: dict[str, float] = defaultdict(float)
    changed = _servers(before.keys() ^ after.keys())
    for gpu in before.keys() & after.keys():
        if (server := _server(gpu)) not in changed:
            more[server] += after[gpu] - before[gpu]
    return {server: round(added) for server, added in more.items()}


def _servers(gpus: Iterable[frozenset[tuple[str, str]]]) -> AbstractSet[str]:
    return {_server(gpu) for gpu in gpus}


def _server(gpu: frozenset[tuple[str, str]]) -> str:
    return dict(gpu).get(SERVER, "")


def _by_gpu(series: Iterable[Series]) -> _Gpus:
    return {_gpu(one): one.samples[0][1] for one in series}


def _gpu(series: Series) -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in series.labels.items() if pair[0] != "__name__")
