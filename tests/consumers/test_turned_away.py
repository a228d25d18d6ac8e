"""What is said of a Kafka that does not let us in."""

from pathlib import Path

from aiokafka.errors import KafkaConnectionError

from controller.brokers import Brokers
from controller.outside.turned_away import advice
from controller.parts.ports import LOOPBACK, free_port


async def test_files_that_are_being_exchanged_are_part_of_the_advice(tmp_path: Path) -> None:
    """Who lost Kafka while its certificates are exchanged hears of them, and lives to try again."""
    kafka = Brokers(f"{LOOPBACK}:{free_port()}", "SSL", authority=str(tmp_path / "not-there-yet.pem"))
    assert "SEGUE_KAFKA_CA names" in await advice(kafka, KafkaConnectionError())
