"""dask_client(): the cluster that the host names, for what one machine is too small for."""

from __future__ import annotations

import importlib
import os
from typing import Any

SCHEDULER_VARIABLE = "QNTX_DASK_SCHEDULER"
CONNECT_TIMEOUT = "10s"

_client: Any = None


def dask_client(**options: Any) -> Any:
    """A `distributed.Client` of the host's scheduler, connected; the same one each time a run asks.

    Options are those of Client, such as `security` where the scheduler uses TLS. Tasks run in the cluster's workers,
    which have no line home: attest what comes back.
    """
    global _client
    if _client is not None and _client.status == "running":
        return _client
    scheduler = os.environ.get(SCHEDULER_VARIABLE, "")
    if not scheduler:
        raise RuntimeError(
            "dask_client: no Dask scheduler is configured: set dask_scheduler of [host] in am.toml, such as "
            "tcp://10.0.0.9:8786, and start the host anew"
        )
    try:
        distributed = importlib.import_module("distributed")
    except ModuleNotFoundError as missing:
        raise RuntimeError(
            f"dask_client: this variant has no {missing.name}: add 'distributed' to the dependencies in plugin.toml, "
            "and build it anew, with qntx variant sync"
        ) from None
    try:
        _client = distributed.Client(scheduler, **{"timeout": CONNECT_TIMEOUT, **options})
    except OSError as fault:
        raise RuntimeError(f"dask_client: the scheduler at {scheduler} cannot be reached: {fault}") from fault
    return _client
