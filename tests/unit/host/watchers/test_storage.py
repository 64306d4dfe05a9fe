"""What is kept of watchers in a file, whichever version wrote it."""

from __future__ import annotations

from pathlib import Path

from qntx.db.migrations import migrate
from qntx.db.sqlite import connect
from qntx.host.watchers.storage import SCHEMA, WatcherStore
from qntx.model.attestation import Filter
from qntx.model.watcher import Action, Watcher

WANTED = '{"subjects": ["a"], "predicates": [], "contexts": [], "actors": [], "since_ms": null, "until_ms": 5}'


async def test_a_watcher_is_kept_as_it_is(tmp_path: Path) -> None:
    watcher = Watcher(
        "w", "n", Filter(actors=("é",)), Action.WEBHOOK, "http://x", "py:bio", 0.5, False, "bio", 3, 4, 5, "ada"
    )
    async with WatcherStore(tmp_path / "watchers.db") as kept:
        await kept.save([watcher])

        assert await kept.watchers() == [watcher]


async def test_one_that_an_older_version_kept_is_nobodys(tmp_path: Path) -> None:
    connection = connect(tmp_path / "watchers.db")
    migrate(connection, SCHEMA[:1])
    before = ("w", "n", WANTED, "python", "1", "py", 3.0, 1, "", 7, 8, 9, 0, 0, "", 0)
    connection.execute(f"INSERT INTO watcher VALUES ({', '.join('?' * len(before))})", before)
    connection.close()

    async with WatcherStore(tmp_path / "watchers.db") as kept:
        (watcher,) = await kept.watchers()

    wanted = Filter(subjects=("a",), predicates=(), contexts=(), actors=(), until_ms=5)
    assert watcher == Watcher("w", "n", wanted, Action.PYTHON, "1", from_position=7, created_at_ms=8, updated_at_ms=9)
