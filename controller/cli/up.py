"""The foreground of `segue up`: progress while it starts, addresses when it is ready, an orderly end."""

import gc
import logging
import signal
import sys
import threading

from controller import log
from controller.cli.drawing import Console
from controller.outside.prometheus import PACES
from controller.settings import Settings
from controller.supervise.tree import Tree, start_tree


def run_up(settings: Settings, *, free_ports: bool, pace: str, as_json: bool) -> None:
    """
    Start the tree, tell where it answers, and keep it until SIGINT, SIGTERM or SIGHUP.

    Raises KeyboardInterrupt when one of them comes before it is ready.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        logging.basicConfig(format="%(asctime)s %(message)s", level=settings.log_level)
    else:
        log.configure(settings.log_level, secrets=settings.secrets)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    progress = Progress(console)
    ready = False
    gc.disable()  # see controller.cli.hosting
    try:
        with start_tree(settings, free_ports=free_ports, pace=PACES[pace], told=progress.told) as tree:
            gc.freeze()
            gc.enable()
            progress.close()
            _tell_ready(tree, as_json)
            ready = True
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        if not ready:
            raise
    finally:
        progress.close()


class Progress:
    """Which members are still starting: one moving line on a terminal, one line per change elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: dict[str, None] = {}
        self._lock = threading.Lock()
        self._status = console.status("starting ...")
        if console.is_terminal:
            self._status.start()

    def told(self, name: str, what: str) -> None:
        """Hear of a member."""
        with self._lock:
            if what == "starting":
                self._waiting[name] = None
            else:
                self._waiting.pop(name, None)
                self._console.print(f"  {name:<14}{what}")
            if self._waiting:
                self._status.update(f"waiting for {', '.join(self._waiting)}")

    def close(self) -> None:
        """End the moving line."""
        self._status.stop()


def _tell_ready(tree: Tree, as_json: bool) -> None:
    addresses = {
        "gateway": tree.gateway_url,
        "api": tree.api_url,
        "kafka": tree.kafka,
        "prometheus": tree.prometheus_url,
        "alertmanager": tree.alertmanager_url,
    }
    if as_json:
        from controller.cli.answers import tell_json

        tell_json(addresses | {"tokens": str(tree.tokens.file)})
        sys.stdout.flush()
        return
    for name, where in addresses.items():
        if where:
            print(f"  {name:<14}{where}")
    if tree.tokens.made:
        print(f"  {'tokens':<14}{tree.tokens.file} (made by us; only you can read them)")
    print("Segue is ready. Type and listen at the gateway; Ctrl-C stops everything.", flush=True)
