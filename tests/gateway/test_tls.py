"""The gateway over TLS, by a certificate that the test makes: speech and tokens are nobody's between the two."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from controller.settings import Settings
from tests.gateway.stage import SERVICE, SPEECH
from tests.gateway.test_following import process
from tests.parts.certificates import certify


async def test_speech_is_asked_for_over_tls(settings: Settings, tmp_path: Path) -> None:
    """Whoever trusts the authority is answered; plain HTTP, and a client that trusts somebody else, are not."""
    certificates = certify(tmp_path)
    sealed = replace(settings, tls_cert=str(certificates.server), tls_key=str(certificates.key))
    url = f"//127.0.0.1:{settings.gateway_port}"
    trusted = ssl.create_default_context(cafile=str(certificates.authority))
    async with process(sealed), httpx.AsyncClient(base_url=f"https:{url}", verify=trusted) as client:
        async with asyncio.timeout(10):
            while True:
                with suppress(httpx.TransportError):
                    assert (await client.get("/health")).status_code == 200
                    break
                await asyncio.sleep(0.02)
        # No table came; that nobody speaks for this service yet is an answer as well.
        answer = await client.post(SPEECH, json={"model": SERVICE, "input": "Hi."})
        assert "error" in answer.json()
        assert (await client.get("/health", headers={"x-long": "x" * 70_000})).status_code == 431
        async with httpx.AsyncClient() as other:
            for scheme in ("http:", "https:"):
                with pytest.raises(httpx.TransportError):
                    await other.get(f"{scheme}{url}/health")
