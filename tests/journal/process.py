"""Another process at the same store: `python -m tests.journal.process ROLE URL [ARGUMENT]`, one role a function."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from controller.core.stream import react
from controller.handle import handle
from controller.journal import Store, append, open_store, outbox
from controller.journal import heads as head_rows
from controller.journal.turn import TurnLost
from tests.journal.messages import alert, installed, requested


@contextmanager
def another(role: str, url: str, argument: str = "") -> "Iterator[subprocess.Popen[str]]":
    """Start a process in a role; it is gone when the block ends."""
    argv = [sys.executable, "-m", "tests.journal.process", role, url, argument]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


async def _decide(store: Store, argument: str) -> None:
    """Decide 60 alerts, one at a time, each its own transaction; begin when told."""
    print("here", flush=True)
    sys.stdin.readline()
    for number in range(60):
        await handle(store, [alert("1.4.0", 10_000 + number, id=f"{argument}-{number}")])
    print("done", flush=True)


async def _commit_and_die(store: Store, argument: str) -> None:
    """Decide a batch and die before anybody could publish it."""
    await handle(store, installed())
    os.kill(os.getpid(), signal.SIGKILL)


async def _die_uncommitted(store: Store, argument: str) -> None:
    """Die with a fact written and not committed."""

    def work(connection: Any) -> None:
        (head,) = head_rows.lock(connection, {"hibari"}, store.folded).values()
        one = requested("1.4.0")
        links, _ = append.chain(head, react(head.history, one.command, one.id, one.sent_ms))
        append.append(connection, links, 0)
        os.kill(os.getpid(), signal.SIGKILL)

    await store.write(work)


async def _stand_still(store: Store, argument: str) -> None:
    """Stand still, as by SIGSTOP, with an alert decided and not committed; say what became of it later."""
    put = outbox.put

    def stand_still(*arguments: Any) -> Any:
        setattr(outbox, "put", put)  # noqa: B010  # once
        os.kill(os.getpid(), signal.SIGSTOP)
        return put(*arguments)

    setattr(outbox, "put", stand_still)  # noqa: B010  # the outbox is what a batch writes last
    handled = await handle(store, [alert("1.4.0", 3_000)])
    print(*handled.outcomes, flush=True)


async def _live(store: Store, argument: str) -> None:
    """Live until killed, and say under which name."""
    async with store.life() as life:
        await life.living()
        print(life.name, flush=True)
        await asyncio.Event().wait()


async def _relay(store: Store, argument: str) -> None:
    """Be the relay until killed."""
    async with store.relay():
        print("relaying", flush=True)
        await asyncio.sleep(60)


async def _relay_on(store: Store, argument: str) -> None:
    """Be the relay until the turn is lost, and say so."""
    with suppress(TurnLost):
        async with store.relay() as relay:
            print("relaying", flush=True)
            with suppress(TurnLost):
                while True:
                    await relay.next_batch(1)
                    await asyncio.sleep(0.1)
            # Once lost, it is for good.
            await relay.sign()
            return
    print("lost", flush=True)


_ROLES = {
    "decide": _decide,
    "commit-and-die": _commit_and_die,
    "die-uncommitted": _die_uncommitted,
    "stand-still": _stand_still,
    "live": _live,
    "relay": _relay,
    "relay-on": _relay_on,
}


async def _main(role: str, url: str, argument: str) -> None:
    store = await open_store(url)
    await _ROLES[role](store, argument)
    await store.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
