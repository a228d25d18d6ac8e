"""Every client of Kafka is made of `Brokers`: none can forget to show who we are, or fall back to speaking in clear."""

import ast
from collections.abc import Iterator
from typing import Final

from tests.shape.test_imports import ROOT

CLIENTS: Final = {
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaClient",
    "KafkaAdminClient",
    "KafkaBroker",
    "KafkaConsumer",
    "KafkaProducer",
    "AIOKafkaConnection",
}
OWN: Final = ("controller/bench/", "controller/demo/", "controller/parts/")
"""They start a Kafka themselves, which lets in anybody."""
PLAIN: Final = {"bool", "Brokers"}
"""What may be given an address: the one says whether there is any, the other adds who we are."""


def made() -> Iterator[tuple[str, str, set[str]]]:
    """Yield where a client is made, which, and what it is made of: methods whose answer is unpacked, and `security`."""
    for path in sorted([*(ROOT / "controller").rglob("*.py"), *(ROOT / "consumers").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLIENTS:
                unpacked = (keyword.value for keyword in node.keywords if keyword.arg is None)
                of = {
                    one.func.attr
                    for one in unpacked
                    if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
                }
                named = {keyword.arg for keyword in node.keywords if keyword.arg == "security"}
                yield str(path.relative_to(ROOT)), node.func.id, of | named


def test_an_address_alone_is_passed_to_nobody() -> None:
    """`settings.kafka` says nothing of who we are: what opens clients is given `settings.brokers`."""
    passed = []
    for path in [*(ROOT / "controller").rglob("*.py"), *(ROOT / "consumers").rglob("*.py")]:
        where = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in PLAIN):
                given: list[ast.AST] = [*node.args, *(keyword.value for keyword in node.keywords)]
            elif isinstance(node, ast.Assign):
                given = list(ast.walk(node.value)) if isinstance(node.value, ast.Tuple) else [node.value]
            else:
                continue
            passed += [where for one in given if ast.unparse(one).endswith("settings.kafka")]
    assert [where for where in passed if not where.startswith(OWN)] == []


def test_every_client_shows_who_we_are() -> None:
    """Whoever makes a client passes on all that settings say of Kafka."""
    clients = list(made())
    assert {client for _, client, _ in clients} == CLIENTS
    forgotten = [one for one in clients if not one[2] & {"client", "security"} and not one[0].startswith(OWN)]
    assert forgotten == []
