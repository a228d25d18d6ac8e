"""
Speech from Triton by unary HTTP inference: binary tensors both ways over kept connections.

No JSON but two small headers, and the int16 bytes are handed on where they lie in the answer.
Source: Triton's "Binary Tensor Data Extension".
"""

import asyncio
import json
import struct
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import aiohttp

from controller.gateway.encode import Samples
from controller.gateway.engine import EngineAway, ModelFailed, ModelTimedOut

_HEADER_LENGTH: Final = "Inference-Header-Content-Length"


class TritonEngine:
    """One Triton server's speaking side. Make it inside a running event loop; `async with` closes it."""

    def __init__(self, address: str) -> None:
        """address: host:port of Triton's HTTP endpoint; "http://" before it is allowed."""
        self._base = address.rstrip("/") if "://" in address else f"http://{address}"
        # No limit here: admission holds the number of utterances down, release by release.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=75)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=2**20
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def infer(self, ensemble: str, text: str, speed: float, timeout_s: float) -> Samples:
        """
        Let a release speak one group of sentences.

        Raises ModelFailed when Triton refuses or the model failed, ModelTimedOut after timeout_s, EngineAway when
        nobody answers. Triton's own words may quote the text, so none of them is repeated.
        """
        url = f"{self._base}/v2/models/{quote(ensemble, safe='')}/infer"
        body, header_bytes = _question(text, speed)
        headers = {
            _HEADER_LENGTH: str(header_bytes),
            "Content-Type": "application/octet-stream",
            # Otherwise Triton spends milliseconds to press audio that does not shrink.
            "Accept-Encoding": "identity",
        }
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    return await self._ask(ensemble, url, body, headers)
                except aiohttp.ServerDisconnectedError:
                    # A kept connection may end while it lies idle; on a fresh one the truth is found out.
                    return await self._ask(ensemble, url, body, headers)
        except TimeoutError:
            raise ModelTimedOut(f"{ensemble} did not answer within {timeout_s:g} s") from None
        except aiohttp.ClientPayloadError as error:
            raise ModelFailed(f"{ensemble}: its answer ended early") from error
        except aiohttp.ClientError as error:
            raise EngineAway(f"Triton at {self._base} does not answer; see that it runs and is reachable") from error

    async def _ask(self, ensemble: str, url: str, body: bytes, headers: dict[str, str]) -> Samples:
        async with self._session.post(url, data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise ModelFailed(f"{ensemble}: Triton answered {answer.status}; its log says why")
            return _audio(ensemble, content, answer.headers.get(_HEADER_LENGTH))


def _question(text: str, speed: float) -> tuple[bytes, int]:
    encoded = text.encode()
    tensor = struct.pack("<I", len(encoded)) + encoded
    header = _HEADER % len(tensor)
    return b"".join((header, tensor, struct.pack("<f", speed))), len(header)


_HEADER: Final = (
    b'{"inputs":['
    b'{"name":"text","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}},'
    b'{"name":"speed","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}],'
    b'"outputs":[{"name":"audio","parameters":{"binary_data":true}}]}'
)


def _audio(ensemble: str, content: bytes, header_bytes: str | None) -> Samples:
    if header_bytes is None or not header_bytes.isdecimal():
        raise ModelFailed(f"{ensemble}: Triton's answer carries no binary audio")
    try:
        outputs = json.loads(content[: int(header_bytes)])["outputs"]
        datatypes = [output["datatype"] for output in outputs]
    except (ValueError, LookupError, TypeError) as error:
        raise ModelFailed(f"{ensemble}: Triton's answer cannot be read") from error
    if datatypes != ["INT16"]:
        raise ModelFailed(f"{ensemble}: its output `audio` is not INT16")
    return memoryview(content)[int(header_bytes) :]
