"""A PostgreSQL server of the tests' own: on a Unix socket in a temporary folder, by a user that may do nothing else."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

UNPRIVILEGED = "nobody"
START_SECONDS = 60
MISSING = "PostgreSQL's server programs are not installed (Debian: apt-get install postgresql)"
SETTINGS = {"listen_addresses": "", "max_connections": "300", "logging_collector": "off"}


def programs() -> Path | None:
    """Where initdb and postgres are; None where they are not."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    folder = found[-1].parent if found else Path(on_path).parent if on_path else None
    return folder if folder is not None and (folder / "postgres").exists() else None


class PostgresServer:
    """In a folder, which may hold one that was started before. `settings` go on its command line.

    `inside` stands before its commands: where another network namespace is its machine.
    """

    def __init__(self, folder: Path, inside: Sequence[str] = (), **settings: str) -> None:
        self.folder = folder
        self._inside = inside
        self._settings = SETTINGS | {"unix_socket_directories": str(folder)} | settings

    @classmethod
    def make(cls, inside: Sequence[str] = (), **settings: str) -> PostgresServer:
        """Lay out a new one."""
        folder = Path(tempfile.mkdtemp(prefix="qntx-pg-"))
        made = cls(folder, inside, **settings)
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
        options = ["-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        made._run("initdb", *options)
        return made

    def start(self) -> None:
        """Returns once it answers."""
        self._control("start", "-o", " ".join(f"-c {name}='{value}'" for name, value in self._settings.items()))

    def stop(self, mode: str = "fast") -> None:
        """`fast` cuts its clients off and ends in order, `immediate` is a crash."""
        self._control("stop", "-m", mode)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url(database), autocommit=True)

    def url(self, database: str) -> str:
        return f"postgresql://tester@/{database}?host={self.folder}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty one."""
        name = f"test_{uuid.uuid4().hex}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        yield self.url(name)
        with self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "--wait", "--timeout", str(START_SECONDS), "--log", "log", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        found = programs()
        assert found is not None, MISSING
        # PostgreSQL refuses to run as root.
        user = ["setpriv", f"--reuid={UNPRIVILEGED}", "--clear-groups"] if os.getuid() == 0 else []
        command = [*self._inside, *user, found / program, "-D", "data", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, f"{program} failed; it said:\n{self._log}"

    @property
    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""


@contextmanager
def server_of_the_run(run: str) -> Iterator[PostgresServer]:
    """One server for all processes of a test run: started by the first that asks, stopped by the last that leaves."""
    folder = Path(tempfile.gettempdir())
    note = folder / f"qntx-pg-of-{run}"
    # All runs of a user share it, and none removes it: who waits for it must not come to hold what is gone.
    with (folder / f"qntx-pg-{os.getuid()}.lock").open("w") as starting, ExitStack() as kept:
        with _held(starting):
            users = kept.enter_context(note.with_suffix(".users").open("w"))
            if _last(users):
                # Of a run that was killed.
                note.unlink(missing_ok=True)
            # A process that dies lets go of it too.
            fcntl.flock(users, fcntl.LOCK_SH)
            if note.exists():
                server = PostgresServer(Path(note.read_text()))
            else:
                server = PostgresServer.make(fsync="off")
                server.start()
                note.write_text(str(server.folder))
        yield server
        with _held(starting):
            if _last(users):
                server.stop()
                server.remove()
                note.unlink()
                note.with_suffix(".users").unlink()


@contextmanager
def _held(file: Any) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _last(users: Any) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
