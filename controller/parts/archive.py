"""
The archive of Kafka's classes, which `make setup` makes: a Java that has it starts Kafka in half the time.

    python -m controller.parts.archive

A broker is formatted, started and used, every Java notes which classes it reads, and one more puts these in order into
a file that the next one maps into its memory. It is a matter of time alone: without it Kafka starts as it ever did.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from controller.parts.java import archive, java
from controller.parts.kafka import Kafka, start_kafka

_TOPIC = "used"
_ANSWER_MS = 30_000
_DUMP_S = 300


def main() -> None:
    """Make it anew; what is there meanwhile is none."""
    archive().unlink(missing_ok=True)
    with TemporaryDirectory(prefix="segue-kafka-") as name:
        folder = Path(name)
        # Every `java` that we start from here on reads this; %p is its process id.
        os.environ["JDK_JAVA_OPTIONS"] = f"-XX:DumpLoadedClassList={folder}/%p.classes"
        with start_kafka(folder / "kafka") as kafka:
            _use(kafka)
        del os.environ["JDK_JAVA_OPTIONS"]
        _put_together(folder)


def _use(kafka: Kafka) -> None:
    """Do what Segue does first: make a topic, write, read as a member of a group."""
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
        admin.create_topics([NewTopic(_TOPIC, num_partitions=1, replication_factor=1)])
    with KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        producer.send(_TOPIC, b"one").get(timeout=_ANSWER_MS / 1000)
    consumer = KafkaConsumer(
        _TOPIC,
        bootstrap_servers=kafka.bootstrap,
        group_id=_TOPIC,
        auto_offset_reset="earliest",
        consumer_timeout_ms=_ANSWER_MS,
    )
    next(consumer)
    consumer.close()


def _put_together(folder: Path) -> None:
    # Each once, where it was first: what a class stands on has to come before it.
    noted = dict.fromkeys(line for file in sorted(folder.glob("*.classes")) for line in file.read_text().splitlines())
    classes, draft = folder / "all.classes", archive().with_suffix(".draft")
    classes.write_text("".join(f"{line}\n" for line in noted))
    done = subprocess.run(
        java("-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={draft}"),
        capture_output=True,
        text=True,
        timeout=_DUMP_S,
        check=False,
    )
    if done.returncode == 0 and draft.exists():
        draft.replace(archive())
    else:
        # Not every Java can do that, and each can run Kafka.
        said = (done.stdout + done.stderr).strip()[-500:]
        print(
            f"{java()[0]} makes no archive of Kafka's classes, so Kafka will start more slowly: {said}", file=sys.stderr
        )


if __name__ == "__main__":
    main()
