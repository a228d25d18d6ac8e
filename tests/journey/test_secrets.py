"""What is secret stays where it was put: nothing that a run wrote, showed or published tells it."""

from pathlib import Path

from sqlalchemy.engine import make_url

from tests.journey.test_alerts import candidate_is_up
from tests.journey.world import Tale

NOT_A_TOKEN = "mistaken-token-0123456789"


def test_no_secret_is_written_or_shown(tale: Tale) -> None:
    """After a rollback and refusals: no log, fact, message, table, scene or metric has a token or the password."""
    told = candidate_is_up(tale)
    tree = tale.world.tree
    secrets = {*tree.tokens.by_token, NOT_A_TOKEN, make_url(tree.settings.database).password or NOT_A_TOKEN}
    assert len(secrets) >= 5
    shown = []
    for token in secrets:
        bearer = {"authorization": f"Bearer {token}"}
        for url in (tree.api_url, tree.gateway_url):
            paths = (
                "/metrics",
                "/ready",
                "/v1/services",
                f"/v1/services/{tale.service}",
                "/failures?service=x&release=1",
            )
            shown += [tale.world.http.get(url + path, headers=bearer).text for path in paths]
            shown.append(tale.world.http.post(f"{url}/alertmanager", content=b"{", headers=bearer).text)
    assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
    tale.world.until("it is taken back", lambda: len(tale.sentences()) > len(told) + 2)
    tale.scene()
    assert [text for text in shown if any(secret in text for secret in secrets)] == []
    for path in (tree.settings.data, Path(tree.settings.scenes)):
        found = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith("tokens")]
        assert len(found) > 3
        assert [file for file in found if any(secret.encode() in content(file) for secret in secrets)] == []


def content(file: Path) -> bytes:
    """Return what a file holds, nothing when it was only there for a moment."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
