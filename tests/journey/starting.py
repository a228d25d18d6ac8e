"""Starting a world: a tree of real parts, whoever reads what it publishes, and a pager at its end."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kafka import KafkaProducer

from controller.outside.prometheus import FAST
from controller.parts.triton import Triton
from controller.settings import Settings
from controller.supervise.plan import PARTS, Part
from controller.supervise.tree import start_tree
from tests.journey.pager import pager
from tests.journey.world import Reader, Tale, World

_numbers = itertools.count(1)

LISTENING_ROOM = "listening-room-0123456789"
"""The token of a system outside that approves gates of the role voice-quality; the other roles' tokens are made."""


@contextmanager
def running_world(
    folder: Path,
    store: str,
    database_url: str,
    parts: Collection[Part] = PARTS,
    *,
    tritons: Sequence[Triton] = (),
    observe_every_s: float = 0,
    drain_s: float = 60,
) -> Iterator[World]:
    """
    Run Segue on one store until the block ends; its data stands in folder, SQLite's too when no URL is given.

    tritons: to be used in place of one that is started; they share the repository folder/models. observe_every_s: 0
    leaves it to the scenarios to say what was measured. drain_s: longer than any scenario takes, so that what leaves
    goes because nobody hears it.
    """
    with ExitStack() as stack:
        people = stack.enter_context(pager())
        settings = Settings(
            data=folder / "segue",
            repository=folder / "models",
            database_url=database_url,
            triton_http=",".join(triton.http for triton in tritons),
            triton_grpc=",".join(triton.grpc for triton in tritons),
            notify_webhook=people.url,
            tokens={LISTENING_ROOM: "voice-quality"},
            drain_s=drain_s,
            probe_every_s=2,
            observe_every_s=observe_every_s,
            scenes=str(folder / "scenes"),
            scene_after_s=1,
        )
        tree = stack.enter_context(start_tree(settings, parts=parts, free_ports=True, pace=FAST))
        reader = stack.enter_context(Reader(tree.kafka))
        world = World(tree, reader, store, KafkaProducer(bootstrap_servers=tree.kafka, acks="all"), people)
        stack.callback(world.close)
        yield world


def new_tale(world: World, test: str) -> Tale:
    """Return a service that no other scenario knows, named after the test that asks for it."""
    name = test.split("[")[0].removeprefix("test_").replace("_", "-")[:40]
    return Tale(world, f"{name}-{next(_numbers)}")
