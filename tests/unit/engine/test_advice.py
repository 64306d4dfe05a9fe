"""What is said of a failure that a limit caused."""

from __future__ import annotations

import pytest

from qntx.engine.advice import advice
from qntx.model.execution import Limits, Outcome

NO_NETWORK = "The run has no network: `network` of the variant's limits grants it, as do an ingest script's needs.\n"


@pytest.mark.parametrize(
    "error",
    [
        "PermissionError: [Errno 13] Permission denied\n",
        "urllib.error.URLError: <urlopen error [Errno 13] Permission denied>\n",
        "PermissionError: [Errno 13] Connect call failed ('127.0.0.1', 5432)\n",
    ],
)
def test_a_connection_that_was_denied_is_told_what_may_be_connected_to(error):
    granted = Limits(network=True, network_ports=(443, 5432))

    assert advice(Outcome.RAISED, error, Limits()) == NO_NETWORK
    assert advice(Outcome.RAISED, error, granted) == (
        "The run may connect to these TCP ports: 443, 5432. They are `network_ports` of the variant's limits.\n"
    )


def test_a_file_that_was_denied_has_nothing_to_do_with_the_network():
    error = "PermissionError: [Errno 13] Permission denied: '/etc/shadow'\n"

    assert advice(Outcome.RAISED, error, Limits()) == ""


def test_want_of_memory_is_told_how_much_there_is():
    assert advice(Outcome.OUT_OF_MEMORY, "MemoryError\n", Limits(memory_mib=64)) == "The run may use 64 MiB.\n"


def test_success_needs_no_advice():
    assert advice(Outcome.FINISHED, "", Limits()) == ""
