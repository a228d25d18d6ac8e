"""`POST /v1/audio/speech`: from a body to audio, whole or as it is made."""

import asyncio
import logging
from typing import Final

from controller.core.routing import RoutingTable, pick
from controller.gateway.admission import Crowded
from controller.gateway.asgi import (
    CallerLeft,
    CallerPresent,
    Headers,
    Receive,
    Scope,
    Send,
    answer,
    answer_problem,
    read_body,
)
from controller.gateway.attempt import Attempt
from controller.gateway.caller import Caller, read_caller
from controller.gateway.encode import Encoder, Encoders, Samples, content_type
from controller.gateway.engine import EngineAway, ModelTimedOut, NotLoaded, ReleaseFault
from controller.gateway.metrics import Metrics
from controller.gateway.mirror import Mirror, mirrored
from controller.gateway.problem import Problem, retry_after
from controller.gateway.request import SpeechRequest, read_request
from controller.gateway.sentences import sentence_groups
from controller.gateway.speak import Speaker
from controller.gateway.tables import Tables
from controller.gateway.utterance import Utterance

log = logging.getLogger(__name__)

DEFAULT_VOICE: Final = "default"
# 4096 characters, each written as a JSON escape of two surrogates, and room for the other fields.
_MOST_BODY_BYTES: Final = 128 * 1024
_MOST_TAKING_S: Final = 30.0
_CALLER_LEFT: Final = 499

_Piece = Samples | Exception | None
"""Of a stream: audio, then None at its end or what ended it early."""


class Speech:
    """The endpoint. Every request ends in exactly one count of segue_user_requests_total."""

    def __init__(self, tables: Tables, speaker: Speaker, mirror: Mirror, encoders: Encoders, metrics: Metrics) -> None:
        self._tables = tables
        self._speaker = speaker
        self._mirror = mirror
        self._encoders = encoders
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        service, code = "", 500
        utterance = None
        try:
            request = read_request(await read_body(receive, _MOST_BODY_BYTES))
            table = self._known(request)
            service = table.service
            _check_speaks(request, table)
            caller = read_caller(dict(scope["headers"]), request.user, table)
            utterance = _utterance(request, table, caller)
            async with CallerPresent(receive):
                # What is spoken in one group is whole when its first audio is there.
                tell = self._stream if request.stream and len(utterance.groups) > 1 else self._whole
                code = await tell(send, request, utterance, caller)
        except CallerLeft:
            code = _CALLER_LEFT
        except (Problem, ReleaseFault, Crowded) as error:
            problem = error if isinstance(error, Problem) else _told(error)
            code = problem.status
            await answer_problem(send, problem)
        finally:
            self._metrics.user_requests(service, code).inc()
            for failure in utterance.failed if utterance else ():
                failure.status = code
        if utterance is not None and code != _CALLER_LEFT:
            self._mirror.offer(utterance)

    def _known(self, request: SpeechRequest) -> RoutingTable:
        table = self._tables.get(request.service)
        if table is None:
            known = ", ".join(self._tables.all()) or "none yet"
            raise Problem(404, f"model is unknown here; there is: {known}", code="model_not_found", param="model")
        return table

    async def _whole(self, send: Send, request: SpeechRequest, utterance: Utterance, caller: Caller) -> int:
        # Nothing is sent before the last group is spoken: up to then another release can take over unheard.
        attempt = await self._speaker.begin(utterance)
        try:
            rate_hz = attempt.arm.release.sample_rate_hz
            body = await self._encoders.whole(request.format, rate_hz, attempt.audio)
        finally:
            attempt.leave()
        await answer(send, 200, _headers(request, utterance, attempt, caller), body)
        return 200

    async def _stream(self, send: Send, request: SpeechRequest, utterance: Utterance, caller: Caller) -> int:
        attempt = await self._speaker.begin(utterance)
        try:
            encoder = Encoder(request.format, attempt.arm.release.sample_rate_hz)
            piece: _Piece = await self._encoders.feed(encoder, attempt.audio[0])
            # The release works ahead of a caller who listens slowly, and is free again when it is done. What waits
            # here is bounded by the longest text.
            pieces: asyncio.Queue[_Piece] = asyncio.Queue()
            making = asyncio.create_task(self._make(encoder, attempt, pieces))
            try:
                headers = _headers(request, utterance, attempt, caller)
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                while isinstance(piece, bytes | memoryview):
                    await _send_piece(send, piece)
                    piece = await pieces.get()
            finally:
                making.cancel()
        finally:
            attempt.leave()
        if piece is None:
            await send({"type": "http.response.body", "body": b""})
            return 200
        if not isinstance(piece, ReleaseFault):
            raise piece
        # An answer that is left incomplete makes the server break the connection: the caller must not take what came
        # so far for the whole.
        service, release = utterance.table.service, attempt.arm.release.version
        self._metrics.broken_streams.labels(service, release).inc()
        log.error(
            "broke off a stream: its release failed after the first byte",
            extra={
                "service": service,
                "release": release,
                "epoch": utterance.table.epoch,
                "fault": str(piece),
            },
        )
        return _told(piece).status

    async def _make(self, encoder: Encoder, attempt: Attempt, pieces: "asyncio.Queue[_Piece]") -> None:
        try:
            async for samples in attempt.rest():
                pieces.put_nowait(await self._encoders.feed(encoder, samples))
            pieces.put_nowait(await self._encoders.finish(encoder))
            pieces.put_nowait(None)
        except Exception as error:
            pieces.put_nowait(error)


def voices(table: RoutingTable) -> tuple[str, ...]:
    """Return what `voice` may be: a release has one voice, which also goes by its model's name."""
    return tuple(dict.fromkeys((DEFAULT_VOICE, *(arm.release.model for arm in table.arms))))


def _check_speaks(request: SpeechRequest, table: RoutingTable) -> None:
    if not table.arms:
        raise Problem(
            503,
            f"{table.service} has no release to speak yet; try again",
            code="no_release",
            headers=retry_after(5),
        )
    if request.voice not in ("", *voices(table)):
        there = ", ".join(voices(table))
        raise Problem(400, f"voice is unknown; {table.service} has: {there}", code="voice_not_found", param="voice")


def _utterance(request: SpeechRequest, table: RoutingTable, caller: Caller) -> Utterance:
    chosen = pick(table, caller.asked)
    if chosen is None:
        there = ", ".join(f"{arm.role} {arm.release.version}" for arm in table.arms)
        name = table.force.header
        raise Problem(404, f"{name} names no release of {table.service}; there is: {there}", code="release_not_found")
    groups = sentence_groups(request.text)
    return Utterance(
        table,
        chosen,
        groups,
        request.speed,
        len(request.text),
        ahead=1 if request.stream else len(groups),
        exact=caller.asked.wanted is not None,
        mirrored=mirrored(table, chosen, caller.asked.user),
    )


def _headers(request: SpeechRequest, utterance: Utterance, attempt: Attempt, caller: Caller) -> Headers:
    release = attempt.arm.release
    headers = [
        (b"content-type", content_type(request.format, release.sample_rate_hz).encode()),
        (b"cache-control", b"no-store"),
        (b"x-segue-service", utterance.table.service.encode()),
        (b"x-segue-release", release.version.encode()),
        (b"x-segue-arm", attempt.arm.role.encode()),
        (b"x-segue-why", utterance.pick.why.encode()),
        (b"x-segue-epoch", b"%d" % utterance.table.epoch),
    ]
    if utterance.pick.segment:
        headers.append((b"x-segue-segment", utterance.pick.segment.encode()))
    if attempt.failed_over_from is not None:
        headers.append((b"x-segue-failed-over-from", attempt.failed_over_from.release.version.encode()))
    if caller.set_cookie is not None:
        headers.append((b"set-cookie", caller.set_cookie))
    return headers


async def _send_piece(send: Send, piece: Samples) -> None:
    if not piece:
        return
    try:
        async with asyncio.timeout(_MOST_TAKING_S):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        raise CallerLeft(f"the caller took nothing for {_MOST_TAKING_S:g} s") from None


def _told(error: ReleaseFault | Crowded) -> Problem:
    match error:
        case Crowded(waited=False):
            return Problem(429, f"{error}", code="rate_limit_exceeded", headers=retry_after(1))
        case Crowded():
            return Problem(503, f"{error}", code="overloaded", headers=retry_after(5))
        case EngineAway():
            return Problem(
                503, "speech is not to be had just now; try again", code="engine_away", headers=retry_after(2)
            )
        case NotLoaded():
            return Problem(503, "the release is being loaded; try again", code="not_loaded", headers=retry_after(2))
        case ModelTimedOut():
            return Problem(504, "the release did not answer in time; try again", code="release_timeout")
    return Problem(502, "the release could not speak this text; try again, or report it", code="release_failed")
