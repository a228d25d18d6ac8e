"""Certificates as an authority of one's own would give them: one authority, one server on loopback, one client."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.parts.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Certificates:
    """
    Files in PEM. authority: whom both sides have to trust. server, key: what a server on loopback shows.

    client, client_key: what somebody of the name "client" shows.
    """

    authority: Path
    server: Path
    key: Path
    client: Path
    client_key: Path


def certify(folder: Path) -> Certificates:
    """Make an authority, and certificates of a server and a client, in a folder."""
    authority_key, server_key, client_key = (generate_private_key(SECP256R1()) for _ in range(3))
    authority, server, client = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "server", "client")
    )
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))])
    is_authority = x509.BasicConstraints(ca=True, path_length=0)
    is_client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    made = Certificates(
        folder / "authority.pem",
        folder / "server.crt",
        folder / "server.key",
        folder / "client.crt",
        folder / "client.key",
    )
    for file, certificate in (
        (made.authority, _signed(authority, authority, authority_key, authority_key, is_authority)),
        (made.server, _signed(server, authority, server_key, authority_key, loopback)),
        (made.client, _signed(client, authority, client_key, authority_key, is_client)),
    ):
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
    for file, key in ((made.key, server_key), (made.client_key, client_key)):
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    by: EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(extension, critical=True)
        .sign(by, SHA256())
    )
