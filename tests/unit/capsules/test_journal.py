"""What a process has noted is read by the next one, whatever became of the first and of the last line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qntx.capsules import entries, journal
from qntx.capsules.intents import Intents
from qntx.capsules.journal import Journal
from qntx.errors import StorageError

OPENING = '{"id":"a","type":"tool","context":{"environment":{"own":1}}}'


@pytest.fixture
def intents(tmp_path: Path) -> Intents:
    return Intents(tmp_path / "runs")


def file_of(intents: Intents) -> Path:
    (path,) = intents.path.iterdir()
    return path


def test_what_runs_share_is_written_once_and_read_with_each(intents: Intents) -> None:
    for number in range(3):
        intents.begin(f"id {number}", OPENING, None, '{"python":"3","own":0}')
    intents.close()

    (left,) = [journal.left for journal in intents.orphans()]

    assert file_of(intents).read_text().count('"python"') == 1
    assert [intent.document["context"]["environment"] for intent in left] == [{"python": "3", "own": 1}] * 3


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_torn_last_line_is_passed_over_and_what_follows_it_is_read(intents: Intents, cut: int) -> None:
    intents.begin("whole", OPENING, None)
    intents.begin("torn", OPENING, None)
    intents.close()
    path = file_of(intents)
    path.write_bytes(path.read_bytes()[:-cut])

    held = Journal.take(path)
    assert held is not None
    held.begin("after", None, OPENING, "")
    held.close()

    account = entries.fold("", path.read_bytes())
    assert [(intent.number, intent.id) for intent in account.open.values()] == [(1, "whole"), (2, "after")]


@pytest.mark.parametrize(
    "line", [b"\x00" * 40, b"[]", b'["begin",1]', b'["begin",true,{}]', b'["end",7,{}]', b"[" * 9999]
)
def test_a_line_that_says_nothing_is_passed_over(line: bytes) -> None:
    account = entries.fold("", entries.begin(1, "a", "tenant", 0, OPENING) + line + b"\n" + entries.end(1, "{}"))

    assert (account.started, account.open[1].tenant_id, account.open[1].ended) == (1, "tenant", True)


def test_the_next_process_goes_on_counting_where_nothing_was_left_open(tmp_path: Path) -> None:
    first, second = Intents(tmp_path / "runs"), Intents(tmp_path / "runs")
    noted = first.begin("a", OPENING, None)
    first.settled(noted)
    first.close()

    again = second.begin("b", OPENING, None)
    beside = first.begin("c", OPENING, None)

    assert (again.ledger, again.number) == (noted.ledger, 2)
    assert (beside.ledger != again.ledger, beside.number) == (True, 1)
    assert second.read() == ({again.ledger: 2, beside.ledger: 1}, {again.ledger: {2}, beside.ledger: {1}})
    for each in (first, second):
        each.close()


def test_a_long_journal_is_written_anew_with_what_is_open(intents: Intents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LONG_BYTES", 10_000)
    kept = intents.begin("open", OPENING, "tenant", '{"python":"3"}')
    for number in range(200):
        intents.settled(intents.begin(f"id {number}", OPENING, None, '{"python":"3"}'))
        intents.forget()
    after = intents.begin("after", OPENING, None, '{"python":"3"}')

    started, open_runs = Intents(intents.path).read()

    assert file_of(intents).stat().st_size < 20_000
    assert (started, open_runs) == ({kept.ledger: 202}, {kept.ledger: {1, after.number}})
    assert list(Intents(intents.path).orphans()) == []  # held, though it is another file by now
    intents.close()
    ((first, last),) = [held.left for held in intents.orphans()]
    assert (first.id, first.tenant_id, last.id) == ("open", "tenant", "after")
    assert (
        first.document["context"]["environment"] == last.document["context"]["environment"] == {"python": "3", "own": 1}
    )


FULL = """
import resource, signal, sys
from pathlib import Path
from qntx.capsules.intents import Intents
from qntx.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
intents = Intents(Path(sys.argv[1]))
intents.begin("first", '{"id":"a","type":"tool"}', None)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    intents.begin("second", '{"id":"' + 300 * "b" + '","type":"tool"}', None)
except StorageError as error:
    print(error)
intents.begin("third", '{"id":"c","type":"tool"}', None)
"""


def test_a_full_disk_refuses_the_run_and_spoils_nothing(intents: Intents) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, intents.path], capture_output=True, text=True, timeout=60, check=True
    )

    (left,) = [held.left for held in intents.orphans()]

    assert "cannot be noted" in ran.stdout
    assert [(intent.number, intent.id) for intent in left] == [(1, "first"), (2, "third")]


def test_only_what_is_said_to_outlast_a_power_cut_waits_for_the_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match='"process" or "power"'):
        Intents(tmp_path, durable="no")

    durable = Intents(tmp_path / "runs", durable="power")
    durable.begin("a", OPENING, None)
    durable.close()

    assert [len(held.left) for held in durable.orphans()] == [1]
