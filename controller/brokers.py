"""Kafka's address and how we show it who we are: one value, of which every client is made, on asyncio or not."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Final

from controller.core.errors import Malformed

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_USUAL_PORT: Final = 9092


@dataclass(frozen=True, slots=True)
class Brokers:
    """
    A cluster as clients reach it; told, it is its addresses and nothing else.

    addresses: "host:port,host:port". protocol: see `PROTOCOLS`, mechanism: see `MECHANISMS`, both as Kafka writes them.
    authority: file in PEM with who may vouch for the brokers, "" stands for those that the system trusts.
    certificate, key: files in PEM by which we show the brokers who we are, "" shows none.
    Raises Malformed naming the setting that does not fit the others.
    """

    addresses: str
    protocol: str = PROTOCOLS[0]
    mechanism: str = MECHANISMS[0]
    username: str = ""
    password: str = field(default="", repr=False)
    authority: str = ""
    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """Let nothing through that a client would leave out in silence, or send in clear."""
        for name, value, known in (
            ("SEGUE_KAFKA_SECURITY_PROTOCOL", self.protocol, PROTOCOLS),
            ("SEGUE_KAFKA_SASL_MECHANISM", self.mechanism, MECHANISMS),
        ):
            if value not in known:
                raise Malformed(f"{name} is {value[:80]!r}; give {', '.join(known[:-1])} or {known[-1]}")
        files = self.authority or self.certificate or self.key
        if files and not self._sealed:
            raise Malformed(
                f"SEGUE_KAFKA_CA, SEGUE_KAFKA_CERT and SEGUE_KAFKA_KEY are for TLS, and {self._protocol}; "
                "set it to SSL or SASL_SSL, or leave them out"
            )
        if bool(self.certificate) != bool(self.key):
            raise Malformed("SEGUE_KAFKA_CERT and SEGUE_KAFKA_KEY belong together; give both, or neither")
        named = bool(self.username), bool(self.password)
        if self._named and not all(named):
            raise Malformed(
                f"{self._protocol}, which wants a name and a password; give SEGUE_KAFKA_USERNAME, and "
                "SEGUE_KAFKA_PASSWORD or SEGUE_KAFKA_PASSWORD_FILE"
            )
        if not self._named and any(named):
            raise Malformed(
                f"a name or a password for Kafka is given, and {self._protocol}, which sends none; "
                "set it to SASL_SSL, or leave them out"
            )
        if self.protocol == "SASL_PLAINTEXT" and self.mechanism == "PLAIN":
            raise Malformed(
                "SEGUE_KAFKA_SASL_MECHANISM is PLAIN, which would send the password to Kafka in clear; set "
                "SEGUE_KAFKA_SECURITY_PROTOCOL to SASL_SSL, or the mechanism to SCRAM-SHA-512"
            )

    def __str__(self) -> str:
        """Return the addresses."""
        return self.addresses

    @property
    def open(self) -> bool:
        """Say whether they ask nobody who he is, and speak in clear."""
        return not self._sealed and not self._named

    def client(self) -> dict[str, Any]:
        """Return what makes a client of these brokers, in the words that aiokafka and kafka-python share."""
        return {"bootstrap_servers": self.addresses.split(","), **self.security()}

    def security(self) -> dict[str, Any]:
        """Return the part of `client` about who we are. Raises Malformed when a file is not what it should be."""
        told: dict[str, Any] = {"security_protocol": self.protocol}
        if self._named:
            told |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return told | {"ssl_context": self._context()} if self._sealed else told

    @property
    def _sealed(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def _named(self) -> bool:
        return self.protocol.startswith("SASL")

    @property
    def _protocol(self) -> str:
        return f"SEGUE_KAFKA_SECURITY_PROTOCOL is {self.protocol}"

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.authority or None)
        except (OSError, ValueError) as error:
            raise Malformed(
                f"SEGUE_KAFKA_CA names {self.authority!r}, which holds no certificate ({_why(error)}); give a file in "
                "PEM with the certificate of who vouches for Kafka's brokers"
            ) from None
        if self.certificate:
            try:
                context.load_cert_chain(self.certificate, self.key, password="")
            except (OSError, ValueError) as error:
                raise Malformed(
                    f"SEGUE_KAFKA_CERT and SEGUE_KAFKA_KEY name {self.certificate!r} and {self.key!r}, which are no "
                    f"certificate and its key ({_why(error)}); give two files in PEM, the key without a password"
                ) from None
        return context


Kafka = Brokers | str
"""Brokers, or the addresses of some that ask nobody who he is."""


def brokers(kafka: Kafka) -> Brokers:
    """Return brokers."""
    return Brokers(kafka) if isinstance(kafka, str) else kafka


def place(address: str) -> tuple[str, int]:
    """Return an address's host and port, as Kafka's clients take it; raises ValueError when the port is none."""
    host, colon, port = address.strip().rpartition(":")
    bare = ":" in host and not host.startswith("[")  # IPv6 without a port
    if not colon or bare or port.endswith("]"):
        return address.strip().strip("[]"), _USUAL_PORT
    if not 0 < (number := int(port)) < 65536:
        raise ValueError(f"{number} is no port; there are 1 to 65535")
    return host.strip("[]"), number


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
