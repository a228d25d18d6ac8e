"""The stack put together, started, and ended again."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from controller.journal.schema import upgrade
from controller.outside.kafka import ensure_topics
from controller.outside.prometheus import Pace, Target, render_config, render_rules
from controller.parts.http import answers_ok
from controller.parts.installed import ROOT
from controller.parts.kafka import Kafka
from controller.parts.ports import LOOPBACK, free_ports
from controller.parts.postgres import Postgres
from controller.parts.process import Process, Program
from controller.parts.prometheus import Prometheus
from controller.parts.triton import Triton
from controller.settings import Settings
from controller.supervise.child import Child
from controller.supervise.plan import FUNCTIONS, environment_of
from controller.supervise.tokens import Tokens, keep_tokens
from tests.chaos.real.disks import disk, may_mount
from tests.chaos.real.stack import Stack, kind_of
from tests.chaos.real.toxiproxy import Toxiproxy

LINKED: Final = ("kafka", "postgres")
"""What each of our processes reaches by links of its own; what else there is has one for all."""
SPARE: Final = "control-spare"
"""Is not started with the rest."""
_SHARED: Final = ("speech.triton", "loads.triton", "candidate.triton", "observers.prometheus")

_PORTS: Final = 100

_STEADY_S: Final = 1.0
"""What is killed here again and again did not fail by itself: nobody has to be patient with it."""
_PACE: Final = Pace(scrape_s=2)


@contextmanager
def running_stack(folder: Path, store: str, counts: Mapping[str, int]) -> Iterator[Stack]:
    """Run everything until the block ends. counts: how many of each of our processes, by their kind."""
    traps = folder / "traps"
    traps.mkdir(parents=True, exist_ok=True)
    ours = [f"{kind}-{number}" for kind, count in counts.items() for number in range(1, count + 1)]
    known = [*ours, SPARE]
    with ExitStack() as stack:
        toxiproxy = stack.enter_context(Toxiproxy(folder / "toxiproxy").start())
        # All at once: what is chosen twice before anybody listens may be the same.
        free = iter(free_ports(_PORTS))
        ports = {name: next(free) for name in known}
        our_ports = {name: ports[name] for name in ours}
        links = {f"{name}.{part}": next(free) for name in known for part in LINKED}
        links |= {name: next(free) for name in _SHARED}

        def link(name: str, upstream: str) -> str:
            return toxiproxy.link(name, links[name], upstream)

        to_kafka = {name: links[f"{name}.kafka"] for name in known}
        kafka = _kafka(folder / "kafka", to_kafka, toxiproxy, free)
        triton, candidate = (
            Triton(folder / name, folder / "models", (next(free), next(free), next(free)), {})
            for name in ("triton", "candidate")
        )
        triton.repository.mkdir(exist_ok=True)
        prometheus = _prometheus(folder / "prometheus", our_ports, next(free))
        outside: dict[str, Process] = {
            "kafka": kafka,
            "triton": triton,
            "candidate": candidate,
            "prometheus": prometheus,
        }
        homes = {"kafka": (folder / "kafka" / "data", 1024)}
        homes |= {name: (folder / name, 64) for name in ours if kind_of(name) == "gateway"}
        postgres = Postgres(folder / "postgres", next(free)) if store == "postgresql" else None
        if postgres is None:
            homes["store"] = (folder / "store", 256)
        else:
            outside["postgres"] = postgres
            homes["postgres"] = (postgres.data.parent, 512)
            stack.callback(postgres.erase)
        disks = {name: home for name, (home, _) in homes.items() if may_mount()}
        for home, size_mib in homes.values():
            home.mkdir(parents=True, exist_ok=True)
            if may_mount():
                stack.enter_context(disk(home, size_mib))
        children = {name: Child(process, _nothing, steady_s=_STEADY_S) for name, process in outside.items()}
        spares: dict[str, Child] = {}
        stack.callback(_end, spares)
        stack.callback(_end, children)
        _together([child.start for child in children.values()])
        database = f"sqlite:///{folder}/store/segue.db"
        address = dict.fromkeys(known, database)
        if postgres is not None:
            database = postgres.create("segue")
            for name in known:
                linked = link(f"{name}.postgres", f"{LOOPBACK}:{postgres.port}")
                address[name] = database.replace(f"{LOOPBACK}:{postgres.port}/", f"{linked}/")
        upgrade(database)
        ensure_topics(kafka.bootstrap)
        tokens = keep_tokens(folder, {})
        stable, candidates = link("speech.triton", triton.http), link("candidate.triton", candidate.http)
        settings = Settings(
            repository=triton.repository,
            triton_http=f"{stable},{candidates}",
            triton_grpc=f"{link('loads.triton', triton.grpc)},{candidate.grpc}",
            prometheus=f"http://{link('observers.prometheus', prometheus.url.removeprefix('http://'))}",
            drain_s=2,
            probe_every_s=2,
            release_timeout_s=5,
            observe_every_s=2 * _PACE.scrape_s,
            eject_most_s=2,
        )
        for name in known:
            own = replace(
                settings,
                data=folder / name,
                kafka=f"{LOOPBACK}:{links[f'{name}.kafka']}",
                database_url=address[name],
                router=name,
                gateway_port=ports[name],
                api_port=ports[name],
            )
            child = Child(_own(name, own, tokens, ports[name], traps), _nothing, steady_s=_STEADY_S)
            (spares if name == SPARE else children)[name] = child
        _together([children[name].start for name in ours])
        yield Stack(
            folder,
            store,
            database,
            kafka.bootstrap,
            triton.repository,
            tokens,
            children,
            our_ports,
            toxiproxy,
            traps,
            spares,
            disks,
            stable,
            candidates,
        )


def _prometheus(folder: Path, ports: Mapping[str, int], port: int) -> Prometheus:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(render_rules(_PACE))
    config = folder / "prometheus.yml"
    targets = [Target(name, f"{LOOPBACK}:{port}") for name, port in ports.items()]
    config.write_text(render_config(targets, alertmanager="", pace=_PACE))
    return Prometheus(folder, config, port)


def _kafka(folder: Path, links: Mapping[str, int], toxiproxy: Toxiproxy, free: Iterator[int]) -> Kafka:
    """Return a broker that listens for each of our processes apart, and sends each back to its own link."""
    broker, controller = next(free), next(free)
    names = {link: f"LINK{number}" for number, link in enumerate(links)}
    bound = {name: f"{LOOPBACK}:{next(free)}" for name in names.values()}
    for link, port in links.items():
        toxiproxy.link(f"{link}.kafka", port, bound[names[link]])
    told = {names[link]: f"{LOOPBACK}:{port}" for link, port in links.items()}
    plain = {"PLAINTEXT": f"{LOOPBACK}:{broker}"}
    return Kafka(
        folder,
        broker,
        controller,
        {
            "listeners": _listed({**plain, "CONTROLLER": f"{LOOPBACK}:{controller}", **bound}),
            "advertised.listeners": _listed({**plain, **told}),
            "listener.security.protocol.map": ",".join(f"{n}:PLAINTEXT" for n in (*plain, "CONTROLLER", *bound)),
        },
    )


def _own(name: str, settings: Settings, tokens: Tokens, port: int, traps: Path) -> Process:
    environment = environment_of(settings, tokens.file, port) | {"PYTHONPATH": str(ROOT)}
    functions = FUNCTIONS[kind_of(name)]
    program = Program(
        name, [sys.executable, "-m", "tests.chaos.real.trapped", str(traps), *functions], settings.data, environment
    )
    return Process(program, ready=lambda: answers_ok(port, "/ready"), deadline_s=60)


def _together(tasks: Sequence[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(len(tasks), thread_name_prefix="start") as pool:
        for started in [pool.submit(task) for task in tasks]:
            started.result()


def _end(children: Mapping[str, Child]) -> None:
    """End all at once, as a crash would: nothing that is left to be seen depends on an orderly end."""
    for child in children.values():
        child.release()
    for child in children.values():
        if child.running:
            child.kill(revive=False)


def _listed(addresses: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in addresses.items())


def _nothing() -> None:
    """Tell nobody."""
