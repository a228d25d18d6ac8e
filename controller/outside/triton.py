"""
Triton, over gRPC: load and unload releases, and ask the one question that tells whether a release speaks.

`/ready` is no answer: a release whose Python stage has died stays "ready" and fails every request. Only `probe`, a real
inference whose audio is measured, is believed; only `reload` heals what it finds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from controller.core.errors import Broken, SegueError, Unavailable
from controller.quality.audio import Sound, fault, measure

PROBE_TEXT: Final = "The quick brown fox jumps over the lazy dog."

# A Triton that comes back must be found at once: gRPC's own back-off grows to two minutes.
_CHANNEL: Final = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
_TRY_AGAIN: Final = ("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED", "StatusCode.CANCELLED")
_NOT_THERE: Final = "StatusCode.NOT_FOUND"
_UNLOAD_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Probe:
    """What a release answered: how long it took, seconds, and what came back."""

    latency_s: float
    sound: Sound


class Triton:
    """
    One Triton server under explicit model control. Make it inside a running event loop; `async with` closes it.

    Every method raises Unavailable when the server does not answer within its time-out, and Broken when the same call
    would fail again.
    """

    def __init__(
        self,
        address: str,
        *,
        call_timeout_s: float = 10.0,
        load_timeout_s: float = 120.0,
        unload_timeout_s: float = 30.0,
    ) -> None:
        """address: host:port of Triton's gRPC. The time-outs bound any call, a load, and the end of an unload."""
        self._address = address
        self._call_timeout_s = call_timeout_s
        self._load_timeout_s = load_timeout_s
        self._unload_timeout_s = unload_timeout_s
        self._client = InferenceServerClient(address, channel_args=_CHANNEL)
        # A name means the same bytes for ever, so what it is made of is asked only once.
        self._stages: dict[str, tuple[str, ...]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; models stay as they are."""
        await self._client.close()

    async def load(self, ensemble: str) -> None:
        """
        Load a release with the stages it needs; those already loaded for another release are shared, not loaded again.

        Returns once it is loaded; loading what is loaded does nothing. Raises Broken with Triton's reason when it
        cannot be loaded, and leaves none of its stages behind then.
        """
        try:
            async with self._asking(f"load {ensemble}"):
                await self._client.load_model(ensemble, client_timeout=self._load_timeout_s)
        except Broken:
            # The stages that did load would stay, with nobody to unload them.
            async with self._asking(f"clean up after {ensemble}"):
                await self._unload_model(ensemble)
            raise

    async def unload(self, ensemble: str) -> None:
        """
        Unload a release, and those of its stages that no other loaded release uses; the others are not touched.

        Returns when its last request has been answered and its stages are gone. Unloading what is not loaded does
        nothing. Raises Unavailable when a stage is still there after unload_timeout_s: it takes no new request, but
        one still runs in it, or its process died (Triton never ends unloading such a stage).
        """
        async with self._asking(f"unload {ensemble}"):
            ready = await self._ready_stages()
            if ensemble not in ready:
                return
            others = {stage for name, stages in ready.items() if name != ensemble for stage in stages}
            own = {ensemble, *ready[ensemble]} - others
            await self._unload_model(ensemble)
        await self._gone(own)

    async def reload(self, ensemble: str, *, shared: bool = False) -> None:
        """
        Unload a release and load it again: the only cure for a dead stage.

        shared: also restart the stages that other loaded releases use. Those releases fail until it is done and are
        back with it, so ask for it only when the release still does not speak after a plain reload: then the dead
        stage is theirs too.
        """
        async with self._asking(f"reload {ensemble}"):
            stages = (await self._ready_stages()).get(ensemble, ())
            # No waiting for them to be gone: a stage whose process died never is.
            for model in stages if shared else (ensemble,):
                await self._unload_model(model)
        await self.load(ensemble)

    async def ready(self, ensemble: str) -> bool:
        """Say whether Triton would take a request for a release. It may still fail every one: see `probe`."""
        async with self._asking(f"ask for {ensemble}"):
            return bool(await self._client.is_model_ready(ensemble, client_timeout=self._call_timeout_s))

    async def loaded(self) -> set[str]:
        """Name the releases that are loaded; stages are not releases."""
        async with self._asking("list what is loaded"):
            return {name for name, stages in (await self._ready_stages()).items() if stages}

    async def stages(self, ensemble: str) -> tuple[str, ...]:
        """Name the stages of a loaded release, in its order; one that several steps run is named once."""
        async with self._asking(f"ask what {ensemble} is made of"):
            return tuple(dict.fromkeys(await self._stages_of(ensemble)))

    async def probe(
        self,
        ensemble: str,
        text: str = PROBE_TEXT,
        *,
        timeout_s: float = 5.0,
        sample_rate_hz: int = 44_100,
        heard: Callable[[bytes], None] | None = None,
    ) -> Probe:
        """
        Have a release speak, and measure what it said. heard: is given the int16 samples, sound or not.

        Raises Unavailable when no answer came within timeout_s, and Broken when it answered with an error or with audio
        that is plainly wrong (see controller/quality/audio).
        """
        inputs = [InferInput("text", [1], "BYTES"), InferInput("speed", [1], "FP32")]
        inputs[0].set_data_from_numpy(np.array([text.encode()], dtype=object))
        inputs[1].set_data_from_numpy(np.array([1.0], dtype=np.float32))
        began = time.perf_counter()
        async with self._asking(f"probe {ensemble}"):
            result = await self._client.infer(ensemble, inputs, client_timeout=timeout_s)
        latency_s = time.perf_counter() - began
        audio = result.as_numpy("audio")
        samples = b"" if audio is None else audio.tobytes()
        if heard is not None:
            heard(samples)
        sound = measure(samples, sample_rate_hz)
        if wrong := fault(sound):
            raise Broken(f"The release {ensemble} answered the probe, but {wrong}.")
        return Probe(latency_s, sound)

    async def _unload_model(self, model: str) -> None:
        await self._client.unload_model(model, unload_dependents=True, client_timeout=self._call_timeout_s)

    async def _ready_models(self) -> set[str]:
        index = await self._client.get_model_repository_index(client_timeout=self._call_timeout_s)
        return {model.name for model in index.models if model.state == "READY"}

    async def _stages_of(self, model: str) -> tuple[str, ...]:
        """Name the stages of a loaded model; a stage itself has none."""
        if model not in self._stages:
            answer: Any = await self._client.get_model_config(model, client_timeout=self._call_timeout_s)
            self._stages[model] = tuple(step.model_name for step in answer.config.ensemble_scheduling.step)
        return self._stages[model]

    async def _ready_stages(self) -> dict[str, tuple[str, ...]]:
        """Name every loaded model with its stages. One that is unloaded between the two questions is left out."""
        ready: dict[str, tuple[str, ...]] = {}
        for model in await self._ready_models():
            try:
                ready[model] = await self._stages_of(model)
            except InferenceServerException as error:
                if error.status() != _NOT_THERE:
                    raise
        return ready

    async def _gone(self, models: set[str]) -> None:
        """Wait until models are unloaded: Triton answers an unload before the requests in flight have ended."""
        deadline = time.monotonic() + self._unload_timeout_s
        while left := models & await self._present():
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Triton at {self._address} is still unloading {', '.join(sorted(left))} after "
                    f"{self._unload_timeout_s:g} s: a request runs in it, or its process died."
                )
            await asyncio.sleep(_UNLOAD_POLL_S)

    async def _present(self) -> set[str]:
        async with self._asking("list its models"):
            index = await self._client.get_model_repository_index(client_timeout=self._call_timeout_s)
            return {model.name for model in index.models if model.state in ("READY", "UNLOADING")}

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[None]:
        """Turn what tritonclient raises into our two kinds of error."""
        try:
            yield
        except InferenceServerException as error:
            kind: type[SegueError] = Unavailable if error.status() in _TRY_AGAIN else Broken
            raise kind(f"Triton at {self._address} could not {what}: {error.message()}") from error
