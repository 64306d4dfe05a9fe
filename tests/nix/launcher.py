"""Hold a plugin's launcher to what QNTX asks of a program, in an environment that means it ill.

usage: python launcher.py PROGRAM NAME
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

# QNTX waits this long for the port's line. A machine that builds at the same time may be slower, so twice is a fault.
ANNOUNCED_SECONDS = 2.0
SLACK = 2


def hostile(folder: Path) -> dict[str, str]:
    """Everything by which a caller's Python could reach into the plugin's."""
    folder.mkdir()
    for module in ("json", "socket", "grpc", "qntx", "sitecustomize", "usercustomize"):
        (folder / f"{module}.py").write_text(f"raise SystemExit('{module} of the caller was imported')\n")
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONHOME": str(folder),
        "PYTHONSTARTUP": str(folder / "json.py"),
        "PYTHONUSERBASE": str(folder),
    }


def announced(plugin: subprocess.Popen[str]) -> int:
    """The port of its first line."""
    assert plugin.stdout is not None
    ready, _, _ = select.select([plugin.stdout], [], [], SLACK * ANNOUNCED_SECONDS)
    if not ready:
        sys.exit(f"no port announced within {SLACK * ANNOUNCED_SECONDS:g} s")
    line = plugin.stdout.readline().strip()
    if not line.startswith("QNTX_PLUGIN_PORT="):
        sys.exit(f"the first line is not the port: {line!r}")
    return int(line.partition("=")[2])


def command_line(pid: int) -> list[str]:
    """As `ps` has it."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")


def main(program: str, name: str) -> None:
    environment = hostile(Path.cwd() / "hostile")
    began = time.monotonic()
    # The pipe at its input stays open: its end would tell the plugin that its host is gone.
    plugin = subprocess.Popen(
        [program, "--port", "0"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        port = announced(plugin)
        seconds = time.monotonic() - began
        if Path("/proc/self").exists():
            words = command_line(plugin.pid)
            if not any(f"qntx-{name}-plugin" in word for word in words) or "--port" not in words:
                sys.exit(f"QNTX would not find this one by its name: {words}")
            if "-IB" not in words:
                sys.exit(f"not isolated, or writes bytecode: {words}")
    finally:
        plugin.send_signal(signal.SIGTERM)
        ended = plugin.wait(10)
    # Right after the line it may not have got to its own way of ending.
    if ended not in (0, -signal.SIGTERM):
        sys.exit(f"SIGTERM ended it with {ended}")
    print(f"{name}: port {port} announced after {seconds:.2f} s, found by its name, isolated, ended when told")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
