"""What is still to be done; when nothing is, a run has come to rest and may be judged."""

from typing import TYPE_CHECKING, Final

from tests.simulation.sql import engine

if TYPE_CHECKING:
    from tests.simulation.world import World


def unsettled(world: "World") -> str:
    """Return in a few words what is left to do, "" when a run has come to rest."""
    return _processes(world) or _records(world) or _rows() or _gateways(world)


def _processes(world: "World") -> str:
    gone = [process.name for process in world.processes.values() if not process.alive or process.stopped]
    return f"nobody in place of {', '.join(gone)}" if gone else ""


def _records(world: "World") -> str:
    for group in world.broker.groups.values():
        for partition in group.partitions:
            done, end = group.committed.get(partition, 0), world.broker.log(partition).end
            if done < end:
                return f"{partition.topic}/{partition.partition} acknowledged to {done} of {end}"
    return ""


def _rows() -> str:
    with engine().connect() as connection:
        unpublished = connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar_one()
        waiting = connection.exec_driver_sql(_TIMERS).all()
    if unpublished:
        return f"{unpublished} rows of the outbox"
    return f"a timer of {waiting[0][0]}, {waiting[0][1]} {waiting[0][2]}" if waiting else ""


def _gateways(world: "World") -> str:
    for name, reporter in world.reporters.items():
        if reporter._waiting:
            return f"{len(reporter._waiting)} reports of {name}"
    for name in world.schedule.gateways:
        epochs = {service: table.epoch for service, table in world.tables[name].all().items()}
        if epochs != dict(world.watch.epochs):
            return f"{name} routing by {epochs} in place of {dict(world.watch.epochs)}"
    return ""


_TIMERS: Final = "SELECT stream, kind, epoch FROM timers ORDER BY due_ms LIMIT 1"
