"""
What was decided is signed, every few minutes: how far each stream has got, and its last fact's hash.

Whoever gets hold of the database and of Kafka can write another history with hashes that fit. He cannot sign it, and
`segue verify` asks for the signatures. Several of these functions at once do no harm: one of them is first.

Each month that is over is closed: the last fact of every stream in it is signed, so that it can be detached.
A stream that no longer holds what was signed last is signed no further, or the new history would be vouched for, too.
"""

import logging
import time

from consumers.metrics import CHECKPOINTS, REFUSED
from consumers.waiting import pause
from consumers.worker import Worker
from controller.journal import Store
from controller.journal.checkpoints import Lost, closing, grown, keep, lost
from controller.outside.signing import Signer, read_signer

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
    signer = read_signer(worker.settings.signing_key)
    while True:
        why = await _sign(worker.store, signer)
        worker.ready_when(lambda why=why: why)  # type: ignore[misc]  # bound for the loop
        if await pause(worker.stopping, worker.settings.checkpoint_every_s):
            return


async def _sign(store: Store, signer: Signer) -> str:
    """Sign what has grown upon what was signed, and say which streams are not what was signed; "" when all are."""
    gone = await lost(store, signer.name)
    REFUSED.set(len(gone))
    for one in gone:
        _log.error("%s is not signed any further: %s", one.service, _told(one), extra={"service": one.service})
    refused = {one.service for one in gone}
    now_ms = time.time_ns() // 1_000_000
    ends = [*await closing(store, signer.name, now_ms), *await grown(store, signer.name)]
    streams = [one for one in dict.fromkeys(ends) if one.service not in refused]
    signed = [signer.sign(one.service, one.position, one.hash, now_ms) for one in streams]
    await keep(store, signed)
    CHECKPOINTS.inc(len(signed))
    return "; ".join(f"{one.service} was tampered with: {_told(one)}" for one in gone)


def _told(one: Lost) -> str:
    holds = f"it has the hash {one.holds} now" if one.holds else "it is not there any more"
    return f"fact {one.position} was signed with the hash {one.signed}, and {holds}; see `segue verify`"
