"""What is left of a release that was taken back while users asked for speech."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from controller.cli.app import app
from controller.core.events import RolloutAborted
from tests.journey.world import Tale

TEXT = "The violet password is seven, and nobody else may know."


def segue_scene(tale: Tale, *arguments: str) -> Result:
    """Open a scene as somebody on this machine would."""
    settings = tale.world.tree.settings
    named = {"SEGUE_DATA": str(settings.data), "SEGUE_DATABASE_URL": settings.database}
    return CliRunner().invoke(app, ["scene", *arguments], env=named)


def lines(scene: Any, name: str) -> list[Any]:
    """Read one of its files."""
    return [json.loads(line) for line in (Path(scene["place"]) / name).read_text().splitlines()]


def test_a_bad_release_leaves_a_scene(tale: Tale) -> None:
    """
    Given a candidate that cannot speak long sentences, Prometheus' own rule takes it back, and what is left is kept:
    facts, samples, tables, failed requests and logs, and nothing of what users said or who they are.
    """
    tale.walk_to_candidate(tale.world.release("1.4.0"), tale.world.release("1.5.0", max_characters="50"))
    users = (f"user-{number}@example.org" for number in range(1_000))

    def taken_back() -> bool:
        user = next(users)
        # In turns, or the gateway would leave the release alone after five in a row and be faster than the alert.
        assert [tale.say(text, user=user).status_code for text in (TEXT, "Hello there.")] == [200, 200]
        return any(isinstance(fact.event, RolloutAborted) for fact in tale.facts())

    while not taken_back():
        pass
    fact = tale.scene()
    opened = segue_scene(tale, fact.rollout, "--json")
    assert opened.exit_code == 0, opened.output
    scene = json.loads(opened.stdout)
    assert (scene["release"], scene["trigger"], scene["missing"]) == ("1.5.0", "alert", [])
    assert scene["manifest_sha256"] == fact.manifest_sha256
    names = {one["name"] for one in scene["files"]}
    logs = {f"logs/{process}.jsonl" for process in ("gateway", "control", "releases")}
    assert names >= {"facts.jsonl", "tables.json", "metrics.jsonl", "failures.jsonl", *logs}
    failures = lines(scene, "failures.jsonl")
    assert {(one["release"], one["arm"], one["why"], one["status"]) for one in failures} == {
        ("1.5.0", "candidate", "failed", 200)
    }
    assert {one["characters"] for one in failures} == {len(TEXT)}
    fired = [one["labels"]["alertname"] for one in lines(scene, "metrics.jsonl") if "alertname" in one["labels"]]
    assert "SegueCandidateFailing" in fired
    tokens = set(tale.world.tree.settings.tokens)
    for file in Path(scene["place"]).rglob("*.json*"):
        written = file.read_text()
        for secret in ("violet", "password", "@example.org", *tokens):
            assert secret not in written, f"{file.name} holds {secret}"
    told = segue_scene(tale, fact.rollout).stdout
    assert f"{len(failures)} attempts that failed" in told
    assert "1.5.0    candidate  failed" in told
    (Path(scene["place"]) / "failures.jsonl").write_text("")
    changed = segue_scene(tale, fact.rollout)
    assert changed.exit_code == 1
    assert "failures.jsonl is not what was kept" in changed.stdout
