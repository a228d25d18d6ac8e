"""
What was decided is signed, every few minutes: how far each stream has got, and its last fact's hash.

Whoever gets hold of the database and of Kafka can write another history with hashes that fit. He cannot sign it, and
`segue verify` asks for the signatures. Several of these functions at once do no harm: one of them is first.

Each month that is over is closed: the last fact of every stream in it is signed, so that it can be detached.
A stream that no longer holds what was signed last is signed no further, or the new history would be vouched for, too.
"""

import logging
import time
from collections.abc import Set

from consumers.metrics import CHECKPOINTS, REFUSED
from consumers.waiting import pause
from consumers.worker import Worker
from controller.journal import Store
from controller.journal.checkpoints import Lost, grown, keep, latest, lost
from controller.journal.closing import unsigned
from controller.outside.signing import Signer, read_signer
from controller.wire.checkpoint import Checkpoint

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """
    Sign until the worker is asked to stop; without a key nothing is signed.

    Raises Broken when the key cannot be read, Unavailable when the database is away.
    """
    if not worker.settings.signing_key:
        worker.ready_when(lambda: "")
        await worker.stopping.wait()
        return
    worker.not_ready("it has not signed yet")
    signing = _Signing(read_signer(worker.settings.signing_key))
    while True:
        if why := await signing.sign(worker.store):
            worker.not_ready(why)
        else:
            worker.ready_when(lambda: "")
        if await pause(worker.stopping, worker.settings.checkpoint_every_s):
            return


class _Signing:
    """Who signs, and the last word that he saw of his own: while he lives, nobody can take it away unnoticed."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._last: Checkpoint | None = None

    async def sign(self, store: Store) -> str:
        """Sign what has grown upon what was signed, and say what is not what was signed; "" when all is."""
        before = await latest(store, self._signer.name)
        if self._last is not None and (before is None or before.number < self._last.number):
            REFUSED.set(len(await grown(store, self._signer.name)))
            why = f"checkpoint {self._last.number} of key {self._signer.name} was taken away; see `segue verify`"
            _log.error("nothing is signed any further: %s", why)
            return why
        self._last = before
        gone = await lost(store, self._signer.name)
        REFUSED.set(len(gone))
        for one in gone:
            _log.error("%s is not signed any further: %s", one.service, _told(one), extra={"service": one.service})
        await self._keep(store, {one.service for one in gone})
        return "; ".join(f"{one.service} was tampered with: {_told(one)}" for one in gone)

    async def _keep(self, store: Store, refused: Set[str]) -> None:
        now_ms = time.time_ns() // 1_000_000
        name, last, signed = self._signer.name, self._last, list[Checkpoint]()
        for one in await unsigned(store, name, now_ms):
            if one.service not in refused:
                last = self._signer.sign(one.service, one.position, one.hash, now_ms, last)
                signed.append(last)
        if await keep(store, signed):
            self._last = last
            CHECKPOINTS.inc(len(signed))


def _told(one: Lost) -> str:
    holds = f"it has the hash {one.holds} now" if one.holds else "it is not there any more"
    return f"fact {one.position} was signed with the hash {one.signed}, and {holds}; see `segue verify`"
