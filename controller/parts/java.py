"""The Java that runs Kafka, with Kafka's classes out of an archive where there is one."""

from pathlib import Path

from controller.parts.installed import folder, local_folder, program


def archive() -> Path:
    """Where `make setup` puts the archive of Kafka's classes (`controller.parts.archive`)."""
    return local_folder() / "kafka" / "classes.jsa"


def java(*arguments: str) -> list[str]:
    """Return the command line that runs one of Kafka's programs. Raises Broken when Java or the jars are missing."""
    # An archive is taken only by the Java that made it, and with just these jars in just this order: so they are named
    # by their own folder, whatever link leads there, and sorted. Any other is passed over, of which newer Javas warn.
    jars = ":".join(str(jar) for jar in sorted(folder("kafka/libs").resolve().glob("*.jar")))
    shared = [f"-XX:SharedArchiveFile={archive()}", "-Xlog:cds=off"] if archive().exists() else []
    # The first compiler only: runs here last minutes, and the second one would take a core for most of the first.
    return [program("java"), "-XX:TieredStopAtLevel=1", *shared, "-cp", jars, *arguments]
