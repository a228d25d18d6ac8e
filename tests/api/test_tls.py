"""The API over TLS, by a certificate that the test makes: whoever trusts its authority is served, and nobody else."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from controller.api import serve
from controller.core.errors import Broken
from controller.settings import Settings
from tests.api.test_alertmanager import alert, webhook
from tests.api.world import ALERTMANAGER, Api
from tests.parts.certificates import certify


async def test_alert_is_taken_over_tls(settings: Settings, tmp_path: Path) -> None:
    """An alert comes in over HTTPS; plain HTTP, and a client that trusts somebody else, get no answer."""
    certificates = certify(tmp_path)
    shown = replace(settings, tls_cert=str(certificates.server), tls_key=str(certificates.key))
    serving = asyncio.create_task(serve(shown))
    url, trusted = f"//127.0.0.1:{settings.api_port}", ssl.create_default_context(cafile=str(certificates.authority))
    try:
        async with httpx.AsyncClient(base_url=f"https:{url}", verify=trusted) as client:
            api = Api(client, shown)
            await api.until_alive(serving)
            await api.until_ready()
            assert (await api.post("/alertmanager", webhook(alert("sealed")), ALERTMANAGER)).status_code == 202
            assert (await client.get("/health", headers={"x-long": "x" * 70_000})).status_code == 431
        for scheme in ("http:", "https:"):
            async with httpx.AsyncClient() as other:
                with pytest.raises(httpx.TransportError):
                    await other.get(f"{scheme}{url}/health")
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_files_that_are_no_certificate_end_the_start(settings: Settings, tmp_path: Path) -> None:
    """A wrong file is told with what is allowed, before anything is served."""
    certificates = certify(tmp_path)
    for cert, key in (
        (certificates.server, ""),
        (certificates.authority, certificates.key),
        (tmp_path, tmp_path),
    ):
        with pytest.raises(Broken, match=r"SEGUE_TLS_CERT and SEGUE_TLS_KEY name .* give two files in PEM"):
            await serve(replace(settings, tls_cert=str(cert), tls_key=str(key)))
