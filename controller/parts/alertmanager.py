"""An Alertmanager with its own configuration, data folder and port."""

from pathlib import Path

from controller.parts.http import answers_ok
from controller.parts.installed import program
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.process import Process, Program


class Alertmanager(Process):
    """A running Alertmanager, alone: it looks for no peers. `url` is its address."""

    def __init__(self, folder: Path, config: Path, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        argv = [
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--cluster.listen-address=",
        ]
        super().__init__(
            Program("alertmanager", argv, folder), ready=lambda: answers_ok(port, "/-/ready"), deadline_s=30
        )


def start_alertmanager(folder: Path, config: str | Path, port: int | None = None) -> Alertmanager:
    """
    Start an Alertmanager on 127.0.0.1:port (a free one when None) with its data in folder.

    config: the YAML text itself, written to folder/alertmanager.yml, or the path of a file.
    """
    folder = folder.resolve()
    if isinstance(config, str):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "alertmanager.yml"
        path.write_text(config)
    else:
        path = config.resolve()
    server = Alertmanager(folder, path, port or free_port())
    server.start()
    return server
