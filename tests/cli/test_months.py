"""`segue db partitions`, `detach` and `attach`, as an operator types them."""

import json
from pathlib import Path

from controller.journal import Store
from controller.outside.signing import Signer
from tests.cli.segue import segue_in
from tests.journal.conftest import cluster, new_url, opened, signer, store, templates, url
from tests.journal.test_detaching import kind, lived, signed

__all__ = ["cluster", "kind", "lived", "new_url", "opened", "signer", "store", "templates", "url"]


async def test_a_month_goes_and_comes_back(lived: Store, url: str, signer: Signer, tmp_path: Path) -> None:
    """The list says whether it is closed; what cannot be done is told, and verify says what is away."""
    segue = segue_in(tmp_path, SEGUE_DATABASE_URL=url, SEGUE_SIGNING_KEY=str(tmp_path / "key.pem"))
    listed = segue("db", "partitions").out.splitlines()
    assert listed[1].split()[:3] == ["2026-01", "journal_until_2026_01", "8"]
    assert listed[1].endswith("no: 2 services have no checkpoint at its end")
    refused = segue("db", "detach", "2026-01")
    assert refused.code == 1
    assert "no trusted checkpoint vouches for hibari/4, idle/4" in refused.err
    assert segue("db", "detach", "January").code == 2
    await signed(lived, signer)
    assert segue("db", "partitions").out.splitlines()[1].split()[-1] == "yes"
    detached = segue("db", "detach", "2026-01")
    assert detached.code == 0, detached.err
    assert "pg_dump --table=journal_until_2026_01" in detached.out
    assert "facts: 16, in detached months: 8, services: 2" in segue("db", "verify").out
    replayed = segue("replay", "--from", "sql")
    assert replayed.code == 1
    assert "bring them back with `segue db attach`" in replayed.err
    assert segue("db", "attach", "2026-01").code == 0
    (first, *_) = json.loads(segue("db", "partitions", "--json").out)
    assert (first["month"], first["facts"], first["open"], first["over"]) == ("2026-01", 8, 0, True)
    assert segue("replay", "--from", "sql").code == 0
