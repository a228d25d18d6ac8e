"""A signed word about a stream: this far it had got, with this hash. Whoever makes a stream anew cannot sign again."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final

from controller.wire.envelope import encode
from controller.wire.shape import shaped
from controller.wire.strict import canonical, parse_object, refused

CHECKPOINT_SOURCE: Final = "segue/checkpoints"
_TYPE: Final = "io.segue.checkpoint.signed"
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999, the last that a database can hold


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    At signed_ms, milliseconds since 1970, the fact of a service at `position` had this hash.

    key: the name of the key that signs, see `outside.signing`. signature: Ed25519 over `content`, in base64.
    number: of all that this key signed, from 1 without gaps. previous: the digest of the one before, "" for the first.
    What the first Segue signed has neither: its number is 0.
    """

    service: str
    position: int
    hash: str
    signed_ms: int
    key: str
    signature: str = ""
    number: int = 0
    previous: str = ""

    @property
    def digest(self) -> str:
        """What the next one of its key names it by: SHA-256, in hex, of all it says and its signature."""
        return sha256(self.content + self.signature.encode()).hexdigest()

    @property
    def content(self) -> bytes:
        """What is signed: all of it but the signature, and what kind of word it is."""
        left_out = {"signature"} if self.number else {"signature", "number", "previous"}
        said = {name: value for name, value in asdict(self).items() if name not in left_out}
        return canonical({"kind": _TYPE, **said}).encode()


def checkpoint_message(one: Checkpoint) -> bytes:
    """Return a checkpoint as the CloudEvent of `journal.checkpoints`."""
    return encode(
        _TYPE, CHECKPOINT_SOURCE, f"{one.service}/{one.position}/{one.key}", one.service, asdict(one), one.signed_ms
    )


def checkpoint_from_message(message: bytes) -> Checkpoint:
    """Read a message of `journal.checkpoints`, whoever signed it; raises Malformed."""
    data = parse_object(message, "checkpoint").get("data")
    if not isinstance(data, dict):
        raise refused("checkpoint.data", data, "an object")
    read = shaped(Checkpoint, data, "checkpoint.data")
    if not 0 <= read.signed_ms <= _LAST_MS:
        raise refused("checkpoint.data.signed_ms", read.signed_ms, f"milliseconds since 1970, 0 to {_LAST_MS}")
    return read
