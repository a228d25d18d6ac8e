"""Who may be asked for failed requests: each of them learns a token, so only whom settings name."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.errors import Broken, Unavailable
from controller.outside.series import Prometheus
from controller.parts.ports import free_port
from controller.parts.prometheus import start_prometheus
from controller.scene.failed import where_gateways_are
from controller.tokens import VIEWER, one_of
from tests.observe.exporter import Gauges

NAMED = ("gateway-1:6006",)
RANGE_MS = (0, 60_000)


@pytest.fixture
def found(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Whatever shows a gateway's gauge at an address of its choice, and the Prometheus that reads it."""
    with Gauges() as target:
        target.values['segue_routing_epoch{service="hibari"}'] = 7
        address = f"127.0.0.1:{target.port}"
        config = (
            "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
            f"scrape_configs: [{{job_name: any, static_configs: [{{targets: {json.dumps([address])}}}]}}]\n"
        )
        with start_prometheus(tmp_path / "prometheus", config) as running:
            yield address, running.url


async def asked_at(prometheus: str, *named: str) -> tuple[str, ...]:
    """Return who is asked when settings name these."""
    until_ms = time.time_ns() // 1_000_000
    async with Prometheus(prometheus) as reading:
        return await where_gateways_are(named, reading, "hibari", until_ms - 60_000, until_ms)


async def test_a_scrape_target_is_asked_only_where_settings_say_so(found: tuple[str, str]) -> None:
    """To be read by Prometheus is not to be trusted with a token, unless somebody wrote `prometheus`."""
    address, prometheus = found
    until_s = time.monotonic() + 20
    while (asked := await asked_at(prometheus, *NAMED, "prometheus")) == NAMED:
        assert time.monotonic() < until_s, "Prometheus never read the target"
        await asyncio.sleep(0.1)
    assert asked == tuple(sorted({address, *NAMED}))
    assert await asked_at(prometheus) == ()
    assert await asked_at(prometheus, *NAMED) == NAMED


async def test_a_prometheus_that_is_to_say_and_does_not_is_told() -> None:
    """One that is away, and none at all."""
    with pytest.raises(Unavailable):
        await asked_at(f"http://127.0.0.1:{free_port()}", "prometheus")
    with pytest.raises(Broken, match="SEGUE_PROMETHEUS is empty: set it"):
        await where_gateways_are(("prometheus",), None, "hibari", *RANGE_MS)


def test_no_token_but_a_viewer_s_is_sent() -> None:
    """Not an operator's, nor one that may answer a gate, though either may look."""
    more = {"an-operator-s-token-1": "operator", "an-approver-s-token-1": "voice-quality"}
    assert one_of(more, VIEWER) == ""
    assert one_of({**more, "a-viewer-s-token-1": "viewer"}, VIEWER) == "a-viewer-s-token-1"
