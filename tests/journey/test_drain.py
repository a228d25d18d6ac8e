"""What is under way when traffic moves: utterances that a release began, and a stable that is not there just then."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from controller.core.events import RouteApplied, SceneKept
from controller.core.names import Release
from controller.gateway.sentences import sentence_groups
from tests.journey.tale import sentence
from tests.journey.test_routing import wait_for_metric
from tests.journey.world import PATIENCE_S, Tale

RATE_HZ = 44_100
PAGE = "It was the best of times. " * 44
"""Five groups of sentences: a long text is spoken group by group."""

EVERYBODY = [{"weight_bp": 10_000, "hold_s": 3600}]


def everybody_hears(tale: Tale, old: Release, new: Release) -> list[str]:
    """The candidate has all traffic and is not promoted yet."""
    told = tale.install(old)
    tale.request(new, steps=EVERYBODY)
    told += [
        f"RolloutStarted {tale.service}-2 {new.version} from {old.version}",
        f"ReleaseReady {new.version}",
        "StepStarted 0 10000",
        f"RouteSet 2 stable={old.version}:0 candidate={new.version}:10000",
    ]
    tale.told(*told)
    tale.applied(2)
    return told


def taken_back(old: Release, new: Release) -> list[str]:
    """A person took the candidate back."""
    return [
        f"RolloutAborted order {new.version} back to {old.version}",
        f"RouteSet 3 stable={old.version}:10000",
        f"ReleaseQuarantined {new.version}",
    ]


def pitch_hz(audio: bytes) -> float:
    """Measure the tone in the last second of audio."""
    last = np.frombuffer(audio, np.int16)[-RATE_HZ:]
    return np.count_nonzero(np.diff(np.signbit(last))) / 2


def is_loaded(tale: Tale, release: Release) -> bool:
    """Ask Triton whether it has a release."""
    url = f"http://{tale.world.tree.settings.triton_http}/v2/models/{release.ensemble}/ready"
    return tale.world.http.get(url).status_code == 200


def goes_unheard(tale: Tale, release: Release, told: list[str]) -> None:
    """It is unloaded as soon as the gateway has said that its last utterance ended, and nothing else happened."""
    tale.unloaded(release)
    facts = [fact for fact in tale.facts() if not isinstance(fact.event, RouteApplied | SceneKept)]
    unheard = [f"ReleaseDrained {release.version}", f"ReleaseUnloaded {release.version}"]
    assert [sentence(fact.event) for fact in facts] == [*told, *unheard]
    drained, gone = facts[-2:]
    # It includes the unloading itself; the ceiling would be a minute.
    assert gone.at_ms - drained.at_ms < 10_000
    assert "nobody heard it any more" in gone.event.reason
    assert not is_loaded(tale, release)


def test_stream_in_flight_finishes_on_its_version(tale: Tale) -> None:
    """
    Given a stream that the candidate began, a rollback leaves it that voice to its end; the next one has stable.

    The release stays for the stream alone, after all others have left it, and goes right after it.
    """
    old = tale.world.release("5.0.0", frequency_hz="440")
    new = tale.world.release("5.1.0", frequency_hz="880", delay_s="0.8")
    told = everybody_hears(tale, old, new)
    body = {"model": tale.service, "input": PAGE, "response_format": "pcm", "stream": True}
    url = f"{tale.world.tree.gateway_url}/v1/audio/speech"
    with tale.world.http.stream("POST", url, json=body, headers={"x-segue-user": "ann"}) as answer:
        assert answer.headers["x-segue-release"] == "5.1.0"
        pieces = answer.iter_raw()
        audio = next(pieces)
        tale.order("rollback")
        tale.told(*told, *taken_back(old, new))
        tale.applied(3)
        wait_for_metric(tale, "segue_inflight", 1)
        assert tale.served_by(["ann"]) == {"ann": "5.0.0"}
        assert is_loaded(tale, new)
        audio += b"".join(pieces)
    groups = sentence_groups(PAGE)
    assert len(groups) == 5
    assert len(audio) == sum(2 * int(len(group) * 0.05 * RATE_HZ) for group in groups)
    assert abs(pitch_hz(audio) - 880) < 5
    assert tale.table() == ["stable=5.0.0:10000"]
    goes_unheard(tale, new, [*told, *taken_back(old, new)])


def test_candidate_unloaded_only_after_drain(tale: Tale) -> None:
    """Given an utterance that the candidate is speaking, a rollback lets it end; the release goes right after it."""
    old = tale.world.release("5.2.0", frequency_hz="440")
    new = tale.world.release("5.3.0", frequency_hz="880", delay_s="1.2")
    told = everybody_hears(tale, old, new)
    with ThreadPoolExecutor(1) as pool:
        speaking = pool.submit(tale.say, user="ann")
        wait_for_metric(tale, "segue_inflight", 1)
        tale.order("rollback")
        tale.told(*told, *taken_back(old, new))
        assert not speaking.done()
        assert is_loaded(tale, new)
        answer = speaking.result()
    assert (answer.status_code, answer.headers["x-segue-release"]) == (200, "5.3.0")
    goes_unheard(tale, new, [*told, *taken_back(old, new)])
    assert tale.table() == ["stable=5.2.0:10000"]


def test_stable_unavailable_when_rollback_wanted(tale: Tale) -> None:
    """Given a stable that somebody unloaded, an alert still moves all traffic to it, and it is loaded again."""
    old = tale.world.release("5.4.0", frequency_hz="440")
    new = tale.world.release("5.5.0", frequency_hz="880")
    told = tale.walk_to_candidate(old, new)
    triton = f"http://{tale.world.tree.settings.triton_http}/v2/repository/models/{old.ensemble}"
    body = {"parameters": {"unload_dependents": True}}
    tale.world.http.post(f"{triton}/unload", json=body).raise_for_status()
    assert not is_loaded(tale, old)
    tale.world.webhook(tale.alert("5.5.0"))
    told += [
        "AlertMatched Bad 5.5.0 rollback",
        "RolloutAborted alert 5.5.0 back to 5.4.0",
        "RouteSet 3 stable=5.4.0:10000",
        "ReleaseQuarantined 5.5.0",
    ]
    tale.told(*told)
    tale.applied(3)
    # Asked once alone: more failures would be an alert of their own.
    answer = tale.say()
    if answer.status_code != 200:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_loaded")
        assert "retry-after" in answer.headers
    deadline = time.monotonic() + PATIENCE_S
    while not is_loaded(tale, old):
        assert time.monotonic() < deadline, "stable was never loaded again"
        time.sleep(0.1)
    assert set(tale.served_by([f"user-{number}" for number in range(10)]).values()) == {"5.4.0"}
    tale.told(*told)
    assert tale.table() == ["stable=5.4.0:10000"]
