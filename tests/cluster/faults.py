"""What happens to a cluster while it works: hosts and replicas killed, machines cut off, hosts restarted in turn."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from tests.cluster.machines import HostMachine, Replica

DEAD_SECONDS = 4.0
CUT_OFF_SECONDS = 12.0


class Faults:
    """One after the other, each mended before the next, until told to stop and `least` have been."""

    def __init__(self, hosts: Sequence[HostMachine], every_seconds: float, least: int) -> None:
        self.told: list[str] = []
        self._hosts = hosts
        self._every_seconds = every_seconds
        self._least = least
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._failure: BaseException | None = None

    def __enter__(self) -> Faults:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Raises what kept a fault from being mended."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _go_on(self) -> None:
        began = time.monotonic()
        try:
            for what, act in self._faults():
                if self._stop.wait(self._every_seconds) and len(self.told) >= self._least:
                    return
                self.told.append(f"{time.monotonic() - began:6.1f} s  {what}")
                act()
        except BaseException as failure:
            self._failure = failure

    def _faults(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for turn, host in enumerate(itertools.cycle(self._hosts)):
            following = self._hosts[(turn + 1) % len(self._hosts)]
            yield f"{host.machine.name} is killed", lambda host=host: _killed(host)
            yield f"{following.machine.name} is cut off", lambda host=following: _cut_off(host)
            replica = host.replicas[turn % len(host.replicas)]
            yield f"the replica {replica.address} is killed", lambda replica=replica: _dead_for_a_while(replica)
            yield f"{following.machine.name} is restarted", lambda host=following: _restarted(host)


def _killed(host: HostMachine) -> None:
    host.kill()
    time.sleep(DEAD_SECONDS)
    host.start()
    host.ready()


def _cut_off(host: HostMachine) -> None:
    host.machine.cut_off()
    time.sleep(CUT_OFF_SECONDS)
    host.machine.heal()
    host.ready()


def _dead_for_a_while(replica: Replica) -> None:
    replica.kill()
    time.sleep(DEAD_SECONDS)
    replica.start()


def _restarted(host: HostMachine) -> None:
    assert host.end() == 0, host.said()
    host.start()
    host.ready()
