"""A host ends when it is told to, also where its database is gone for good; what it had is the next one's."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.integration.hosts.conftest import SharingHost
from tests.postgres import PostgresServer

from qntx.host.home import Home

ENDS_SECONDS = 60
SLEEPING = "import time\ntime.sleep(600)"
LEFT = "nothing could be written down any more of these jobs, which the next host takes over: "


def test_a_host_whose_database_is_gone_ends_and_says_what_it_leaves(
    homes: Callable[[str], Home], own_postgres: PostgresServer
) -> None:
    with own_postgres.database() as url:
        host = SharingHost(homes("bereft"), url, "python")
        try:
            job = host.enqueue(SLEEPING)
            host.until(lambda: host.job(job)["status"] == "running")
            own_postgres.stop("immediate")
            host.until(lambda: "cut off from the shared database" in host.log.read_text())
            host.process.send_signal(signal.SIGTERM)

            assert host.process.wait(ENDS_SECONDS) == 1
            assert LEFT + job in host.log.read_text()
        finally:
            host.close()
            own_postgres.start()
        host = SharingHost(homes("bereft"), url, "python")
        try:
            host.until(lambda: host.job(job)["status"] == "running" and host.job(job)["attempts"] == 2)
        finally:
            host.close()
