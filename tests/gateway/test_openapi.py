"""The gateway's document: every page is in it, and whatever is asked is answered as it says."""

import asyncio
import json
from dataclasses import replace

from controller.gateway.app import Parts, _pages
from controller.gateway.encode import Encoders
from controller.gateway.failures import FAILURES_PATH
from controller.gateway.metrics import Metrics
from controller.gateway.openapi import SPEECH_PATH, text
from controller.gateway.tables import Tables
from controller.gateway.triton import TritonEngine
from controller.settings import Settings
from tests.gateway.stage import SERVICE, Known, Tones, table
from tests.gateway.test_following import process, publishing
from tests.openapi.asking import IN_ONE_PROCESS, ask

TOKEN = "viewer-token-0123456789"
KNOWN = {"service": SERVICE, "release": "1.0.0-good"}
SPEECH = {"model": SERVICE, "input": "Hi.", "voice": None}


def test_every_page_is_in_the_document() -> None:
    """A new page is told of, and what is told of is there."""
    metrics = Metrics()
    parts = Parts(Tables(metrics), Known(), TritonEngine("127.0.0.1:1"), metrics, Encoders(), 1)
    paths = json.loads(text())["paths"]
    assert {path: list(methods) for path, methods in paths.items()} == {
        **{path: ["get"] for path in (*_pages(parts), FAILURES_PATH)},
        SPEECH_PATH: ["post"],
    }


@IN_ONE_PROCESS
async def test_what_the_document_says_is_what_is_answered(settings: Settings, tones: Tones) -> None:
    """Good requests and bad ones, all operations: each answer has a status, a type and a body that the document has."""
    known = replace(settings, tokens={TOKEN: "viewer"})
    async with publishing(known) as publish, process(known) as gate:
        await publish(table(1, stable=tones["good"]))
        await gate.serves(1)
        url = f"http://127.0.0.1:{known.gateway_port}"
        asked = await asyncio.to_thread(ask, url, token, KNOWN, SPEECH)
    assert len(asked) == len(json.loads(text())["paths"])


def token(method: str, path: str) -> str:
    """Return the token that lets in, or none where anybody may."""
    return TOKEN if path == FAILURES_PATH else ""
