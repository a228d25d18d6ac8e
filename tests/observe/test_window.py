"""One window out of a real Prometheus, while gateways restart, and while Prometheus itself is slow or gone."""

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

from controller.core.plan import Plan, Step
from controller.core.rollout import Phase, Rollout
from controller.core.sequential import ArmCounts, bucket_of
from controller.observe.counting import STARTED
from controller.observe.window import Seen, see
from controller.outside.series import Prometheus
from controller.parts.prometheus import Prometheus as Server
from tests.observe.conftest import Settled
from tests.observe.exporter import Exporter
from tests.observe.neighbour import neighbour
from tests.spec import release

HALF = Rollout(
    "hibari-2", release("1.5.0"), release("1.4.0"), Plan("half", (Step(5000, 60),)), Phase.HOLDING, None, step=0
)


async def seen(prometheus: Prometheus, start_ms: int, end_ms: int, service: str = "hibari") -> Seen:
    """What a rollout at half of the traffic did."""
    return await see(prometheus, service, HALF, start_ms, end_ms, timeout_s=5)


def spoken(ok: int, failed: int = 0, latency_s: float = 0.2) -> ArmCounts:
    """What the exporter counts of so many requests."""
    times = {"latency": latency_s, "ttfa": latency_s / 2, "rtf": latency_s / 4}
    histograms = {measure: ((bucket_of(value), ok),) if ok else () for measure, value in times.items()}
    return ArmCounts(ok + failed, failed, ok + failed, failed, **histograms)


async def test_both_arms_are_counted_exactly(prometheus: Prometheus, exporter: Exporter, settled: Settled) -> None:
    """Outcomes, blocks and buckets are those that were counted within the window, to the last one."""
    with exporter:
        exporter.speak("stable", "1.4.0", ok=1000, failed=10)
        start_ms = await settled()
        exporter.speak("stable", "1.4.0", ok=70, failed=2)
        exporter.speak("candidate", "1.5.0", ok=65, failed=5, latency_s=0.6)
        exporter.speak("forced", "1.5.0", ok=9)
        exporter.speak("stable", "1.4.0", ok=9, service="hibari.2")
        end_ms = await settled()
        exporter.speak("candidate", "1.5.0", ok=500)
        await settled()
        found = await seen(prometheus, start_ms, end_ms)
        other = await seen(prometheus, start_ms, end_ms, "hibari.2")
    assert found.blind == ""
    assert (found.window.start_ms, found.window.end_ms) == (start_ms, end_ms)
    assert found.window.candidate == spoken(65, 5, 0.6)
    assert found.window.stable == spoken(70, 2)
    assert other.window.stable == spoken(9)


async def test_windows_side_by_side_count_nothing_twice(
    prometheus: Prometheus, exporter: Exporter, settled: Settled
) -> None:
    """However windows lie between the scrapes, together they come to what was counted."""
    with exporter:
        edges = [await settled()]
        while len(edges) < 12:
            exporter.speak("candidate", "1.5.0", ok=3, failed=1)
            await asyncio.sleep(0.07)
            edges.append(time.time_ns() // 1_000_000)
        edges.append(await settled())
        found = [await seen(prometheus, *edge) for edge in pairwise(edges)]
    assert sum(one.window.candidate.requests for one in found) == 44
    assert sum(one.window.candidate.failures for one in found) == 11


async def test_no_traffic_is_seen_as_none(prometheus: Prometheus, exporter: Exporter, settled: Settled) -> None:
    """A gateway that is read and counts nothing is no blindness: nobody asked."""
    with exporter:
        start_ms = await settled()
        found = await seen(prometheus, start_ms, await settled())
    assert found.blind == ""
    assert found.window.candidate == found.window.stable == ArmCounts()


async def test_restarted_gateway_counts_from_nothing(
    prometheus: Prometheus, exporter: Exporter, settled: Settled
) -> None:
    """A process that began anew within the window adds what it has counted, be it more than the one before had."""
    with exporter:
        exporter.speak("candidate", "1.5.0", ok=10)
        exporter.speak("stable", "1.4.0", ok=300, failed=3)
        start_ms = await settled()
        exporter.restart()
        exporter.speak("candidate", "1.5.0", ok=25)
        exporter.speak("stable", "1.4.0", ok=20)
        end_ms = await settled()
        found = await seen(prometheus, start_ms, end_ms)
        after = await seen(prometheus, end_ms, await settled())
    assert found.window.candidate == spoken(25)
    assert found.window.stable == spoken(20)
    assert after.window.candidate == after.window.stable == ArmCounts()


async def test_gateway_that_ends_is_not_seen(prometheus: Prometheus, exporter: Exporter, settled: Settled) -> None:
    """Without any gateway that answers, nothing is measured, and that is said; when it is back, it is seen again."""
    with exporter:
        exporter.speak("candidate", "1.5.0", ok=10)
        start_ms = await settled()
    gone = await seen(prometheus, start_ms + 100_000, start_ms + 110_000)
    assert gone.blind == "Prometheus read no gateway within the window"
    assert gone.window.candidate == ArmCounts()
    back_ms = time.time_ns() // 1_000_000
    with exporter:
        exporter.speak("candidate", "1.5.0", ok=7, failed=1)
        found = await seen(prometheus, back_ms, await settled())
    assert found.window.candidate == spoken(7, 1)


async def test_gateway_unread_before_the_window_is_not_counted(
    prometheus: Prometheus, exporter: Exporter, settled: Settled
) -> None:
    """What a gateway had counted before Prometheus first read it is not the window's: a failure then is none now."""
    with exporter:
        exporter.speak("candidate", "1.5.0", failed=500)
        end_ms = await settled()
        (started,) = await prometheus.samples(STARTED, end_ms, 60_000, timeout_s=5)
        first_ms, started_s = started.samples[0]
        assert started_s * 1000 < first_ms - 1
        found = await seen(prometheus, first_ms - 1, end_ms)
    assert found.window.candidate == ArmCounts()
    assert found.blind.startswith("Prometheus read no gateway before the window")


async def test_prometheus_gone_is_blind_and_then_clear(
    server: Server, prometheus: Prometheus, exporter: Exporter, settled: Settled
) -> None:
    """While Prometheus is down its windows are blind; once it reads again, windows count what is new and no more."""
    with exporter:
        exporter.speak("stable", "1.4.0", ok=50)
        start_ms = await settled()
        server.stop()
        exporter.speak("stable", "1.4.0", ok=5)
        away = await seen(prometheus, start_ms, time.time_ns() // 1_000_000)
        assert away.blind == "Prometheus does not answer (ConnectError)"
        assert away.window.stable == ArmCounts()
        server.start()
        again_ms = await settled()
        exporter.speak("stable", "1.4.0", ok=3)
        found = await seen(prometheus, again_ms, await settled())
    assert (found.blind, found.window.stable) == ("", spoken(3))


async def test_slow_prometheus_is_blind() -> None:
    """A Prometheus that takes a question and does not answer is waited for no longer than that takes."""
    with neighbour(lambda handler, ended: ended.wait()) as url:
        async with Prometheus(url) as api:
            found = await see(api, "hibari", HALF, 0, 10_000, timeout_s=0.2)
    assert found.blind == "Prometheus does not answer within 0.2 s"


async def test_prometheus_that_trickles_is_blind() -> None:
    """Nor does an answer that never ends, byte by byte, hold anybody up."""

    def trickle(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not ended.wait(0.02):
            handler.wfile.write(b" ")

    with neighbour(trickle) as url:
        async with Prometheus(url) as api:
            found = await see(api, "hibari", HALF, 0, 10_000, timeout_s=0.3)
    assert found.blind == "Prometheus does not answer within 0.3 s"


async def test_answer_that_is_none_is_blind() -> None:
    """Something else at Prometheus' address is no news about a release."""

    def page(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        handler.send_response(502)
        handler.end_headers()
        handler.wfile.write(b"<html>bad gateway</html>")

    with neighbour(page) as url:
        async with Prometheus(url) as api:
            found = await see(api, "hibari", HALF, 0, 10_000, timeout_s=5)
    assert found.blind == "Prometheus answers 502 and no JSON of its API"
