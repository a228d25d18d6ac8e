"""Certificates as an authority of one's own would give them: one authority, one server on loopback."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controller.parts.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM. authority: whom clients have to trust. server, key: what a server on loopback shows."""

    authority: Path
    server: Path
    key: Path


def certify(folder: Path) -> Certificates:
    """Make an authority and a server's certificate in a folder."""
    authority_key, server_key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "server")]
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))])
    is_authority = x509.BasicConstraints(ca=True, path_length=0)
    authority = _signed(names[0], names[0], authority_key, authority_key, is_authority)
    server = _signed(names[1], names[0], server_key, authority_key, loopback)
    made = Certificates(folder / "authority.pem", folder / "server.crt", folder / "server.key")
    made.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    made.server.write_bytes(server.public_bytes(Encoding.PEM))
    made.key.write_bytes(server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
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
