"""`segue dead-letters`: messages that could not be read, why, and sending one again once its cause is mended."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import AsJson, tell_json, tell_table
from controller.cli.here import kafka_here, settings_here
from controller.cli.plain import say
from controller.cli.shown import Verbs
from controller.core.errors import Broken

if TYPE_CHECKING:
    from controller.journal import Store
    from controller.journal.letters import DeadLetter

app = Verbs(no_args_is_help=True, help="Messages that could not be read.")

Letter = Annotated[str, typer.Argument(help="The letter's id, topic/partition/offset, as `list` shows it.")]


@app.command("list")
def list_letters(
    after: Annotated[
        str | None, typer.Option(metavar="LETTER", help="Only what came after this letter, topic/partition/offset.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """
    List the dead letters, oldest first, each with its reason.

    Example: segue dead-letters list --json
    """
    from controller.cli.amounts import LARGEST_NUMBER
    from controller.cli.stored import opened
    from controller.journal import views
    from controller.log import iso

    async def read() -> "list[DeadLetter]":
        async with opened(settings_here()) as store:
            number = (await _found(store, after)).number if after else 0
            return await views.dead_letters(store, number, min(limit, LARGEST_NUMBER))

    letters = asyncio.run(read())
    if as_json:
        tell_json([_values(letter) for letter in letters])
    else:
        tell_table(
            ("letter", "at", "service", "reason"),
            [(one.letter, iso(one.at_ms / 1000), one.service, one.reason) for one in letters],
            none="no dead letters",
        )


@app.command()
def show(letter: Letter, as_json: AsJson = False) -> None:
    """
    Show one letter: where it came from, why it could not be read, and what it said, byte for byte.

    Example: segue dead-letters show rollout.requested/3/17
    """
    found = _read(letter)
    if as_json:
        tell_json(_values(found))
        return
    for name, value in _values(found).items():
        if not name.endswith("_base64"):
            say(f"{name:<10}{value}")
    say("")
    say((found.value or b"").decode(errors="backslashreplace"), lines=True)


@app.command()
def redrive(letter: Letter, as_json: AsJson = False) -> None:
    """
    Send a letter's bytes again to the topic they came from, as a new message.

    For letters that a newer Segue can read; a message that is wrong in itself comes back as a new letter.

    Example: segue dead-letters redrive rollout.requested/3/17
    """
    from controller.outside.kafka import publish
    from controller.wire.topics import topic_name

    found = _read(letter)
    if found.value is None:
        raise Broken(f"letter {letter} has no content to send again")
    settings = kafka_here()
    topic = topic_name(found.topic, settings.topic_prefix)
    key = (found.key or found.service.encode()).decode(errors="replace")
    partition, offset = publish(settings.brokers, topic, key, found.value, headers=found.headers)
    if as_json:
        tell_json({"letter": letter, "topic": topic, "partition": partition, "offset": offset})
    else:
        say(f"{letter} was sent again as {topic}/{partition}/{offset}")


def _read(letter: str) -> "DeadLetter":
    from controller.cli.stored import opened

    async def read() -> "DeadLetter":
        async with opened(settings_here()) as store:
            return await _found(store, letter)

    return asyncio.run(read())


async def _found(store: "Store", letter: str) -> "DeadLetter":
    from controller.journal import views

    if found := await views.dead_letter(store, letter):
        return found
    such = "a letter is called by its topic/partition/offset, as `segue dead-letters list` does"
    raise Broken(f"there is no dead letter {letter}: {such}")


def _values(letter: "DeadLetter") -> dict[str, object]:
    from base64 import b64encode

    from controller.log import iso

    return {
        "number": letter.number,
        "letter": letter.letter,
        "service": letter.service,
        "topic": letter.topic.value,
        "partition": letter.partition,
        "offset": letter.offset,
        "at": iso(letter.at_ms / 1000),
        "reason": letter.reason,
        "key": (letter.key or b"").decode(errors="backslashreplace"),
        "headers": [[name, value.decode(errors="backslashreplace")] for name, value in letter.headers],
        "value_base64": None if letter.value is None else b64encode(letter.value).decode(),
    }
