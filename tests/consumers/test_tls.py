"""A worker's port over TLS, by a certificate that the test makes."""

import logging
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from consumers.answering import answering
from consumers.worker import Readiness
from controller.connections import listening
from controller.core.errors import Broken, Unavailable
from controller.outside.gateways import Gateways
from controller.settings import Settings
from tests.parts.certificates import certify

PLAIN = Settings(worker_port=0)


async def test_metrics_are_told_over_tls(tmp_path: Path) -> None:
    """Whoever trusts the authority is answered on all three paths; plain HTTP, and who trusts others, is not."""
    certificates = certify(tmp_path)
    sealed = replace(PLAIN, tls_cert=str(certificates.server), tls_key=str(certificates.key))
    trusted = ssl.create_default_context(cafile=str(certificates.authority))
    async with answering(sealed, Readiness()) as port, httpx.AsyncClient(verify=trusted) as client:
        for path, status in (("health", 200), ("metrics", 200), ("ready", 503)):
            assert (await client.get(f"https://127.0.0.1:{port}/{path}")).status_code == status
            # It shows, and takes no orders.
            assert (await client.post(f"https://127.0.0.1:{port}/{path}")).status_code == 405
        async with httpx.AsyncClient() as other:
            for scheme in ("http", "https"):
                with pytest.raises(httpx.TransportError):
                    await other.get(f"{scheme}://127.0.0.1:{port}/health")


async def test_other_paths_are_told_what_there_is() -> None:
    """A port of a worker says what it answers, to HEAD as to GET."""
    async with answering(PLAIN, Readiness()) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        lost = await client.get("/nowhere")
        assert (lost.status_code, lost.text) == (404, "a worker answers /health, /ready and /metrics\n")
        head = await client.head("/health")
        assert (head.status_code, head.headers["content-length"], head.content) == (200, "6", b"")
        assert (await client.post("/ready")).headers["allow"] == "GET, HEAD"
        assert (await client.get("/health", headers={"x-long": "x" * 70_000})).status_code == 431


async def test_a_worker_ends_at_once_whoever_is_connected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that is kept, by TLS or plain, is ended with it, and says nothing in the log."""
    certificates = certify(tmp_path)
    sealed = replace(PLAIN, tls_cert=str(certificates.server), tls_key=str(certificates.key))
    trusted = ssl.create_default_context(cafile=str(certificates.authority))
    for settings, scheme in ((PLAIN, "http"), (sealed, "https")):
        async with httpx.AsyncClient(verify=trusted) as client:
            async with answering(settings, Readiness()) as port:
                await client.get(f"{scheme}://127.0.0.1:{port}/health")
                ending = time.monotonic()
            assert time.monotonic() - ending < 0.8
    assert [one for one in caplog.records if one.levelno > logging.INFO] == []


def test_small_answers_do_not_wait_for_one_another() -> None:
    """Nagle's delay is turned off only on sockets that say they are TCP."""
    with listening("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_files_that_are_no_certificate_end_the_start(tmp_path: Path) -> None:
    """A worker says what is wrong before it does anything."""
    with pytest.raises(Broken, match=r"SEGUE_TLS_CERT and SEGUE_TLS_KEY name .* give two files in PEM"):
        async with answering(replace(PLAIN, tls_cert=str(tmp_path / "none"), tls_key="none"), Readiness()):
            pass


async def test_a_gateway_is_shown_a_token_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes ask `https://` of a gateway whom SSL_CERT_FILE vouches for, and send no token to another."""
    certificates = certify(tmp_path)
    sealed = replace(PLAIN, tls_cert=str(certificates.server), tls_key=str(certificates.key))
    async with answering(sealed, Readiness()) as port:
        address = f"https://127.0.0.1:{port}"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        async with Gateways("a-viewer-s-token-123") as asking:
            with pytest.raises(Broken, match="answers 404"):  # it is a worker, and heard the question
                await asking.failures(address, "hibari", "1.5.0", timeout_s=5)
        (tmp_path / "other").mkdir()
        monkeypatch.setenv("SSL_CERT_FILE", str(certify(tmp_path / "other").authority))
        async with Gateways("a-viewer-s-token-123") as asking:
            with pytest.raises(Unavailable, match="does not answer"):
                await asking.failures(address, "hibari", "1.5.0", timeout_s=5)


async def test_a_file_without_certificates_is_told_by_each_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks hears what is wrong as of any neighbour that cannot be asked; put right, it is read again."""
    certificates = certify(tmp_path)
    (tmp_path / "empty.pem").touch()
    async with answering(PLAIN, Readiness()) as port, Gateways("a-viewer-s-token-123") as asking:
        for file in ("none.pem", "empty.pem"):
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / file))
            with pytest.raises(Broken, match=r"vouch for the gateway cannot be read .* let SSL_CERT_FILE name a file"):
                await asking.failures(f"127.0.0.1:{port}", "hibari", "1.5.0", timeout_s=5)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        with pytest.raises(Broken, match="answers 404"):
            await asking.failures(f"127.0.0.1:{port}", "hibari", "1.5.0", timeout_s=5)
