"""
Speech from one Triton server by unary HTTP inference: binary tensors both ways over kept connections.

No JSON but two small headers, and the int16 bytes are handed on where they lie in the answer.
Source: Triton's "Binary Tensor Data Extension".
"""

import json
import struct
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from controller.core.errors import Malformed
from controller.gateway.encode import Samples
from controller.gateway.engine import EngineAway, ModelFailed, ModelTimedOut, NotLoaded
from controller.gateway.pool import Answer, Pool

# Triton has no status of its own for these; its words, read in 2.51, are the only sign.
_NOT_LOADED: Final = (b"Request for unknown model", b"is not ready")

_HEADER_LENGTH: Final = "Inference-Header-Content-Length"


class Endpoint:
    """
    One Triton server's speaking side.

    address: host:port of its HTTP endpoint. work: characters that it is being asked for now.
    """

    def __init__(self, address: str) -> None:
        """address: "http://" before it is allowed. Raises Malformed."""
        host, _, port = address.strip().removeprefix("http://").rstrip("/").rpartition(":")
        if not host or not port.isdecimal():
            raise Malformed(f"{address!r} is no address of Triton; give host:port of its HTTP endpoint")
        self.address = f"{host}:{port}"
        self.work = 0
        # No limit here: admission holds the number of utterances down, release by release.
        self._pool = Pool(host.strip("[]"), int(port))

    def close(self) -> None:
        """End the connections that lie idle."""
        self._pool.close()

    async def infer(self, ensemble: str, text: str, speed: float, timeout_s: float) -> Samples:
        """
        Let a release speak one group of sentences.

        Raises ModelFailed when Triton refuses or the model failed, ModelTimedOut after timeout_s, NotLoaded when Triton
        does not have the release, EngineAway when nobody answers. Triton's own words may quote the text, so none of
        them is repeated.
        """
        path, body, headers = question(ensemble, text, speed)
        try:
            answer = await self._pool.post(path, headers, body, timeout_s)
        except TimeoutError:
            raise ModelTimedOut(f"{ensemble} did not answer within {timeout_s:g} s") from None
        # A name that is none, such as a..b, is no OSError.
        except (OSError, UnicodeError) as error:
            raise EngineAway(f"Triton at {self.address} does not answer; see that it runs") from error
        if answer.status != 200:
            if any(words in bytes(answer.body) for words in _NOT_LOADED):
                raise NotLoaded(f"{ensemble} is not loaded on Triton at {self.address}")
            raise ModelFailed(f"{ensemble}: Triton answered {answer.status}; its log says why")
        return _audio(ensemble, answer)


def question(ensemble: str, text: str, speed: float) -> tuple[str, bytes, Mapping[str, str]]:
    """Return what a release is asked for: the path, the body and the headers of a POST."""
    encoded = text.encode()
    tensor = struct.pack("<I", len(encoded)) + encoded
    header = _HEADER % len(tensor)
    headers = {_HEADER_LENGTH: str(len(header)), "Content-Type": "application/octet-stream"}
    path = f"/v2/models/{quote(ensemble, safe='')}/infer"
    return path, b"".join((header, tensor, struct.pack("<f", speed))), headers


_HEADER: Final = (
    b'{"inputs":['
    b'{"name":"text","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}},'
    b'{"name":"speed","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}],'
    b'"outputs":[{"name":"audio","parameters":{"binary_data":true}}]}'
)


def _audio(ensemble: str, answer: Answer) -> Samples:
    try:
        header_bytes = int(answer.headers[_HEADER_LENGTH.lower().encode()])
        outputs = json.loads(answer.body[:header_bytes].decode())["outputs"]
        datatypes = [output["datatype"] for output in outputs]
    except (ValueError, LookupError, TypeError) as error:
        raise ModelFailed(f"{ensemble}: Triton's answer carries no binary audio") from error
    if datatypes != ["INT16"]:
        raise ModelFailed(f"{ensemble}: its output `audio` is not INT16")
    return memoryview(answer.body)[header_bytes:]
