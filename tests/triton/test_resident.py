"""Stages tell the memory of their own processes, and a release's footprint is read from that."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from controller.core.readings import Footprint, MemorySource
from controller.observe.footprint import STAGE, Loaded, footprint
from controller.outside.series import Prometheus
from controller.outside.triton import Triton
from controller.parts.prometheus import start_prometheus
from controller.parts.triton import Triton as Server
from triton_models.build import build

TONE = Path(__file__).parents[1] / "models/tone"
MIB = 2**20


async def test_stage_that_holds_more_is_seen_to(server: Server, triton: Triton, tmp_path: Path) -> None:
    """Of two releases the one whose stage holds 64 MiB more takes 64 MiB more; once unloaded it takes nothing known."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    stable, candidate = (
        build(TONE, version, repository=server.repository, build_time=noon, params=params)
        for version, params in (("1.4.0", {}), ("1.5.0", {"voice.held_mib": "64"}))
    )
    for release in (stable, candidate):
        await triton.load(release.ensemble)
        await triton.probe(release.ensemble)
    targets = json.dumps([urlsplit(server.metrics).netloc])
    config = (
        "global: {scrape_interval: 200ms}\n"
        f"scrape_configs: [{{job_name: triton, static_configs: [{{targets: {targets}}}]}}]\n"
    )
    ours = Loaded(await triton.stages(candidate.ensemble), None)
    theirs = Loaded(await triton.stages(stable.ensemble), None)
    with start_prometheus(tmp_path / "prometheus", config) as running:
        async with Prometheus(running.url) as prometheus:

            async def read() -> Footprint | None:
                now_ms = time.time_ns() // 1_000_000
                return await footprint(prometheus, ours, theirs, (), now_ms, timeout_s=5)

            deadline = time.monotonic() + 20
            while not (found := await read()) or not found.stable_bytes:
                assert time.monotonic() < deadline, "Prometheus never had the memory of both"
            assert found.source is MemorySource.PROCESS
            assert 60 * MIB < found.candidate_bytes - found.stable_bytes < 72 * MIB
            assert found.stable_bytes > 5 * MIB
            await triton.unload(candidate.ensemble)
            while await read() is not None:
                assert time.monotonic() < deadline + 20, "an unloaded release still takes memory"


def test_the_gauge_has_one_name() -> None:
    """Stages write the name by themselves, for they can import nothing of ours: it is the one that is asked for."""
    resident = Path(__file__).parents[2] / "triton_models" / "resident.py"
    assert f'name="{STAGE}"' in resident.read_text()
