"""What dask_client() says where there is no cluster to call."""

from __future__ import annotations

import pytest

from qntx.script.compute import SCHEDULER_VARIABLE, dask_client


def test_without_a_scheduler_it_is_said_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SCHEDULER_VARIABLE, raising=False)

    with pytest.raises(
        RuntimeError, match=r"^dask_client: no Dask scheduler is configured: set dask_scheduler of \[host\]"
    ):
        dask_client()


def test_without_dask_it_is_said_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCHEDULER_VARIABLE, "tcp://127.0.0.1:8786")

    with pytest.raises(RuntimeError, match=r"^dask_client: this variant has no distributed: add 'distributed'"):
        dask_client()
