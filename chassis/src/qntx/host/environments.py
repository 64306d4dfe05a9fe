"""An environment of its own for each variant, built by uv from its manifest.

A build is a new folder, `environments/.builds/NAME-…`, never changed once it is ready. The launcher in `plugins/` and
the link `environments/NAME` are each replaced at once when it is, so a plugin that runs keeps the packages it was
started with, and a build that fails or is interrupted leaves what was there in use.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

import uv

from qntx.errors import Unavailable
from qntx.host.distribution import Chassis, digest_of
from qntx.host.home import Home
from qntx.host.variants import Folder

FORMAT = 1
"""Raised when what a build holds changes, so that older ones are built again."""

BUILDS_KEPT = 2
"""The newest, and the one that a plugin may still be running from."""

REASON_LINES = 40
"""Kept of what uv said last."""

LAUNCHER = """\
#!/bin/sh
# {program}, made by `qntx variant sync`, which replaces it.
exec {python} -IB {code} --name {name} --manifest {manifest} "$@"
"""

CODE = """\
import sys

from qntx.plugin.__main__ import main

sys.exit(main())
"""


class State(Enum):
    """How a variant's environment stands."""

    READY = "ready"
    STALE = "stale"
    ABSENT = "absent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Built:
    """What came of one variant's build."""

    name: str
    state: State
    path: str = ""
    launcher: str = ""
    built: bool = False
    """False where the environment was ready before."""
    reason: str = ""
    """Why it failed, in uv's words."""
    left_out: tuple[str, ...] = ()
    """Optional packages that could not be had."""


Progress = Callable[[str, str], None]
"""Takes a variant's name and what is being done for it."""


class Environments:
    """The environments under one home."""

    def __init__(self, home: Home, chassis: Chassis, python: str = "") -> None:
        self._home = home
        self._chassis = chassis
        self._python = python
        self._uv = _Uv()
        self._builds = home.environments / ".builds"

    def state(self, folder: Folder) -> State:
        """Whether the variant's environment is there and is what its manifest says now."""
        made = self._made(folder)
        if made is None:
            return State.ABSENT
        return State.READY if made["digest"] == self._digest(folder) else State.STALE

    def build(self, folder: Folder, on_progress: Progress, *, force: bool = False) -> Built:
        """Make the variant's environment, unless it stands as it should. A failure is a value here."""
        name = folder.variant.name
        self._home.create()
        self._builds.mkdir(exist_ok=True)
        with _locked(self._builds / f"{name}.lock", lambda: on_progress(name, "waiting for another sync")):
            if not force and self.state(folder) is State.READY:
                made = self._made(folder) or {}
                return self._built(folder, built=False, left_out=made["left_out"])
            build = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._builds))
            build.chmod(0o755)
            try:
                left_out = self._fill(build, folder, on_progress)
            except Unavailable as failure:
                shutil.rmtree(build)
                return Built(name, State.FAILED, reason=str(failure))
            except BaseException:
                shutil.rmtree(build)
                raise
            self._put_in_use(build, folder)
            self._remove_old(name)
            return self._built(folder, built=True, left_out=left_out)

    def stop(self) -> None:
        """End the builds that are going on, in other threads, and those that would begin: they fail."""
        self._uv.stop()

    def packages(self, folder: Folder) -> dict[str, str]:
        """What is installed for the variant, name to version."""
        listed = self._uv.run(("pip", "list", "--python", str(self._interpreter(folder)), "--format", "json"))
        return {entry["name"]: entry["version"] for entry in json.loads(listed)}

    def _interpreter(self, folder: Folder) -> Path:
        return self._home.environments / folder.variant.name / "bin" / "python3"

    def _made(self, folder: Folder) -> dict[str, Any] | None:
        """What the build in use says of itself. None where there is none that could start."""
        stamp = self._home.environments / folder.variant.name / "build.json"
        launcher = self._home.plugins / folder.variant.program
        if not (stamp.exists() and launcher.exists() and self._interpreter(folder).exists()):
            return None
        made: dict[str, Any] = json.loads(stamp.read_bytes())
        return made

    def _told_python(self, folder: Folder) -> str:
        """The interpreter that was asked for, now or when it was last built; empty for ours."""
        return self._python or (self._made(folder) or {}).get("python", "")

    def _digest(self, folder: Folder) -> str:
        """Changes with everything that a build is made of."""
        carried = [folder.manifest, *sorted(folder.ingest.glob("*.py"))]
        python = self._told_python(folder) or f"{sys.executable} {sys.version}"
        parts = (str(FORMAT), digest_of(carried), self._chassis.digest, python)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _fill(self, build: Path, folder: Folder, on_progress: Progress) -> list[str]:
        """Everything of a build, its stamp last. Raises Unavailable with uv's reason."""
        variant = folder.variant

        def say(what: str) -> None:
            on_progress(variant.name, what)

        python, digest = self._told_python(folder), self._digest(folder)
        say("making the environment")
        self._uv.run(("venv", "--quiet", "--allow-existing", "--python", python or sys.executable, str(build)))
        install = ("pip", "install", "--compile-bytecode", "--python", str(build / "bin" / "python3"))
        self._uv.run((*install, *self._chassis.arguments, *map(str, variant.dependencies)), say)
        left_out = [
            str(package) for package in variant.optional if not self._uv.succeeds((*install, str(package)), say)
        ]
        say("importing")
        _try_imports(build, variant.imports)
        libexec = build / "libexec"
        libexec.mkdir()
        (libexec / f"{variant.program}.py").write_text(CODE)
        shutil.copy(folder.manifest, libexec)
        if folder.ingest.is_dir():
            shutil.copytree(folder.ingest, libexec / "ingest", ignore=shutil.ignore_patterns("__pycache__"))
        (build / "build.json").write_text(json.dumps({"digest": digest, "python": python, "left_out": left_out}))
        return left_out

    def _put_in_use(self, build: Path, folder: Folder) -> None:
        variant = folder.variant
        launcher = LAUNCHER.format(
            program=variant.program,
            python=shlex.quote(str(build / "bin" / "python3")),
            code=shlex.quote(str(build / "libexec" / f"{variant.program}.py")),
            name=variant.name,
            manifest=shlex.quote(str(build / "libexec" / folder.manifest.name)),
        )
        unfinished = self._builds / f"{build.name}.launcher"
        unfinished.write_text(launcher)
        unfinished.chmod(0o755)
        link = self._builds / f"{build.name}.link"
        link.symlink_to(Path(self._builds.name) / build.name)
        link.replace(self._home.environments / variant.name)
        unfinished.replace(self._home.plugins / variant.program)

    def _remove_old(self, name: str) -> None:
        """Builds of the variant beyond those kept, and what interrupted ones left."""
        builds = [path for path in self._builds.iterdir() if path.is_dir() and path.name.rpartition("-")[0] == name]
        finished = [path for path in builds if (path / "build.json").exists()]
        finished.sort(key=lambda path: (path / "build.json").stat().st_mtime_ns, reverse=True)
        for path in set(builds) - set(finished[:BUILDS_KEPT]):
            shutil.rmtree(path)

    def _built(self, folder: Folder, *, built: bool, left_out: Sequence[str]) -> Built:
        name = folder.variant.name
        path, launcher = self._home.environments / name, self._home.plugins / folder.variant.program
        return Built(name, State.READY, str(path), str(launcher), built, left_out=tuple(left_out))


@contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """One build of a variant at a time, between processes too."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Uv:
    """The uv program, run in the root folder, so that no project's settings apply; the person's own do."""

    def __init__(self) -> None:
        self._program = uv.find_uv_bin()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def run(self, arguments: Sequence[str], say: Callable[[str], None] = lambda line: None) -> str:
        """What it prints. Its log is passed on line by line; when it fails, the last lines are the reason."""
        environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_PROJECT")}
        with tempfile.TemporaryFile("w+") as output, self._started(arguments, environment, output) as process:
            assert process.stderr is not None
            reason: deque[str] = deque(maxlen=REASON_LINES)
            for line in process.stderr:
                reason.append(line)
                say(line.strip())
            if process.wait() != 0:
                raise Unavailable("".join(reason).strip() or f"uv ended with {process.returncode}")
            output.seek(0)
            return output.read()

    @contextmanager
    def _started(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: IO[str]
    ) -> Iterator[subprocess.Popen[str]]:
        with self._lock:
            if self._stopped:
                raise Unavailable("stopped")
            process = subprocess.Popen(
                [self._program, *arguments],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._running.add(process)
        try:
            with process:
                yield process
        finally:
            with self._lock:
                self._running.remove(process)

    def succeeds(self, arguments: Sequence[str], say: Callable[[str], None]) -> bool:
        try:
            self.run(arguments, say)
        except Unavailable:
            if self._stopped:
                raise
            return False
        return True


def _try_imports(build: Path, modules: Sequence[str]) -> None:
    """The plugin and the variant's modules must import, as they will when it starts."""
    code = "".join(f"import {module}\n" for module in ("qntx.protocol.domain_pb2", *modules))
    tried = subprocess.run([build / "bin" / "python3", "-IBc", code], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise Unavailable(f"built, but its modules do not import:\n{tried.stderr.strip()}")
