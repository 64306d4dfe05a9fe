"""A worker's life, from the fork to its end: get ready, wait, run, hang up."""

from __future__ import annotations

import atexit
import faulthandler
import json
import os
import random
import signal
import socket
import sys
from dataclasses import dataclass
from typing import NoReturn

from qntx.worker import frames
from qntx.worker.line import Line
from qntx.worker.namespace import Namespace, short_repr
from qntx.worker.rehearsal import TOUCH, rehearse, rehearse_libraries
from qntx.worker.run import perform
from qntx.worker.sandbox.policy import Policy
from qntx.worker.sandbox.seal import Walls

CHANNEL = 3
DESCRIPTORS_MAX = 256
"""A zygote has fewer open than this."""


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the zygote hands to a worker. Everything else it has open is closed."""

    channel: int
    stdout: int
    stderr: int
    null: int


def live(descriptors: Descriptors, walls: Walls, policy: Policy, token: int) -> NoReturn:
    """Be a worker; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.setsid()
    channel = _arrange(descriptors)
    walls.close(policy, token)
    os.closerange(CHANNEL + 1, DESCRIPTORS_MAX)
    faulthandler.enable(2)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    rehearse(TOUCH)
    _reseed()
    line = Line(channel)
    line.send(frames.READY)
    _serve(line, session=policy.session)
    os._exit(0)


def _arrange(descriptors: Descriptors) -> socket.socket:
    """Streams at 0, 1 and 2, the line at 3, nothing else."""
    os.dup2(descriptors.null, 0)
    os.dup2(descriptors.stdout, 1)
    os.dup2(descriptors.stderr, 2)
    if descriptors.channel != CHANNEL:
        os.dup2(descriptors.channel, CHANNEL, inheritable=False)
    return socket.socket(fileno=CHANNEL)


def _serve(line: Line, *, session: bool) -> None:
    namespace = Namespace()
    while True:
        order = line.order()
        if order is None:
            return
        kind, payload = order
        if kind == frames.REHEARSE:
            rehearse_libraries()
            line.send(frames.READY)
            continue
        if kind == frames.INSPECT:
            _inspect(line, namespace)
            continue
        perform(json.loads(payload), line, namespace, exit_functions=None if session else atexit._run_exitfuncs)
        if not session:
            # The engine hangs up when the answer is on its way: dismantling this process can wait until then.
            line.order()
            return


def _inspect(line: Line, namespace: Namespace) -> None:
    variables = [
        {"name": name, "type": type(value).__name__, "repr": short_repr(value)}
        for name, value in namespace.own().items()
    ]
    line.send(frames.VARIABLES, json.dumps(variables, ensure_ascii=False).encode("utf-8", "replace"))


def _reseed() -> None:
    """Every worker is a copy of the zygote; their random numbers must differ all the same."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(int.from_bytes(os.urandom(4), "little"))
