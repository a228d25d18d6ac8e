"""A Prometheus with its own configuration, data folder and port."""

from pathlib import Path

from controller.parts.http import answers_ok
from controller.parts.installed import program
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.process import Process, Program


class Prometheus(Process):
    """A running server. `url` is its address; POST `url`/-/reload makes it read its configuration again."""

    def __init__(self, folder: Path, config: Path, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        argv = [
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--web.enable-lifecycle",
        ]
        super().__init__(Program("prometheus", argv, folder), ready=lambda: answers_ok(port, "/-/ready"), deadline_s=30)


def start_prometheus(folder: Path, config: str | Path, port: int | None = None) -> Prometheus:
    """
    Start a server on 127.0.0.1:port (a free one when None) with its data in folder.

    config: the YAML text itself, written to folder/prometheus.yml, or the path of a file, left where it is so that
    the rule files it names by relative paths are found.
    """
    folder = folder.resolve()
    if isinstance(config, str):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "prometheus.yml"
        path.write_text(config)
    else:
        path = config.resolve()
    server = Prometheus(folder, path, port or free_port())
    server.start()
    return server
