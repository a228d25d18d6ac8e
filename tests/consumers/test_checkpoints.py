"""What was decided is signed as it grows, and `segue verify` believes it."""

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from consumers.metrics import REFUSED
from controller.handle import handle
from controller.journal import Store
from controller.journal.checkpoints import kept
from controller.outside.published import published
from controller.outside.signing import make_key, read_signer, read_trusted
from controller.proof.look import verify
from controller.wire.checkpoint import checkpoint_from_message
from controller.wire.topics import Topic
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import SERVICE, alert, installed, requested, rolling
from tests.journal.tampering import CHECKPOINTS_UNLOCKED, UNLOCKED, say


async def test_what_was_decided_is_signed_and_published(world: World, store: Store, tmp_path: Path) -> None:
    """One checkpoint for each growth, in SQL and in Kafka, and both copies verify against them."""
    make_key(tmp_path / "key.pem")
    signer = read_signer(str(tmp_path / "key.pem"))
    signing = replace(world.settings, signing_key=str(tmp_path / "key.pem"), checkpoint_every_s=0.2)
    mine = replace(world, settings=signing)

    async def signed(position: int) -> bool:
        return (SERVICE, position) in {(one.service, one.position) for one in await kept(store)}

    async with mine.hosting(store, *DECIDERS, "checkpoints"):
        for position, message in enumerate((requested("1.4.0"), alert("1.3.0")), start=1):
            await mine.publish(message.record)
            await mine.until("a new fact is signed", lambda position=position: signed(position))  # type: ignore[misc]  # bound for the loop
    trusted = read_trusted("", signer)
    found = await verify(store, signing.kafka, signing.topic_prefix, trusted)
    assert (found.findings, found.checkpoints) == ((), 2)


async def test_words_of_one_key_come_to_kafka_in_their_order(world: World, store: Store, tmp_path: Path) -> None:
    """Whatever service they are of: what dies in the middle leaves a beginning of them, never a gap."""
    make_key(tmp_path / "key.pem")
    signing = replace(world.settings, signing_key=str(tmp_path / "key.pem"))
    services = [f"voice-{number}" for number in range(12)]
    await handle(store, [one for service in services for one in installed(service)])

    async def words() -> list[tuple[int, int]]:
        async with aclosing(published(signing.kafka, signing.topic_prefix, Topic.CHECKPOINTS)) as records:
            return [(one.partition, checkpoint_from_message(one.value).number) async for one in records]

    async def all_there() -> bool:
        return len(await words()) == len(services)

    async with replace(world, settings=signing).hosting(store, *DECIDERS, "checkpoints"):
        await world.until("all are published", all_there)
    (partition, *_), numbers = zip(*await words(), strict=True)
    assert await words() == [(partition, number) for number in sorted(numbers)]


async def test_a_history_that_is_not_what_was_signed_is_signed_no_further(
    world: World, store: Store, tmp_path: Path
) -> None:
    """It is not ready and says why, in a metric as well; its neighbours are signed on."""
    make_key(tmp_path / "key.pem")
    mine = replace(
        world, settings=replace(world.settings, signing_key=str(tmp_path / "key.pem"), checkpoint_every_s=0.1)
    )
    await handle(store, [*installed(), *installed("other-voice")])
    async with mine.hosting(store, "checkpoints") as readiness:

        async def all_signed() -> bool:
            return len(await kept(store)) == 2

        async def refused() -> bool:
            return "checkpoints" in await readiness.missing()

        await mine.until("both are signed", all_signed)
        assert not await refused()
        forged = f"UPDATE journal SET hash = 'f00d' WHERE stream = '{SERVICE}' AND position = 4"
        await say(store, *UNLOCKED["sqlite"], forged)
        await mine.until("it refuses", refused)
        why = (await readiness.missing())["checkpoints"]
        assert f"{SERVICE} was tampered with: fact 4 was signed with the hash" in why
        assert "it has the hash f00d now; see `segue verify`" in why
        assert next(iter(REFUSED.collect())).samples[0].value == 1
        await handle(store, [*rolling(), *rolling(service="other-voice")])

        async def neighbour_signed() -> bool:
            return ("other-voice", 8) in {(one.service, one.position) for one in await kept(store)}

        await mine.until("its neighbour is signed on", neighbour_signed)
        assert {one.position for one in await kept(store) if one.service == SERVICE} == {4}


async def test_nothing_is_signed_once_a_checkpoint_was_taken_away(world: World, store: Store, tmp_path: Path) -> None:
    """Who signs remembers his last word; a new one would hide that it is gone."""
    make_key(tmp_path / "key.pem")
    mine = replace(
        world, settings=replace(world.settings, signing_key=str(tmp_path / "key.pem"), checkpoint_every_s=0.1)
    )
    await handle(store, installed())
    async with mine.hosting(store, "checkpoints") as readiness:

        async def all_signed() -> bool:
            return len(await kept(store)) == 1

        async def refused() -> bool:
            return "was taken away" in (await readiness.missing()).get("checkpoints", "")

        await mine.until("it is signed", all_signed)
        await say(store, *CHECKPOINTS_UNLOCKED["sqlite"], "DELETE FROM checkpoints")
        await mine.until("it refuses", refused)
        assert await kept(store) == []


async def test_without_a_key_nothing_is_signed(world: World, store: Store) -> None:
    """It is ready all the same: who wants no signatures needs no key."""
    async with world.hosting(store, *DECIDERS, "checkpoints") as readiness:
        await world.publish(requested("1.4.0").record)
        await world.until_told(SERVICE, "RolloutStarted")
        assert "checkpoints" not in await readiness.missing()
    assert await kept(store) == []
