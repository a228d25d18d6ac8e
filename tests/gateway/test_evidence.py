"""What the gateway counts for evidence: which requests count, for whom, in which blocks and buckets."""

import asyncio

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.core.names import Release
from controller.core.routing import RoutingTable
from controller.core.sequential import bucket_of
from controller.gateway.admission import Limits
from controller.gateway.evidence import Evidence, Measured, Source
from controller.gateway.metrics import Metrics
from controller.gateway.sentences import sentence_groups
from controller.gateway.triton import TritonEngine
from controller.parts.triton import Triton
from tests.gateway.stage import SERVICE, SPEECH, Gateway, Tones, gateway, table, until
from tests.gateway.test_streaming import PAGE, FailsOnce

Counts = dict[tuple[str, str, str], float]


def counted(metrics: Metrics, name: str, *labels: str) -> Counts:
    """Return what was counted by these three labels, as Prometheus would read it."""
    one, two, three = labels
    found: Counts = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        assert family.type != "unknown"
        for sample in family.samples:
            if sample.name == name:
                key = sample.labels[one], sample.labels[two], sample.labels[three]
                found[key] = found.get(key, 0) + sample.value
    return found


def roots(gate: Gateway) -> Counts:
    """Return root requests by release, arm and outcome."""
    return counted(gate.metrics, "segue_root_requests_total", "release", "arm", "outcome")


async def test_request_that_failed_over_is_the_candidates_failure_alone(engine: TritonEngine, tones: Tones) -> None:
    """Whoever was saved by stable counts as a failure of the candidate, and as nothing for stable."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["failing"], weight_bp=10_000)) as gate:
        for _ in range(3):
            assert (await gate.say())[0].headers["x-segue-arm"] == "stable"
        assert roots(gate) == {("1.0.0-failing", "candidate", "failed"): 3, ("1.0.0-failing", "candidate", "ok"): 0}
        assert not counted(gate.metrics, "segue_measured_total", "release", "arm", "bucket")


@pytest.mark.parametrize(("fault", "timeout_s"), [("silent", 10), ("slow", 0.2)])
async def test_bad_audio_and_time_outs_are_failures(
    engine: TritonEngine, tones: Tones, fault: str, timeout_s: float
) -> None:
    """A release that says nothing, or nothing in time, did not speak."""
    candidate = tones[fault]
    async with gateway(
        engine, table(1, stable=tones["good"], candidate=candidate, weight_bp=10_000), timeout_s=timeout_s
    ) as gate:
        await gate.say()
        await until(lambda: roots(gate).get((candidate.version, "candidate", "failed")) == 1)


@pytest.mark.parametrize("text", ["Hello there.", PAGE])
async def test_user_who_was_crowded_out_is_no_failure_but_slow(engine: TritonEngine, tones: Tones, text: str) -> None:
    """A candidate without a place failed nobody, but counts as late with every group: as slow as long texts are."""
    one = Limits(concurrent=1, waiting=0)
    served = table(1, stable=tones["good"], candidate=tones["slow"], weight_bp=10_000)
    async with gateway(engine, served, limits=one, late_s=5) as gate:
        first = asyncio.create_task(gate.say())
        await until(lambda: gate.count("segue_inflight", release="1.0.0-slow") == 1)
        crowded_out = asyncio.create_task(gate.say(text))
        await until(lambda: roots(gate).get(("1.0.0-slow", "candidate", "overrun")) == 1)
        found = counted(gate.metrics, "segue_measured_total", "arm", "measure", "bucket")
        late, whole = bucket_of(5), bucket_of(5 * len(sentence_groups(text)))
        assert found == {("candidate", "latency", f"{whole}"): 1, ("candidate", "ttfa", f"{late}"): 1}
        await asyncio.gather(first, crowded_out)
        assert roots(gate) == {
            ("1.0.0-slow", "candidate", "ok"): 1,
            ("1.0.0-slow", "candidate", "failed"): 0,
            ("1.0.0-slow", "candidate", "overrun"): 1,
        }


async def test_nobody_to_speak_instead_is_a_failure(engine: TritonEngine, tones: Tones) -> None:
    """A release that has no place for its user, where no other may answer, did not speak."""
    one = Limits(concurrent=1, waiting=0)
    async with gateway(engine, table(1, stable=tones["slow"]), limits=one) as gate:
        first = asyncio.create_task(gate.say())
        await until(lambda: gate.count("segue_inflight", release="1.0.0-slow") == 1)
        assert (await gate.say())[0].status == 429
        await first
        assert roots(gate) == {("1.0.0-slow", "stable", "failed"): 1, ("1.0.0-slow", "stable", "ok"): 1}


async def test_forced_requests_are_no_evidence(engine: TritonEngine, tones: Tones) -> None:
    """What testers force, by cookie or header, is counted apart from what chance gave either arm."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["failing"])) as gate:
        await gate.say(headers={"cookie": "gray_test=true"})
        await gate.say(headers={"x-segue-release": "candidate"})
        await gate.say(headers={"x-segue-release": "stable"})
        assert {key: count for key, count in roots(gate).items() if count} == {
            ("1.0.0-failing", "forced", "failed"): 2,
            ("1.0.0-good", "forced", "ok"): 1,
        }


@pytest.mark.parametrize("stream", [False, True])
async def test_caller_who_left_is_not_counted(engine: TritonEngine, tones: Tones, stream: bool) -> None:
    """A request that its caller gave up soon says nothing about the release."""
    async with gateway(engine, table(1, stable=tones["slow"])) as gate:
        body = {"model": SERVICE, "input": PAGE, "stream": stream, "response_format": "pcm"}
        with pytest.raises(TimeoutError):
            async with gate.http.post(SPEECH, json=body, timeout=aiohttp.ClientTimeout(total=0.6)) as answer:
                await answer.read()
        await until(lambda: gate.count("segue_user_requests_total", code="499") == 1)
        assert not roots(gate)


async def test_caller_who_waited_long_for_nothing_was_failed(engine: TritonEngine, tones: Tones) -> None:
    """Who leaves after a long wait counts as a failure: a release that hangs must not look well."""
    async with gateway(engine, table(1, stable=tones["slow"]), patience_s=0.1) as gate:
        body = {"model": SERVICE, "input": "Hello.", "response_format": "pcm"}
        with pytest.raises(TimeoutError):
            async with gate.http.post(SPEECH, json=body, timeout=aiohttp.ClientTimeout(total=0.2)) as answer:
                await answer.read()
        await until(lambda: gate.count("segue_user_requests_total", code="499") == 1)
        assert roots(gate)["1.0.0-slow", "stable", "failed"] == 1


async def test_broken_stream_is_a_failure_and_a_mended_one_is_none(engine: TritonEngine, tones: Tones) -> None:
    """A stream whose group failed twice counts once as failed; one that was mended unheard was spoken."""
    async with gateway(engine, table(1, stable=tones["short"])) as gate:
        with pytest.raises(aiohttp.ClientPayloadError):
            await gate.say(PAGE, stream=True)
        await until(lambda: gate.count("segue_user_requests_total", code="502") == 1)
        assert roots(gate) == {("1.0.0-short", "stable", "failed"): 1, ("1.0.0-short", "stable", "ok"): 0}
    async with gateway(FailsOnce(engine), table(1, stable=tones["good"])) as gate:
        await gate.say(PAGE, stream=True)
        assert roots(gate) == {("1.0.0-good", "stable", "failed"): 0, ("1.0.0-good", "stable", "ok"): 1}


@pytest.mark.parametrize("stream", [False, True])
async def test_every_spoken_request_is_measured_once(engine: TritonEngine, tones: Tones, stream: bool) -> None:
    """Latency, time to first audio and real-time factor each count once, in a bucket that their sums agree with."""
    async with gateway(engine, table(1, stable=tones["slow"])) as gate:
        await gate.say(PAGE, stream=stream)
        found = counted(gate.metrics, "segue_measured_total", "arm", "measure", "bucket")
        buckets = {measure: int(bucket) for arm, measure, bucket in found}
        assert list(found.values()) == [1, 1, 1]
        labels = {"release": "1.0.0-slow", "arm": "stable"}
        assert buckets["ttfa"] == bucket_of(gate.count("segue_first_audio_seconds_sum", **labels))
        assert buckets["rtf"] == bucket_of(gate.count("segue_real_time_factor_sum", **labels))
        # 400 ms a group: the first audio is there long before the last.
        assert buckets["ttfa"] < buckets["latency"] <= bucket_of(gate.count("segue_request_seconds_sum", **labels))


async def test_series_name_segment_and_endpoint(engine: TritonEngine, triton: Triton, tones: Tones) -> None:
    """Who came by a segment is told apart from who came by chance, and the Triton that served is named."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["other"])) as gate:
        await gate.say()
        await gate.say(headers={"x-segue-tier": "vip"})
        found = counted(gate.metrics, "segue_root_requests_total", "arm", "segment", "endpoint")
        assert {(arm, segment) for (arm, segment, _), count in found.items() if count} == {
            ("stable", ""),
            ("candidate", "vip"),
        }
        assert {endpoint for _, _, endpoint in found} == {triton.http}


class Clock:
    """Seconds that pass when told."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


SPOKEN = Measured(latency_s=0.5, ttfa_s=0.1, rtf=0.02)


class Counting:
    """Evidence of a service with a candidate at half of the traffic, on a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.evidence = Evidence(self.metrics, self.clock)
        self.table = self.tables(1)

    def tables(self, epoch: int, weight_bp: int = 5000) -> RoutingTable:
        """Return a table with this weight."""
        old, new = (
            Release("tone", version, f"tone__{version}", "", 44_100, 20.0, "2026-01-01T00:00:00+00:00")
            for version in ("v1", "v2")
        )
        return table(epoch, stable=old, candidate=new, weight_bp=weight_bp)

    def end(self, arm: str, times: int = 1, *, failed: bool = False, endpoint: str = "a:1") -> None:
        """Let requests end now."""
        release = "v1" if arm == "stable" else "v2"
        for _ in range(times):
            self.evidence.ended(self.table, Source(release, arm, "", endpoint), None if failed else SPOKEN)

    def overrun(self, times: int) -> None:
        """Let the candidate have no place for some users."""
        for _ in range(times):
            self.evidence.ended(self.table, Source("v2", "candidate", "", "a:1"), Measured(0.5, 0.5, None))

    def pass_s(self, seconds: float, *, stable_per_s: int, candidate_per_s: int) -> None:
        """Let time pass with this much traffic."""
        for _ in range(round(seconds)):
            self.end("stable", stable_per_s)
            self.end("candidate", candidate_per_s)
            self.clock.now_s += 1

    def blocks(self, arm: str, endpoint: str = "a:1") -> tuple[float, float]:
        """Return the blocks of an arm: ok, failed."""
        found = counted(self.metrics, "segue_blocks_total", "arm", "endpoint", "outcome")
        return found.get((arm, endpoint, "ok"), 0), found.get((arm, endpoint, "failed"), 0)


@pytest.fixture
def known() -> Counting:
    """Twenty requests a second on stable and two on the candidate, for long enough: a block has twenty."""
    counting = Counting()
    counting.pass_s(10, stable_per_s=20, candidate_per_s=2)
    counting.end("forced")
    assert counting.blocks("stable") == counting.blocks("candidate") == (0, 0)
    return counting


def test_no_block_before_the_rate_is_known() -> None:
    """A gateway that has just begun counts root requests at once, and blocks when it knows how long one must be."""
    counting = Counting()
    counting.pass_s(10, stable_per_s=20, candidate_per_s=2)
    assert counting.blocks("stable") == (0, 0)
    found = counted(counting.metrics, "segue_root_requests_total", "release", "arm", "outcome")
    assert found["v1", "stable", "ok"] == 200


def test_blocks_are_complete_and_of_one_size_for_both_arms(known: Counting) -> None:
    """Twenty requests make a block on either arm, however much more traffic one of them has, and nineteen make none."""
    for arm in ("candidate", "stable"):
        known.end(arm, 19)
        assert known.blocks(arm) == (0, 0)
        known.end(arm)
        assert known.blocks(arm) == (1, 0)
        known.end(arm, 61)
        assert known.blocks(arm) == (4, 0)


def test_block_is_failed_if_any_request_in_it_failed(known: Counting) -> None:
    """One failure fails its block, a second in the same block adds nothing, and the next block begins clean."""
    known.end("candidate", 1, failed=True)
    known.end("candidate", 18)
    known.end("candidate", 1, failed=True)
    known.end("candidate", 20)
    assert known.blocks("candidate") == (1, 1)


def test_overrun_requests_fill_no_block_and_lengthen_none() -> None:
    """A candidate that half of its users find full is judged by those whom it was asked to speak to."""
    counting = Counting()
    for _ in range(10):
        counting.overrun(10)
        counting.pass_s(1, stable_per_s=5, candidate_per_s=2)
    counting.overrun(40)
    assert counting.blocks("candidate") == (0, 0)
    counting.end("candidate", 15)
    counting.overrun(40)
    counting.end("candidate", 5, failed=True)
    assert counting.blocks("candidate") == (0, 1)
    found = counted(counting.metrics, "segue_root_requests_total", "release", "arm", "outcome")
    assert found["v2", "candidate", "overrun"] == 180


def test_blocks_are_of_one_endpoint(known: Counting) -> None:
    """Requests on two endpoints fill two blocks: they do not share what happens to one server."""
    known.end("candidate", 12)
    known.end("candidate", 12, endpoint="b:1")
    assert known.blocks("candidate") == known.blocks("candidate", "b:1") == (0, 0)
    known.end("candidate", 8, failed=True)
    known.end("candidate", 8, endpoint="b:1")
    assert (known.blocks("candidate"), known.blocks("candidate", "b:1")) == ((0, 1), (1, 0))


def test_new_table_settles_the_size_by_the_weight_it_gives(known: Counting) -> None:
    """A candidate that is given more has longer blocks at once, on both arms, and begun ones are thrown away."""
    known.end("stable", 10, failed=True)
    known.pass_s(25, stable_per_s=0, candidate_per_s=2)
    known.table = known.tables(2, weight_bp=10_000)
    known.end("stable", 23)
    assert known.blocks("stable") == (0, 0)
    known.end("stable", 1)
    assert known.blocks("stable") == (1, 0)


def test_size_follows_the_traffic_after_minutes_and_not_before(known: Counting) -> None:
    """Within minutes a size stands, whatever comes; then it follows what the candidate really gets."""
    known.pass_s(280, stable_per_s=0, candidate_per_s=1)
    known.end("stable", 20)
    assert known.blocks("stable") == (1, 0)
    known.clock.now_s += 30
    known.end("stable", 8)
    assert known.blocks("stable") == (1, 0)
    known.end("stable", 1)
    assert known.blocks("stable") == (2, 0)


def test_answer_to_an_older_table_changes_no_size(known: Counting) -> None:
    """Requests that began before a swap and end after it count in the blocks of the table in use."""
    known.pass_s(30, stable_per_s=4, candidate_per_s=2)
    assert known.blocks("stable") == (6, 0)
    older, known.table = known.table, known.tables(2)
    known.end("stable", 27)
    known.table, newer = older, known.table
    known.end("stable", 2)
    known.table = newer
    assert known.blocks("stable") == (6, 0)
    known.end("stable", 1)
    assert known.blocks("stable") == (7, 0)


def test_release_that_left_two_tables_ago_is_forgotten(known: Counting) -> None:
    """What was counted of a release can be read through the next table, and is gone with the one after that."""

    def releases() -> set[str]:
        names = ("segue_root_requests_total", "segue_blocks_total", "segue_measured_total")
        return {
            release for name in names for release, _, _ in counted(known.metrics, name, "release", "arm", "service")
        }

    for epoch, expected in ((2, {"v1", "v2"}), (3, {"v1"}), (4, {"v1"})):
        known.table = table(epoch, stable=known.table.arms[0].release)
        known.end("stable")
        assert releases() == expected
    known.table = known.tables(5)
    known.end("candidate")
    found = counted(known.metrics, "segue_root_requests_total", "release", "arm", "outcome")
    assert found["v2", "candidate", "ok"] == 1


def test_names_are_escaped_in_the_metrics() -> None:
    """A segment may be named with quotes and backslashes: the scrape is read all the same."""
    counting = Counting()
    segment = r'the "best" \ of them\n'
    counting.evidence.ended(counting.table, Source("v1", "stable", segment, "a:1"), SPOKEN)
    found = counted(counting.metrics, "segue_root_requests_total", "arm", "segment", "outcome")
    assert found["stable", segment, "ok"] == 1


def test_buckets_agree_with_the_engine() -> None:
    """Every value lies in the bucket that the evidence engine would put it into."""
    counting = Counting()
    values = [0.013 * 1.37**power for power in range(25)]
    for value in values:
        source = Source("v1", "stable", "", "a:1")
        counting.evidence.ended(counting.table, source, Measured(value, value / 3, value / 50))
    found = counted(counting.metrics, "segue_measured_total", "arm", "measure", "bucket")
    assert sum(found.values()) == 3 * len(values)
    for measure, part in (("latency", 1), ("ttfa", 3), ("rtf", 50)):
        buckets = sorted(int(bucket) for _, which, bucket in found if which == measure)
        assert buckets == [bucket_of(value / part) for value in values]
        for bucket, value in zip(buckets, values, strict=True):
            assert 1.05**bucket <= value / part < 1.05 ** (bucket + 1)
