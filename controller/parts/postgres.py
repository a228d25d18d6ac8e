"""A PostgreSQL cluster of its own: real durability (fsync on), a password, a loopback port, no Unix socket."""

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from controller.core.errors import Broken
from controller.parts.installed import postgres_program
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.process import Process, Program

_SMALL = {"shared_buffers": "32MB", "max_connections": "100"}
_ACCOUNT = "postgres"  # PostgreSQL refuses to run as root; Debian's packages bring this account


class Postgres(Process):
    """A running cluster; `url(database)` is what SQLAlchemy takes."""

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self.port = port
        self._home = _home(folder)
        self.data = self._home / "data"
        self._password_file = self._home / "password"
        given = {
            **_SMALL,
            **settings,
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "mmap",  # in the data folder: a crash leaves nothing in /dev/shm
            "fsync": "on",
            "synchronous_commit": "on",
        }
        argv = [postgres_program("postgres"), "-D", str(self.data)]
        argv += [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        super().__init__(
            # SIGTERM would wait for the last client to leave by itself; SIGINT ends their sessions first.
            Program("postgres", argv, folder, user=_account(), stop_signal=signal.SIGINT),
            ready=self._says_it_is_ready,
            deadline_s=30,
        )

    def start(self) -> "Postgres":
        """Create the cluster if its folder is new, start it, return when it takes connections."""
        self.program.folder.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        super().start()
        return self

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address (asyncpg) of a database of this cluster."""
        return f"postgresql+asyncpg://{_ACCOUNT}:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Create an empty database and return its `url`. Raises Broken when the name is taken."""
        self._client("createdb", database)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database and all in it, ending the sessions of its clients."""
        self._client("dropdb", "--force", database)

    def erase(self) -> None:
        """End the cluster and delete all its data, also where that had to lie outside the folder."""
        self.stop()
        shutil.rmtree(self._home)

    def _client(self, name: str, *arguments: str) -> None:
        argv = [postgres_program(name), "-h", LOOPBACK, "-p", str(self.port), "-U", _ACCOUNT, *arguments]
        env = {**os.environ, "PGPASSWORD": self._password()}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise Broken(f"PostgreSQL on port {self.port}: {done.stderr.strip()}")

    def _password(self) -> str:
        return self._password_file.read_text().strip()

    def _initialise(self) -> None:
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_hex(16))
        _give(self._password_file)
        argv = [postgres_program("initdb"), "-D", str(self.data), "-U", _ACCOUNT, f"--pwfile={self._password_file}"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        done = subprocess.run(
            argv,
            user=_account(),
            group=_account(),
            extra_groups=None if _account() is None else [],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise Broken(f"initdb could not create a cluster in {self.data}: {done.stderr.strip()}")

    def _says_it_is_ready(self) -> bool:
        # What `pg_ctl -w` reads: the first line is the server's pid, the eighth its state.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"


def start_postgres(
    folder: Path, port: int | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> Postgres:
    """
    Start a cluster on 127.0.0.1:port (a free one when None); its data is in folder where the server may enter it.

    settings: what goes before our own for a small machine, by PostgreSQL's names, such as shared_buffers.
    """
    return Postgres(folder.resolve(), port or free_port(), settings).start()


def _account() -> str | None:
    """The account to run as: our own (None), or Debian's when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ACCOUNT).pw_name
    except KeyError as missing:
        raise Broken(f"PostgreSQL cannot run as root and there is no account {_ACCOUNT}: run `make setup`") from missing


def _home(folder: Path) -> Path:
    """
    The folder of the cluster and its password, owned by the server's account and closed to others: folder/home, or,
    where that account may not enter (a checkout under root's home), one in the system's temporary folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    account = _account()
    if account is not None and not _may_enter(pwd.getpwnam(account), folder):
        home = Path("/var/tmp") / f"segue-postgres-{hashlib.sha256(bytes(folder)).hexdigest()[:16]}"  # noqa: S108  # a name of its own, mode 0700
    home.mkdir(mode=0o700, exist_ok=True)
    _give(home)
    return home


def _give(path: Path) -> None:
    """Hand a file or folder of ours to the server's account. Raises Broken when it is somebody else's."""
    account = _account()
    if account is None:
        return
    owner = pwd.getpwnam(account)
    if path.is_symlink() or path.stat().st_uid not in (os.geteuid(), owner.pw_uid):
        raise Broken(f"{path} belongs to somebody else: remove it, or choose another folder for PostgreSQL")
    shutil.chown(path, owner.pw_uid, owner.pw_gid)


def _may_enter(owner: pwd.struct_passwd, folder: Path) -> bool:
    for step in (folder, *folder.parents):
        status = step.stat()
        if status.st_uid == owner.pw_uid:
            needed = 0o100
        elif status.st_gid == owner.pw_gid:
            needed = 0o010
        else:
            needed = 0o001
        if not status.st_mode & needed:
            return False
    return True
