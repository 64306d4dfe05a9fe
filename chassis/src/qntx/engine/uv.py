"""The uv program, which settles versions and unpacks wheels.

Only wheels: building from source would run its code with the plugin's own rights. uv runs outside any project, so that
none's settings apply; those of the machine and of its owner do.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import uv

from qntx.engine.overlay import State
from qntx.engine.stubs import write_stub
from qntx.errors import Refused, Unavailable

SECONDS_MAX = 900.0
REASON_BYTES_MAX = 8_000
_NOT_INHERITED = frozenset({"VIRTUAL_ENV", "UV_PROJECT", "PYTHONPATH", "PYTHONHOME"})
# An installation does not outlive the plugin that asked for it, however that ends.
_DIE_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"


class Uv:
    """Runs uv for one Python."""

    def __init__(self, cache: Path, program: str = "", python: str = sys.executable) -> None:
        self._program = program
        self._python = python
        self._cache = cache

    async def settle(self, wanted: State, own: Mapping[str, str], preferred: Mapping[str, str]) -> dict[str, str]:
        """The versions of all that is wanted and needed. Raises Refused, with uv's reason, where there are none.

        `own` is what the variant has and keeps: those versions hold, and need not be on any index.
        """
        with tempfile.TemporaryDirectory(prefix="qntx-uv-") as folder:
            here = Path(folder)
            # Said here, the stubs are one more place to look; on the command line they would be the only one.
            lines = [f"--find-links {here / 'stubs'}", *(each.text for each in wanted.wanted.values())]
            (here / "wanted.txt").write_text("".join(f"{line}\n" for line in lines))
            (here / "own.txt").write_text(_pins(own))
            (here / "settled.txt").write_text(_pins(preferred))
            (here / "stubs").mkdir()
            await asyncio.to_thread(_write_stubs, here / "stubs", own)
            await self._run(
                "compile", str(here / "wanted.txt"), "--output-file", str(here / "settled.txt"),
                "--constraint", str(here / "own.txt"), "--no-header", "--no-annotate", "--quiet",
            )  # fmt: skip
            settled = (here / "settled.txt").read_text().splitlines()
        return dict(line.split("==", 1) for line in settled if "==" in line)

    async def unpack(self, folder: Path, versions: Mapping[str, str], hashes: Mapping[str, Sequence[str]]) -> None:
        """Put exactly these into the folder."""
        if not versions:
            return
        lines = [
            " ".join((f"{name}=={version}", *(f"--hash={each}" for each in hashes.get(name, ()))))
            for name, version in versions.items()
        ]
        with tempfile.NamedTemporaryFile("w", prefix="qntx-uv-", suffix=".txt") as listed:
            listed.write("".join(f"{line}\n" for line in lines))
            listed.flush()
            await self._run(
                "install", "--target", str(folder), "--requirements", listed.name,
                "--no-deps", "--compile-bytecode", "--quiet",
            )  # fmt: skip

    async def _run(self, command: str, *arguments: str) -> None:
        program = self._program or uv.find_uv_bin()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-IS", "-c", _DIE_WITH_PARENT,
            program, "pip", command, *arguments, "--python", self._python, "--no-python-downloads",
            "--only-binary", ":all:", "--no-progress", "--color", "never",
            cwd="/",
            env=self._environment(),
            umask=0o022,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS_MAX):
                _, said = await process.communicate()
        except TimeoutError:
            raise Unavailable(f"uv was not done after {SECONDS_MAX:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            reason = said.decode("utf-8", "replace")[-REASON_BYTES_MAX:].strip().removeprefix("error: ")
            raise Refused(reason or f"uv ended with {process.returncode}")

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        # A service may have no home, or one it cannot write to.
        home = inherited.get("XDG_CACHE_HOME") or os.path.expanduser("~")
        return inherited if os.access(home, os.W_OK) else {"UV_CACHE_DIR": str(self._cache), **inherited}


def _pins(versions: Mapping[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in versions.items())


def _write_stubs(folder: Path, own: Iterable[str]) -> None:
    for name in own:
        write_stub(folder, name)
