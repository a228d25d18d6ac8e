"""What the faults befall: Kafka, a database, Triton, and two of each of our processes, each on links of its own."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from controller.journal.schema import upgrade
from controller.outside.kafka import ensure_topics
from controller.parts.http import answers_ok
from controller.parts.installed import ROOT
from controller.parts.kafka import Kafka
from controller.parts.ports import LOOPBACK, free_port, free_ports
from controller.parts.postgres import Postgres
from controller.parts.process import Process, Program
from controller.parts.triton import Triton
from controller.settings import Settings
from controller.supervise.child import Child
from controller.supervise.plan import FUNCTIONS, environment_of
from controller.supervise.tokens import Tokens, keep_tokens
from tests.chaos.real.toxiproxy import Toxiproxy, ports_for

LINKED: Final = ("kafka", "postgres")
"""What each of our processes reaches by links of its own; Triton has one for all gateways, and one for all others."""

_STEADY_S: Final = 1.0
"""What is killed here again and again did not fail by itself: nobody has to be patient with it."""


@dataclass(frozen=True, slots=True)
class Stack:
    """
    The whole, running.

    store: "postgresql" or "sqlite". database: as a visitor reaches it. ports: of our processes, by name. traps: the
    folder of `trapped`.
    """

    folder: Path
    store: str
    database: str
    kafka: str
    repository: Path
    tokens: Tokens
    children: Mapping[str, Child]
    ports: Mapping[str, int]
    toxiproxy: Toxiproxy
    traps: Path

    def named(self, kind: str) -> list[str]:
        """Return the members of a kind: "control", "gateway" and so on."""
        return [name for name in self.children if name.split("-")[0] == kind]

    def url(self, name: str) -> str:
        """Return where one of our processes answers HTTP."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def ready(self, name: str) -> bool:
        """Say whether a member runs and, if it is one of ours, calls itself ready."""
        child = self.children[name]
        if not child.running:
            return False
        return name not in self.ports or answers_ok(self.ports[name], "/ready")

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a member and all its processes."""
        if (pid := self.children[name].pid) is not None:
            os.killpg(pid, number)


@contextmanager
def running_stack(folder: Path, store: str, counts: Mapping[str, int]) -> Iterator[Stack]:
    """Run everything until the block ends. counts: how many of each of our processes, by their kind."""
    folder.mkdir(parents=True, exist_ok=True)
    traps = folder / "traps"
    traps.mkdir(exist_ok=True)
    ours = [f"{kind}-{number}" for kind, count in counts.items() for number in range(1, count + 1)]
    with ExitStack() as stack:
        toxiproxy = stack.enter_context(Toxiproxy(folder / "toxiproxy").start())
        links = ports_for([f"{name}.{part}" for name in ours for part in LINKED] + ["speech.triton", "loads.triton"])
        kafka = _kafka(folder / "kafka", {name: links[f"{name}.kafka"] for name in ours}, toxiproxy)
        triton = Triton(folder / "triton", folder / "models", _three(), {})
        triton.repository.mkdir(exist_ok=True)
        postgres = Postgres(folder / "postgres", free_port()) if store == "postgresql" else None
        outside: dict[str, Process] = {"kafka": kafka, "triton": triton}
        if postgres is not None:
            outside["postgres"] = postgres
            stack.callback(postgres.erase)
        children = {name: Child(process, _nothing, steady_s=_STEADY_S) for name, process in outside.items()}
        stack.callback(_end, children)
        _together([child.start for child in children.values()])
        database, address = f"sqlite:///{folder}/segue.db", dict.fromkeys(ours, f"sqlite:///{folder}/segue.db")
        if postgres is not None:
            database = postgres.create("segue")
            for name in ours:
                port = links[f"{name}.postgres"]
                toxiproxy.link(f"{name}.postgres", port, f"{LOOPBACK}:{postgres.port}")
                address[name] = database.replace(f":{postgres.port}/", f":{port}/")
        upgrade(database)
        ensure_topics(kafka.bootstrap)
        tokens = keep_tokens(folder, {})
        settings = Settings(
            repository=triton.repository,
            triton_http=toxiproxy.link("speech.triton", links["speech.triton"], triton.http),
            triton_grpc=toxiproxy.link("loads.triton", links["loads.triton"], triton.grpc),
            drain_s=2,
            probe_every_s=2,
            release_timeout_s=5,
            observe_every_s=0,
            eject_most_s=2,
        )
        ports = dict(zip(ours, free_ports(len(ours)), strict=True))
        for name in ours:
            own = replace(
                settings,
                data=folder / name,
                kafka=f"{LOOPBACK}:{links[f'{name}.kafka']}",
                database_url=address[name],
                router=name,
                gateway_port=ports[name],
                api_port=ports[name],
            )
            children[name] = Child(_own(name, own, tokens, ports[name], traps), _nothing, steady_s=_STEADY_S)
        _together([children[name].start for name in ours])
        yield Stack(
            folder, store, database, kafka.bootstrap, triton.repository, tokens, children, ports, toxiproxy, traps
        )


def _kafka(folder: Path, links: Mapping[str, int], toxiproxy: Toxiproxy) -> Kafka:
    """Return a broker that listens for each of our processes apart, and sends each back to its own link."""
    broker, controller, *own = free_ports(2 + len(links))
    names = {link: f"LINK{number}" for number, link in enumerate(links)}
    bound = {names[link]: f"{LOOPBACK}:{port}" for link, port in zip(links, own, strict=True)}
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
    functions = FUNCTIONS[name.split("-")[0]]
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


def _three() -> tuple[int, int, int]:
    http, grpc, metrics = free_ports(3)
    return http, grpc, metrics


def _nothing() -> None:
    """Tell nobody."""
