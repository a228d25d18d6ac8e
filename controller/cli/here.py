"""Settings as the verbs see them: the environment, and what a Segue that runs on this machine adds to it."""

import getpass
import socket
from dataclasses import replace

from controller.core.errors import Broken
from controller.settings import Settings, read_settings
from controller.supervise.record import Record, read_record


def settings_here() -> Settings:
    """Return the settings; addresses that the environment leaves out come from the `segue up` of this data folder."""
    settings = read_settings()
    record = read_record(settings.data)
    if record is None:
        return settings
    known = {
        name: record.addresses[name]
        for name in ("kafka", "triton_grpc", "triton_http", "prometheus", "alertmanager")
        if not getattr(settings, name)
    }
    return replace(settings, **known)  # type: ignore[arg-type]  # all five are texts


def kafka_here() -> Settings:
    """Return the settings, Kafka's address among them. Raises Broken when nobody says where Kafka is."""
    settings = settings_here()
    if not settings.kafka:
        raise Broken("nobody says where Kafka is: set SEGUE_KAFKA to host:port, or start Segue here with `segue up`")
    return settings


def running_here(settings: Settings) -> Record:
    """Return the record of the tree on this data folder. Raises Broken when none runs."""
    if record := read_record(settings.data):
        return record
    raise Broken(f"no Segue runs on {settings.data}: start it with `segue up`, or name its folder in SEGUE_DATA")


def actor_here() -> str:
    """Name whoever types, for the journal: account@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"
