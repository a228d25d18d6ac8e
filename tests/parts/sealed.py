"""A Kafka that lets in who has a password or a certificate, over TLS; in clear it speaks to the test alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import KafkaError

from controller.parts.kafka import Kafka
from controller.parts.ports import LOOPBACK, free_ports
from tests.parts.certificates import Certificates, certify

USERNAME: Final = "segue"
PASSWORD: Final = "scrambled-0123456789"
PLAIN_PASSWORD: Final = "plain-and-simple-0123456789"

_MODULES: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Sealed:
    """
    A running broker. password: where USERNAME shows a password over TLS. certificate: where a certificate is asked for.

    clear: where anybody is let in.
    """

    broker: Kafka
    password: str
    certificate: str
    clear: str
    certificates: Certificates


@contextmanager
def sealed_kafka(folder: Path) -> Iterator[Sealed]:
    """Run such a broker for the length of the block."""
    certificates = certify(folder)
    shown = folder / "server.pem"
    shown.write_bytes(certificates.key.read_bytes() + certificates.server.read_bytes())
    clear, controller, password, certificate = (f"{LOOPBACK}:{port}" for port in free_ports(4))
    listeners = f"PLAINTEXT://{clear},SASL_SSL://{password},SSL://{certificate}"
    login = "listener.name.sasl_ssl"
    settings = {
        "listeners": f"{listeners},CONTROLLER://{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(shown),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.authority),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        f"{login}.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
        f"{login}.plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required "
        f'user_{USERNAME}="{PLAIN_PASSWORD}";',
    }
    port, controller_port = (int(address.rpartition(":")[2]) for address in (clear, controller))
    with Kafka(folder / "kafka", port, controller_port, settings).start() as broker:
        with KafkaAdminClient(bootstrap_servers=clear) as admin:
            known = UserScramCredentialUpsertion(USERNAME, ScramMechanism.SCRAM_SHA_512, PASSWORD)
            admin.alter_user_scram_credentials([known])
            _until_groups_are_kept(admin)
        yield Sealed(broker, password, certificate, clear, certificates)


def _until_groups_are_kept(admin: KafkaAdminClient) -> None:
    """Wait for the topic that a broker makes when the first group is asked for: on a busy machine that takes long."""
    deadline = time.monotonic() + 60
    while True:
        try:
            admin.list_group_offsets({"nobody": None})
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
