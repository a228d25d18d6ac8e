"""A signed word about a stream: this far it had got, with this hash. Whoever makes a stream anew cannot sign again."""

from dataclasses import asdict, dataclass
from typing import Final

from controller.wire.envelope import encode
from controller.wire.shape import shaped
from controller.wire.strict import canonical, parse_object, refused

CHECKPOINT_SOURCE: Final = "segue/checkpoints"
_TYPE: Final = "io.segue.checkpoint.signed"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    At signed_ms, milliseconds since 1970, the fact of a service at `position` had this hash.

    key: the name of the key that signs, see `outside.signing`. signature: Ed25519 over `content`, in base64.
    """

    service: str
    position: int
    hash: str
    signed_ms: int
    key: str
    signature: str = ""

    @property
    def content(self) -> bytes:
        """What is signed: all of it but the signature, and what kind of word it is."""
        said = {name: value for name, value in asdict(self).items() if name != "signature"}
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
    return shaped(Checkpoint, data, "checkpoint.data")
