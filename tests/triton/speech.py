"""Ask a release to speak as the gateway does, over HTTP with binary tensors, and see Triton's own answer."""

import json
import struct
from dataclasses import dataclass

import httpx

from controller.parts.triton import Triton as Server
from controller.quality.audio import Sound, measure


@dataclass(frozen=True)
class Answer:
    """status: Triton's. reason: of an error, else "". pcm: int16 samples at 44.1 kHz."""

    status: int
    reason: str
    pcm: bytes

    @property
    def sound(self) -> Sound:
        return measure(self.pcm, 44_100)


async def speak(server: Server, ensemble: str, text: str | bytes, speed: float = 1.0) -> Answer:
    """Have a release speak one text."""
    raw = text if isinstance(text, bytes) else text.encode()
    tensors = [struct.pack("<I", len(raw)) + raw, struct.pack("<f", speed)]
    head = {
        "inputs": [
            {"name": name, "datatype": kind, "shape": [1], "parameters": {"binary_data_size": len(tensor)}}
            for name, kind, tensor in zip(("text", "speed"), ("BYTES", "FP32"), tensors, strict=True)
        ],
        "outputs": [{"name": "audio", "parameters": {"binary_data": True}}],
    }
    header = json.dumps(head).encode()
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(
            f"http://{server.http}/v2/models/{ensemble}/infer",
            content=header + b"".join(tensors),
            headers={"Inference-Header-Content-Length": str(len(header))},
        )
    if answer.status_code != 200:
        return Answer(answer.status_code, answer.json()["error"], b"")
    return Answer(200, "", answer.content[int(answer.headers["Inference-Header-Content-Length"]) :])
