"""Several processes of one plugin are called as one: balanced, nothing lost unsaid, nothing run twice."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost
from tests.integration.host.replicas import Replicas, Wire, told

from qntx.host.home import Home


class Pair:
    """A host with two replicas of python; the way to the second can be cut."""

    def __init__(self, home: Home, replicas: Replicas) -> None:
        self.replicas = replicas
        self.one = replicas.start(0, "--drain", "30")
        self.two = replicas.start()
        self.wire = Wire(self.two.address)
        self.addresses = (self.one.address, self.wire.address)
        self.host = RunningHost(
            home,
            "[plugin]\nstart_timeout_seconds = 1\nhealth_interval_seconds = 1\n"
            f'[python]\naddress = ["{self.one.address}", "{self.wire.address}"]\nmax_workers = 2\n',
        )
        self.until_running()

    def states(self) -> dict[str, str]:
        return {each["address"]: each["state"] for each in self.host.plugin("python")["replicas"]}

    def until_running(self) -> None:
        self.host.until(lambda: list(self.states().values()) == ["running"] * 2)
        self.host.until(self.both_take_work)

    def both_take_work(self) -> bool:
        """gRPC's balancing connects by itself, and may come to a replica later than the host's own watch of it."""
        before = self.finished()
        for _ in range(4):
            self.host.execute("1")
        return all(now > then for now, then in zip(self.finished(), before, strict=True))

    def finished(self) -> list[int]:
        return [told(plugin, "executions.finished") for plugin in (self.one, self.two)]

    def bring_back(self) -> None:
        """Start those anew that have ended, where they were."""
        if self.one.process.poll() is not None:
            self.one = self.replicas.start(self.one.port, "--drain", "30")
        if self.two.process.poll() is not None:
            self.two = self.replicas.start(self.two.port)
        self.until_running()

    def post(self, content: str, **fields: Any) -> Any:
        return self.host.http.post("/api/python/execute", json={"content": content, **fields})

    def attested(self, predicate: str) -> Counter[str]:
        """How often each subject was attested with it."""
        rows = self.host.http.get(f"/api/attestations?predicates={predicate}&limit=1000").json()
        return Counter(subject for row in rows for subject in row["subjects"])


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.create()
    replicas = Replicas(tmp_path_factory.mktemp("replicas"))
    pair = Pair(home, replicas)
    yield pair
    pair.host.close()
    pair.wire.close()
    replicas.end()


@pytest.fixture
def pair(module_pair: Pair) -> Pair:
    module_pair.bring_back()
    return module_pair


def test_both_replicas_get_work(pair: Pair) -> None:
    before = pair.finished()

    for _ in range(6):
        assert pair.host.execute("1")["success"]

    assert all(now > then for now, then in zip(pair.finished(), before, strict=True))
    told_of = pair.host.http.get("/metrics").text
    for address in pair.addresses:
        assert f'qntx_executions_total{{outcome="finished",plugin="python",replica="{address}"}}' in told_of
        assert f'qntx_replica_serving{{plugin="python",replica="{address}"}} 1.0' in told_of


def test_of_runs_under_load_none_is_done_twice_or_lost_unsaid_when_a_replica_is_killed(pair: Pair) -> None:
    code = "import time\nattest([{0!r}], ['ran'], contexts=['lab'])\ntime.sleep(0.05)\nresult = {0!r}\nresult"
    names = [f"run-{number}" for number in range(80)]
    killed = threading.Event()

    def run(name: str) -> tuple[str, Any]:
        answer = pair.post(code.format(name))
        if name == names[30]:
            pair.two.process.send_signal(signal.SIGKILL)
            killed.set()
        return name, answer

    with ThreadPoolExecutor(6) as threads:
        answers = dict(threads.map(run, names))

    attested = pair.attested("ran")
    answered = {name for name, answer in answers.items() if answer.status_code == 200 and answer.json()["success"]}
    lost = {name: answer.json()["error"] for name, answer in answers.items() if name not in answered}
    assert killed.is_set()
    assert {attested[name] for name in answered} == {1}
    assert max(attested[name] for name in lost) <= 1 if lost else True
    assert all("was lost with the replica of 'python' at" in error for error in lost.values()), lost
    assert len(lost) <= 6, "only what was under way when it was killed can be lost"
    pair.host.until(lambda: pair.states()[pair.wire.address] == "failed")


def test_jobs_of_a_replica_that_is_killed_are_done_by_the_other(pair: Pair) -> None:
    def enqueue(number: int) -> str:
        claim = f"attest(['j{number}'], ['done'], contexts=['lab'])"
        script = f"import time\ndef execute(payload):\n  time.sleep(0.2)\n  {claim}"
        payload = {"script_code": script, "script_type": "slow", "input": ""}
        body = {"handler_name": "python/python.script", "payload": payload}
        return str(pair.host.http.post("/api/pulse/jobs", json=body).json()["id"])

    jobs = [enqueue(number) for number in range(16)]
    pair.host.until(lambda: len(pair.attested("done")) >= 3)
    pair.two.process.send_signal(signal.SIGKILL)

    def states() -> set[str]:
        return {pair.host.http.get(f"/api/pulse/jobs/{job}").json()["status"] for job in jobs}

    pair.host.until(lambda: states() == {"completed"})
    assert set(pair.attested("done")) == {f"j{number}" for number in range(16)}


def test_a_drained_replica_takes_nothing_new_and_ends_what_it_has(pair: Pair) -> None:
    code = "import time\nfor n in range(8):\n  print(n, flush=True)\n  time.sleep(0.5)\n'whole'"
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(pair.post, code) for _ in range(2)]
        pair.host.until(lambda: told(pair.one, "running") and told(pair.two, "running"))
        pair.one.process.send_signal(signal.SIGTERM)
        pair.host.until(lambda: pair.states()[pair.one.address] == "draining")
        meanwhile = [pair.host.execute("'other'")["result"] for _ in range(4)]
        code_of_exit = pair.one.process.wait(30)
        results = [each.result().json()["result"] for each in running]

    assert results == ["whole", "whole"]
    assert meanwhile == ["other"] * 4
    assert code_of_exit == 0


def test_a_run_whose_connection_breaks_is_followed_to_its_end_and_was_run_once(pair: Pair) -> None:
    claim = "attest(['cut'], ['begun'], contexts=['lab'])"
    code = f"import time\n{claim}\nprint('one', flush=True)\ntime.sleep(2)\nprint('two')\n'kept'"
    with ThreadPoolExecutor(2) as threads:
        # One of them is on the replica whose line is cut.
        running = [threads.submit(pair.post, code) for _ in range(2)]
        pair.host.until(lambda: pair.attested("begun")["cut"] == 2)
        pair.wire.cut()
        answers = [each.result().json() for each in running]

    assert [(answer["result"], answer["stdout"]) for answer in answers] == [("kept", "one\ntwo\n")] * 2
    assert pair.attested("begun")["cut"] == 2


def test_what_is_offered_to_a_replica_that_hangs_is_done_by_the_other(pair: Pair) -> None:
    pair.two.process.send_signal(signal.SIGSTOP)
    try:
        answers = [pair.post(str(number)) for number in range(3)]
        noticed = pair.host.until(lambda: pair.states()[pair.wire.address] == "failed")
    finally:
        pair.two.process.send_signal(signal.SIGCONT)
    pair.until_running()

    assert noticed
    assert [answer.json()["result"] for answer in answers] == [0, 1, 2]


def test_a_stream_is_cancelled_on_the_replica_that_has_it(pair: Pair) -> None:
    for number in range(2):
        body = {"content": "while True: pass", "execution_id": f"endless-{number}", "stream": True}
        with pair.host.http.stream("POST", "/api/python/execute", json=body) as answer:
            lines = answer.iter_lines()
            while "started" not in next(lines):
                pass
            cancelled = pair.host.http.post("/api/python/cancel", json={"execution_id": f"endless-{number}"})
            rest = "\n".join(lines)

        assert cancelled.json() == {"cancelled": True}
        assert '"outcome":"cancelled"' in rest.replace(" ", "")


def test_a_session_stays_with_its_replica_and_its_loss_is_said(pair: Pair) -> None:
    begun: list[int] = []
    # The session's name and the addresses, whose ports are chance, decide where it is kept.
    while not all(told(plugin, "sessions") for plugin in (pair.one, pair.two)):
        begun.append(len(begun))
        assert pair.host.execute(f"x = {begun[-1]}", session_id=f"s{begun[-1]}")["success"]
    kept = [pair.host.execute("x", session_id=f"s{number}")["result"] for number in begun for _ in range(2)]
    pair.two.process.kill()
    pair.host.until(lambda: pair.states()[pair.wire.address] == "failed")
    away = {number: pair.post("x", session_id=f"s{number}") for number in begun}
    pair.bring_back()
    gone = {
        number: pair.post("x", session_id=f"s{number}") for number, answer in away.items() if answer.status_code == 503
    }
    anew = {number: pair.host.execute("globals().get('x')", session_id=f"s{number}")["result"] for number in gone}

    assert kept == [number for number in begun for _ in range(2)]
    assert gone, "what the replica that was killed had kept is not answered by the other"
    for number, answer in away.items():
        if number in gone:
            assert f"session 's{number}' is kept by the replica of 'python' at {pair.wire.address}" in answer.text
        else:
            assert answer.json()["result"] == number
    assert all("its variables are lost" in answer.text for answer in gone.values())
    assert set(anew.values()) <= {None}
