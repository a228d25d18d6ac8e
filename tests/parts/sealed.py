"""A Kafka that lets in who has a password or a certificate, over TLS; in clear it speaks to the test alone."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError

from controller.parts.kafka import Kafka
from controller.parts.ports import LOOPBACK, free_ports
from controller.settings import Settings
from controller.wire.topics import Topic, group_name, topic_name
from tests.parts.certificates import Certificates, certify

USERNAME: Final = "segue"
PASSWORD: Final = "scrambled-0123456789"
PLAIN_PASSWORD: Final = "plain-and-simple-0123456789"

_MODULES: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do with topics, and whether it may be a member of our groups, or look how far they are."""

    reads: Collection[Topic] = ()
    writes: Collection[Topic] = ()
    describes: Collection[Topic] = ()
    in_groups: bool = False
    describes_groups: bool = False

    def acls(self, name: str, prefix: str) -> Iterator[ACL]:
        """Yield what a broker is told."""
        for operation, topics in (
            (ACLOperation.READ, self.reads),
            (ACLOperation.WRITE, self.writes),
            (ACLOperation.DESCRIBE, self.describes),
        ):
            for topic in topics:
                pattern = ResourcePattern(ResourceType.TOPIC, topic_name(topic, prefix), ACLResourcePatternType.LITERAL)
                yield ACL(f"User:{name}", "*", operation, ACLPermissionType.ALLOW, pattern)
        for operation, granted in (
            (ACLOperation.READ, self.in_groups),
            (ACLOperation.DESCRIBE, self.describes_groups),
        ):
            if granted:
                pattern = ResourcePattern(ResourceType.GROUP, group_name("", prefix), ACLResourcePatternType.PREFIXED)
                yield ACL(f"User:{name}", "*", operation, ACLPermissionType.ALLOW, pattern)


_PEOPLES: Final = (Topic.REQUESTED, Topic.ORDERED, Topic.ALERTS)
RIGHTS: Final = {
    "control": Rights(reads=tuple(Topic), writes=tuple(set(Topic) - set(_PEOPLES)), in_groups=True),
    "gateway": Rights(reads=(Topic.TABLE,), writes=(Topic.SIGNALS,)),
    "api": Rights(writes=_PEOPLES, describes=(Topic.SIGNALS,)),
    "person": Rights(reads=(Topic.JOURNAL,), writes=(Topic.REQUESTED, Topic.ORDERED), describes_groups=True),
}
"""What docs/security.md says that each process needs, and no more."""


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

    def grant(self, prefix: str, **otherwise: Rights) -> None:
        """Give everybody of `RIGHTS` his own on the topics and groups of this prefix. otherwise: who gets others."""
        with KafkaAdminClient(bootstrap_servers=self.clear) as admin:
            granted = [acl for name, rights in (RIGHTS | otherwise).items() for acl in rights.acls(name, prefix)]
            admin.create_acls(granted)
            # They are written at once, and in force a little later.
            deadline = time.monotonic() + 20
            while missing := [acl for acl in granted if not admin.describe_acls(acl)[0]]:
                assert time.monotonic() < deadline, f"not in force: {missing}"
                time.sleep(0.05)

    def known(self, settings: Settings) -> Settings:
        """Return settings of somebody who shows a password by SCRAM, and may do everything."""
        return replace(
            settings,
            kafka=self.password,
            kafka_security_protocol="SASL_SSL",
            kafka_username=USERNAME,
            kafka_password=PASSWORD,
            kafka_ca=str(self.certificates.authority),
        )


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
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{USERNAME};User:CN=client",
        f"{login}.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
        f"{login}.plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required "
        f'user_{USERNAME}="{PLAIN_PASSWORD}";',
    }
    port, controller_port = (int(address.rpartition(":")[2]) for address in (clear, controller))
    with Kafka(folder / "kafka", port, controller_port, settings).start() as broker:
        with KafkaAdminClient(bootstrap_servers=clear) as admin:
            admin.alter_user_scram_credentials(
                [
                    UserScramCredentialUpsertion(name, ScramMechanism.SCRAM_SHA_512, PASSWORD)
                    for name in (USERNAME, *RIGHTS)
                ]
            )
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
