"""
Ed25519 keys in PEM files: one that signs checkpoints, and those whose signatures are believed.

A key is named by the beginning of its public half's SHA-256, so that a new one can take over while what the former one
signed is still believed.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from controller.core.errors import Broken
from controller.wire.checkpoint import Checkpoint

_NAME_CHARACTERS: Final = 16

Trusted = Mapping[str, Ed25519PublicKey]
"""The public keys that are believed, by name."""


class Signer:
    """Signs with one key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.name = key_name(key.public_key())

    @property
    def public(self) -> Ed25519PublicKey:
        """The half that may be known."""
        return self._key.public_key()

    def sign(
        self, service: str, position: int, hash: str, signed_ms: int, before: Checkpoint | None = None
    ) -> Checkpoint:
        """Return the signed word that a fact has this hash. before: the last one that this key signed."""
        said = Checkpoint(service, position, hash, signed_ms, self.name, number=1)
        if before is not None:
            said = replace(said, number=before.number + 1, previous=before.digest)
        return replace(said, signature=b64encode(self._key.sign(said.content)).decode())


def key_name(key: Ed25519PublicKey) -> str:
    """Return the name of a key."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:_NAME_CHARACTERS]


def distrusted(checkpoint: Checkpoint, trusted: Trusted) -> str:
    """Say why a checkpoint is not believed; "" when it is."""
    key = trusted.get(checkpoint.key)
    if key is None:
        return f"it is signed with the key {checkpoint.key}, which is not among those that are trusted"
    try:
        key.verify(b64decode(checkpoint.signature, validate=True), checkpoint.content)
    except (InvalidSignature, ValueError):
        return f"it was not signed with the key {checkpoint.key}, as it says"
    return ""


def make_key(file: Path) -> tuple[str, Path]:
    """
    Write a new key to a file that only its owner may read, and its public half beside it; return its name and that.

    Raises Broken when there is such a file already, or it cannot be written.
    """
    key, public = Ed25519PrivateKey.generate(), file.with_name(f"{file.name}.pub")
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as private:
            private.write(private_pem)
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    except FileExistsError as error:
        raise Broken(f"{file} is there already, and a key is never overwritten: name another file") from error
    except OSError as error:
        raise Broken(f"{file} cannot be written: {error.strerror}; name a file where you may write") from error
    return key_name(key.public_key()), public


def read_signer(file: str) -> Signer:
    """Return who signs with the key in a file. Raises Broken when there is none."""
    try:
        key = load_pem_private_key(Path(file).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable("SEGUE_SIGNING_KEY", file, error) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable("SEGUE_SIGNING_KEY", file, ValueError("it is a key of another kind"))
    return Signer(key)


def read_trusted(files: str, signer: Signer | None = None) -> Trusted:
    """
    Return the keys that are believed: those in the files, separated by commas, and the one that signs here.

    Raises Broken when a file holds no public key.
    """
    trusted = {signer.name: signer.public} if signer else {}
    for file in _named(files):
        try:
            key = load_pem_public_key(Path(file).read_bytes())
        except (OSError, ValueError) as error:
            raise _unreadable("SEGUE_TRUSTED_KEYS", file, error) from error
        if not isinstance(key, Ed25519PublicKey):
            raise _unreadable("SEGUE_TRUSTED_KEYS", file, ValueError("it is a key of another kind"))
        trusted[key_name(key)] = key
    return trusted


def _named(files: str) -> Iterable[str]:
    return (file for name in files.split(",") if (file := name.strip()))


def _unreadable(setting: str, file: str, error: Exception) -> Broken:
    why = getattr(error, "strerror", None) or str(error)
    return Broken(f"{setting} names {file}, which holds no Ed25519 key in PEM ({why}): `segue key new` makes one")
