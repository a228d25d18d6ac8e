"""
What was decided is signed, every few minutes: how far each stream has got, and its last fact's hash.

Whoever gets hold of the database and of Kafka can write another history with hashes that fit. He cannot sign it, and
`segue verify` asks for the signatures. Several of these functions at once do no harm: one of them is first.
"""

import logging
import time

from consumers.metrics import CHECKPOINTS
from consumers.waiting import pause
from consumers.worker import Worker
from controller.journal.checkpoints import grown, keep
from controller.outside.signing import read_signer

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
        now_ms = time.time_ns() // 1_000_000
        signed = [
            signer.sign(one.service, one.position, one.hash, now_ms) for one in await grown(worker.store, signer.name)
        ]
        await keep(worker.store, signed)
        CHECKPOINTS.inc(len(signed))
        worker.ready_when(lambda: "")
        if await pause(worker.stopping, worker.settings.checkpoint_every_s):
            return
