"""
Two other ways to Triton, as processes: `python -m tests.bench.speech.others bare PORT HTTP GRPC ENSEMBLE`, or `naive`.

bare: the floor. The gateway's own server and pool; it reads the body, asks, answers, and does nothing else.
naive: what one writes in an afternoon. FastAPI, a pydantic model, and the objects of tritonclient.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel
from tritonclient.grpc.aio import InferenceServerClient, InferInput, InferRequestedOutput

from controller.gateway.asgi import App, Receive, Scope, Send, answer, read_body
from controller.gateway.endpoint import Endpoint
from controller.parts.ports import LOOPBACK
from tests.gateway.stage import SPEECH


class Wanted(BaseModel):
    """A speech request."""

    model: str
    input: str
    response_format: str = "mp3"
    stream: bool = False
    speed: float = 1.0


def bare(http: str, ensemble: str) -> App:
    """Return an application that asks Triton and nobody else."""
    endpoint = Endpoint(http)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != SPEECH:
            await answer(send, 200, (), b"")
            return
        wanted = json.loads(await read_body(receive, 1 << 20))
        await answer(send, 200, (), await endpoint.infer(ensemble, wanted["input"], 1.0, 30))

    return app


def naive(grpc: str, ensemble: str) -> FastAPI:
    """Return the same in the way of tutorials."""
    clients: list[Any] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clients.append(InferenceServerClient(grpc))
        yield
        await clients.pop().close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/ready")
    async def ready() -> None:
        pass

    @app.post(SPEECH)
    async def speak(wanted: Wanted) -> Response:
        text = InferInput("text", [1], "BYTES")
        text.set_data_from_numpy(np.array([wanted.input.encode()], dtype=np.object_))
        speed = InferInput("speed", [1], "FP32")
        speed.set_data_from_numpy(np.array([wanted.speed], dtype=np.float32))
        spoken = await clients[0].infer(ensemble, [text, speed], outputs=[InferRequestedOutput("audio")])
        return Response(spoken.as_numpy("audio").tobytes(), media_type="audio/pcm")

    return app


def main(kind: str, port: str, http: str, grpc: str, ensemble: str) -> None:
    """Serve until told to end."""
    app: Any = bare(http, ensemble) if kind == "bare" else naive(grpc, ensemble)
    lifespan: Any = "off" if kind == "bare" else "on"
    uvicorn.run(app, host=LOOPBACK, port=int(port), lifespan=lifespan, access_log=False, log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
