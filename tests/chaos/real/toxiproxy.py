"""A Toxiproxy: TCP connections that can be cut, slowed, or left half open, each by a name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from controller.parts.http import answers_ok
from controller.parts.installed import folder as installed_folder
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.process import Process, Program


class Toxiproxy(Process):
    """A running proxy without any link yet. Links end when it is killed: they are not kept."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        program = str(installed_folder("toxiproxy") / "server")
        self._api = httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=5)
        super().__init__(
            Program("toxiproxy", [program, "-host", LOOPBACK, "-port", str(port)], folder),
            ready=lambda: answers_ok(port, "/version"),
            deadline_s=10,
        )

    def stop(self) -> None:
        """End it, and let go of the connection to it."""
        super().stop()
        self._api.close()

    def link(self, name: str, port: int, upstream: str) -> str:
        """Forward this port to an address from now on; return where to connect."""
        listen = f"{LOOPBACK}:{port}"
        self._ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})
        return listen

    @contextmanager
    def cut(self, *names: str) -> Iterator[None]:
        """Close all connections of these links and take no new ones until the block ends."""
        for name in names:
            self._ask("POST", f"/proxies/{name}", {"enabled": False})
        try:
            yield
        finally:
            for name in names:
                self._ask("POST", f"/proxies/{name}", {"enabled": True})

    @contextmanager
    def instead(self, name: str, upstream: str) -> Iterator[None]:
        """Close all connections of a link and lead new ones to another address until the block ends."""
        usual = self._api.get(f"/proxies/{name}").raise_for_status().json()["upstream"]
        self._ask("POST", f"/proxies/{name}", {"upstream": upstream})
        try:
            yield
        finally:
            self._ask("POST", f"/proxies/{name}", {"upstream": usual})

    @contextmanager
    def toxic(self, kind: str, *names: str, **attributes: int) -> Iterator[None]:
        """Poison both directions of these links by a toxic of Toxiproxy's until the block ends."""
        for name in names:
            for stream in ("upstream", "downstream"):
                body = {"name": stream, "type": kind, "stream": stream, "attributes": attributes}
                self._ask("POST", f"/proxies/{name}/toxics", body)
        try:
            yield
        finally:
            for name in names:
                for stream in ("upstream", "downstream"):
                    self._ask("DELETE", f"/proxies/{name}/toxics/{stream}")

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        self._api.request(method, path, json=body).raise_for_status()
