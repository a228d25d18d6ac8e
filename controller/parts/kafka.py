"""A Kafka of one node (KRaft: broker and controller in one), data on disk in its folder."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from controller.core.errors import Broken, Unavailable
from controller.parts.java import java
from controller.parts.ports import LOOPBACK, free_ports
from controller.parts.process import Process, Program

_READY_LINE = b"Kafka Server started"
_CLUSTER_ID = "c2VndWUtbG9jYWwta2Fma2"  # any 16 bytes in base64; one folder holds one cluster

# A broker that repairs its logs on a full disk may take them for corrupt: Kafka 4.1 threw away the log that says which
# topics there are, and with it all of them.
_ROOM_BYTES: Final = 64 * 2**20


class Kafka(Process):
    """A running broker. `bootstrap` is its address, the same after a restart."""

    def __init__(
        self, folder: Path, port: int, controller_port: int, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.bootstrap = f"{LOOPBACK}:{port}"
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        given = "".join(f"{name}={value}\n" for name, value in settings.items())
        # Of two lines about one thing the last one counts.
        self._text = _properties(self._data, self.bootstrap, f"{LOOPBACK}:{controller_port}") + given
        self._read_from = 0
        super().__init__(
            Program("kafka", java("-Xmx512m", "kafka.Kafka", str(self._properties)), folder),
            ready=self._says_it_started,
            deadline_s=60,
        )

    def start(self) -> "Kafka":
        """
        Format the data folder if it is new, start the broker, return when it takes connections.

        Raises Unavailable as long as its disk has too little room, besides what `Process.start` raises.
        """
        log = self.program.log
        log.parent.mkdir(parents=True, exist_ok=True)
        _need_room(self._data if self._data.exists() else log.parent)
        self._properties.write_text(self._text)
        if not (self._data / "meta.properties").exists():
            _format(self._properties, log)
        self._read_from = log.stat().st_size if log.exists() else 0
        super().start()
        return self

    def _says_it_started(self) -> bool:
        # The port is open before the broker may serve; its own word is the first true sign.
        with self.program.log.open("rb") as log:
            log.seek(self._read_from)
            return _READY_LINE in log.read()


def start_kafka(folder: Path, port: int | None = None, settings: Mapping[str, str] = MappingProxyType({})) -> Kafka:
    """
    Start a broker on 127.0.0.1:port (a free one when None) with its data in folder.

    settings: what goes before our own for a small machine, by Kafka's names, such as listeners.
    """
    controller_port, free = free_ports(2)
    return Kafka(folder.resolve(), port or free, controller_port, settings).start()


def _need_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _ROOM_BYTES:
        raise Unavailable(
            f"Kafka is not started: the disk of {folder} has {free >> 20} MiB left, and a broker that begins on a full "
            f"disk may throw topics away; free {_ROOM_BYTES >> 20} MiB there"
        )


def _format(properties: Path, log: Path) -> None:
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", f"--cluster-id={_CLUSTER_ID}", "-c"]
    done = subprocess.run(java(*tool, str(properties)), capture_output=True, text=True, timeout=60, check=False)
    with log.open("a") as out:
        out.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise Broken(f"Kafka's data folder could not be formatted with {properties}: {done.stderr.strip()[-500:]}")


def _properties(data: Path, broker: str, controller: str) -> str:
    return f"""\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{broker}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{controller}
log.dirs={data}

# One node: nothing to replicate to, and no reason to wait for members that do not come.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0

# After a crash the node waits until its own old session has run out: 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# A topic that nobody provisioned is a mistake to be told of, not one to be created by a typing error.
auto.create.topics.enable=false

# A small machine shared with everything else.
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
"""
