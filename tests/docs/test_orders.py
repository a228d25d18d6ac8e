"""docs/orders.md knows every order there is, by each of its names."""

from typer.main import get_command

from controller.api.orders import ORDERS
from controller.cli.app import app
from controller.parts.installed import ROOT
from controller.wire.messages import MESSAGES, MessageType
from controller.wire.topics import Topic

ROWS = [
    [cell.strip(" `") for cell in line.split("|")[1:-1]]
    for line in (ROOT / "docs" / "orders.md").read_text().splitlines()
    if "io.segue." in line
]


def test_every_order_has_a_row_with_its_three_names() -> None:
    """Command, endpoint and message type of each order stand in one row, and all of them exist."""
    told = {MessageType(row[3]): (row[1], row[2]) for row in ROWS}
    assert set(told) == set(MESSAGES[Topic.ORDERED]) - {MessageType.PLAN}
    commands = get_command(app).commands  # type: ignore[attr-defined]  # typer's type says no more than "a command"
    for type, (command, endpoint) in told.items():
        assert ORDERS[endpoint] is type
        _, *groups, verb = command.split()
        assert verb in (commands[groups[0]].commands if groups else commands)


def test_what_an_order_adds_is_in_its_message() -> None:
    """The fields that the table names are those that the message has besides who, why and which rollout."""
    shared = {"service", "actor", "reason", "rollout"}
    for row in ROWS:
        fields = set(MESSAGES[Topic.ORDERED][MessageType(row[3])].model_fields) - shared
        assert {name.strip(" `") for name in row[4].split(",") if name} == fields
