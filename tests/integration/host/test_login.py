"""A host that other machines may call: TLS, tokens with roles, logins; through a real plugin."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from qntx.host.access.roles import Role
from qntx.host.access.throttle import WRONG_MAX
from qntx.host.access.tokens import Tokens
from qntx.host.home import Home

from .conftest import RunningHost

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}
OPEN = {"open": 0, "read": Role.READ, "run": Role.RUN, "admin": Role.ADMIN}


class Guarded:
    """That host, and those who call it."""

    def __init__(self, running: RunningHost, certificate: Path, tokens: dict[str, str]) -> None:
        self.running = running
        self.certificate = certificate
        self.tokens = tokens
        self.trusted = ssl.create_default_context(cafile=str(certificate))

    def client(self, token: str = "", **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options = {"headers": headers, "timeout": 60, "trust_env": False, "verify": self.trusted, **options}
        return httpx.Client(base_url=self.running.url, **options)

    def qntx(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qntx.cli", *arguments],
            env={**os.environ, **env},
            text=True,
            capture_output=True,
            timeout=60,
        )


@pytest.fixture(scope="module")
def guarded(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    own = Home(tmp_path_factory.mktemp("guarded"))
    own.create()
    (own.plugins / "qntx-python-plugin").symlink_to(home.plugins / "qntx-python-plugin")
    certificate, key = own.root / "host.crt", own.root / "host.key"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=host"]
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*made, *named], check=True, capture_output=True)
    tokens = {role.word: Tokens(own.tokens).create(f"laptop-{role.word}", role) for role in Role}
    tls = f'[host]\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    running = RunningHost(own, tls, "--listen", "0.0.0.0:0")
    host = Guarded(running, certificate, tokens)
    running.http = host.client(tokens["admin"])
    running.until_state("python", "running")
    yield host
    running.close()


@pytest.fixture
def stranger(guarded: Guarded) -> Iterator[httpx.Client]:
    with guarded.client() as client:
        yield client


def operations(guarded: Guarded) -> Iterator[tuple[str, str, str]]:
    document = guarded.running.http.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation["x-role"]


def status(client: httpx.Client, method: str, path: str) -> int:
    """Of the answer, whose end is not waited for: events have none."""
    with client.stream(method, path.replace("{", "").replace("}", "")) as answer:
        return answer.status_code


def test_every_route_has_a_role_and_lets_in_nobody_below_it(guarded: Guarded, stranger: httpx.Client) -> None:
    seen = set()
    with ExitStack() as stack:
        clients = {role: stack.enter_context(guarded.client(guarded.tokens[role.word])) for role in Role}
        for method, path, word in operations(guarded):
            seen.add(word)
            for role, client in clients.items():
                refused = status(client, method, path) in (401, 403)
                assert refused == (role < OPEN[word]), f"{method} {path} with the role {role.word}"
            assert (status(stranger, method, path) == 401) == (word != "open"), f"{method} {path} without a token"
    assert seen == {"open", "read", "run", "admin"}


def test_what_is_open_is_the_page_and_its_login_alone(guarded: Guarded, stranger: httpx.Client) -> None:
    assert {path for _, path, word in operations(guarded) if word == "open"} == {"/api/session"}
    assert {stranger.get(path).status_code for path in ("/", "/frame", "/api/session")} == {200}


def test_who_is_refused_is_told_what_it_takes(guarded: Guarded, stranger: httpx.Client) -> None:
    nobody = stranger.get("/api/plugins")
    with guarded.client(guarded.tokens["read"]) as reader:
        reading = reader.post("/api/python/execute", json={"content": "1"})

    assert (nobody.status_code, nobody.json()["needed"]) == (401, "read")
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert "qntx token create" in nobody.json()["error"]
    assert (reading.status_code, reading.json()["needed"]) == (403, "run")
    assert "takes a token of role run; that of 'laptop-read' is read" in reading.json()["error"]


def test_a_plugins_own_routes_run_code_for_those_who_may_and_install_for_administrators(guarded: Guarded) -> None:
    def statuses(path: str) -> list[int]:
        codes = []
        for token in guarded.tokens.values():
            with guarded.client(token) as client:
                codes.append(client.post(path, json={}).status_code)
        return codes

    assert statuses("/api/python/execute-file") == [403, 400, 400]
    assert statuses("/api/python/uv/install") == [403, 403, 400]


@pytest.mark.parametrize(("word", "expected"), [("", 401), ("read", 403)])
def test_a_websocket_is_refused_to_who_may_not_run(guarded: Guarded, word: str, expected: int) -> None:
    with guarded.client(guarded.tokens.get(word, "")) as client:
        answer = client.get("/ws/python", headers=UPGRADE)

    assert answer.status_code == expected
    assert answer.json()["needed"] == "run"


def test_the_browser_exchanges_the_token_for_a_cookie_that_no_script_reads(guarded: Guarded) -> None:
    with guarded.client() as browser:
        before = browser.get("/api/session").json()
        entered = browser.post("/api/session", json={"token": guarded.tokens["run"]})
        ran = browser.post("/api/python/evaluate", json={"expr": "6 * 7"})
        left = browser.delete("/api/session")
        after = browser.get("/api/plugins")

    assert before == {"needed": True, "authenticated": False, "role": None, "name": ""}
    assert entered.json() == {"needed": True, "authenticated": True, "role": "run", "name": "laptop-run"}
    cookie = entered.headers["set-cookie"].lower()
    assert cookie.startswith("__host-qntx_session=")
    assert all(flag in cookie for flag in ("httponly", "samesite=strict", "secure", "path=/"))
    assert ran.json()["result"] == 42
    assert left.json() == before
    assert after.status_code == 401


def test_an_ended_logins_cookie_is_worth_nothing(guarded: Guarded) -> None:
    with guarded.client() as browser:
        browser.post("/api/session", json={"token": guarded.tokens["run"]})
        kept = dict(browser.cookies)
        browser.delete("/api/session")

    with guarded.client(cookies=kept) as thief:
        assert thief.get("/api/plugins").status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [({"token": "wrong"}, 401), ({"token": 1}, 400), ({}, 400), ({"token": "x" * 5000}, 413), (None, 400)],
)
def test_a_wrong_login_is_refused(guarded: Guarded, stranger: httpx.Client, body: Any, code: int) -> None:
    answer = stranger.post("/api/session", json=body)

    assert answer.status_code == code
    assert answer.json()["error"]
    assert "set-cookie" not in answer.headers


def test_who_guesses_tokens_is_soon_not_heard(guarded: Guarded) -> None:
    """From an address of its own: others are heard all the while."""
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2", verify=guarded.trusted)
    with guarded.client(transport=elsewhere) as guesser:
        codes = [guesser.post("/api/session", json={"token": str(n)}).status_code for n in range(WRONG_MAX)]
        late = guesser.post("/api/session", json={"token": guarded.tokens["admin"]})
        by_header = guesser.get("/api/plugins", headers={"Authorization": f"Bearer {guarded.tokens['admin']}"})

    assert set(codes) == {401}
    assert (late.status_code, by_header.status_code) == (429, 429)
    assert 0 < int(late.headers["retry-after"]) <= 60
    assert guarded.running.http.get("/api/plugins").status_code == 200


def test_a_page_of_another_site_cannot_use_the_login(guarded: Guarded) -> None:
    with guarded.client() as browser:
        browser.post("/api/session", json={"token": guarded.tokens["admin"]})
        for origin in ("https://evil.example", guarded.running.url.replace("https", "http"), "null"):
            assert browser.get("/api/plugins", headers={"Origin": origin}).status_code == 403
        assert browser.get("/api/plugins", headers={"Origin": guarded.running.url}).status_code == 200


def test_a_name_that_is_not_the_hosts_is_refused_whoever_asks(guarded: Guarded) -> None:
    assert guarded.running.http.get("/api/plugins", headers={"Host": "evil.example"}).status_code == 403
    assert guarded.running.http.get("/api/plugins", headers={"Host": "10.1.2.3:8777"}).status_code == 200


def test_events_end_when_the_token_is_revoked(guarded: Guarded) -> None:
    tokens = Tokens(guarded.running.home.tokens)
    text = tokens.create("leaver", Role.RUN)
    with guarded.client(text) as client, client.stream("GET", "/api/events", params={"kinds": "attestation"}) as events:
        lines = events.iter_lines()
        next(lines)
        tokens.revoke("leaver")
        made = {"subjects": ["x"], "predicates": ["seen"], "contexts": ["c"]}
        guarded.running.http.post("/api/attestations", json=made)

        heard = list(lines)

    assert not any("seen" in line for line in heard)


def test_who_asked_is_in_the_record_of_the_run(guarded: Guarded) -> None:
    with guarded.client(guarded.tokens["run"]) as client:
        answer = client.post("/api/python/execute", json={"content": "1"}).json()
        record = f"/api/v1/capsules/{answer['capsule_id']}"
        capsule = guarded.running.until(lambda: (found := client.get(record)).status_code == 200 and found.json())

    assert capsule["trigger"]["user_id"] == "laptop-run"


IN_ANOTHERS_NAME = """
from qntx.script.calls import ask
try:
    ask("enqueue", handler="script", payload={"content": "2"}, source="", principal="laptop-admin")
except Exception as refusal:
    refused = str(refusal)
child = enqueue("script", {"content": "3"})
_result = [child, schedule("script", every=3600, payload={"content": "4"}), refused]
"""


def test_who_asked_for_a_job_is_in_its_record_and_in_those_of_all_that_it_sets_going(guarded: Guarded) -> None:
    with guarded.client(guarded.tokens["run"]) as client, guarded.client(guarded.tokens["admin"]) as other:

        def ended(job_id: str) -> Any:
            job = guarded.running.until(
                lambda: (found := client.get(f"/api/pulse/jobs/{job_id}").json())["completed_at"] and found
            )
            return job["result"], job["principal"]

        def recorded(job_id: str) -> Any:
            def found() -> list[Any]:
                listed = client.get("/api/v1/capsules/", params={"limit": 100}).json()["capsules"]
                return [one for one in listed if one["trigger"]["correlation_id"] == f"{job_id}.1"]

            return guarded.running.until(found)[0]["trigger"]["user_id"]

        body = {"handler_name": "python/python.script", "payload": {"content": IN_ANOTHERS_NAME}}
        parent = client.post("/api/pulse/jobs", json=body).json()["id"]
        (child, schedule_id, refused), _ = ended(parent)
        fired = other.post(f"/api/pulse/schedules/{schedule_id}/trigger").json()["id"]

        assert "principal" in refused
        assert client.get(f"/api/pulse/schedules/{schedule_id}").json()["principal"] == "laptop-run"
        for job_id in (parent, child, fired):
            assert ended(job_id)[1] == recorded(job_id) == "laptop-run"
        assert other.delete(f"/api/pulse/schedules/{schedule_id}").status_code == 204


LISTENING = """
@watch("asked", context="login")
def hear(upstream):
    attest(upstream.subjects, "heard")
@schedule(every=3600)
def tick():
    pass
"""


def test_what_a_watcher_fires_runs_in_the_name_of_who_made_it_and_what_a_handler_declares_in_the_handlers(
    guarded: Guarded,
) -> None:
    def attest(subject: str, predicate: str, context: str, **attributes: str) -> None:
        body = {"subjects": [subject], "predicates": [predicate], "contexts": [context], "attributes": attributes}
        assert guarded.running.http.post("/api/attestations", json=body).status_code == 201

    with guarded.client(guarded.tokens["run"]) as client:

        def watchers() -> Any:
            return {each["id"]: each["principal"] for each in client.get("/api/watchers").json()}

        def in_whose_name(asked: str, named: str) -> Any:
            listed = client.get("/api/v1/capsules/", params={"limit": 100}).json()["capsules"]
            of_it = [each for each in listed if each["context"]["environment"].get(asked) == named]
            return [each["trigger"]["user_id"] for each in of_it]

        attest("listening", "handler", "python", code=LISTENING)
        guarded.running.until(lambda: "python-listening-hear" in watchers())
        wanted = {"predicates": ["asked"], "contexts": ["login"]}
        body = {"id": "mine", "name": "mine", "action_type": "python", "action_data": "1", **wanted}
        assert client.post("/api/watchers", json=body).status_code == 201
        assert client.post("/api/watchers", json={**body, "id": "eve", "principal": "laptop-admin"}).status_code == 400
        attest("a", "asked", "login")

        made, declared = ("trigger_name", "mine"), ("call", "hear")
        assert guarded.running.until(lambda: in_whose_name(*made)) == ["laptop-run"]
        assert guarded.running.until(lambda: in_whose_name(*declared)) == ["handler:listening"]
        assert {watchers()["mine"], watchers()["python-listening-hear"]} == {"laptop-run", "handler:listening"}

        def schedules() -> Any:
            listed = client.get("/api/pulse/schedules").json()["jobs"]
            return [each["principal"] for each in listed if each["handler_name"] == "python/listening"]

        assert guarded.running.until(schedules) == ["handler:listening"]

    other = guarded.running.http
    assert other.put("/api/watchers/mine", json={"enabled": False}).json()["principal"] == "laptop-run"
    assert other.put("/api/watchers/mine", json={"action_data": "2"}).json()["principal"] == "laptop-admin"
    assert other.delete("/api/watchers/mine").status_code == 204


def test_who_asked_a_plugins_own_route_is_in_the_record_too(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("_result = 1")
    with guarded.client(guarded.tokens["run"]) as client:
        answer = client.post("/api/python/execute-file", json={"path": str(tmp_path / "one.py")}).json()
        record = f"/api/v1/capsules/{answer['capsule_id']}"
        capsule = guarded.running.until(lambda: (found := client.get(record)).status_code == 200 and found.json())

    assert capsule["trigger"]["user_id"] == "laptop-run"


def test_a_session_is_its_principals_alone(guarded: Guarded) -> None:
    def said(word: str, code: str) -> Any:
        with guarded.client(guarded.tokens[word]) as client:
            return client.post("/api/python/execute", json={"content": code, "session_id": "s"}).json()

    assert said("run", "x = 1")["success"]
    assert "NameError" in said("admin", "x")["error"]
    assert said("run", "x")["result"] == 1


def test_the_command_line_of_this_machine_needs_nothing_more(guarded: Guarded) -> None:
    """host.json says with which token, and which certificate to trust."""
    here = guarded.running.home.presence
    done = guarded.qntx("eval", "6 * 7", QNTX_HOME=str(guarded.running.home.root))

    assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stderr
    assert json.loads(here.read_text())["token"]
    assert here.stat().st_mode & 0o077 == 0


def test_the_command_line_elsewhere_says_who_it_is_and_whom_it_trusts(guarded: Guarded, tmp_path: Path) -> None:
    there = {"QNTX_HOME": str(tmp_path), "QNTX_URL": guarded.running.url}
    trusting = {**there, "QNTX_CERTIFICATE": str(guarded.certificate)}

    ran = guarded.qntx("eval", "6 * 7", **trusting, QNTX_TOKEN=guarded.tokens["run"])
    low = guarded.qntx("eval", "6 * 7", **trusting, QNTX_TOKEN=guarded.tokens["read"])
    nobody = guarded.qntx("eval", "6 * 7", **trusting)
    distrusting = guarded.qntx("eval", "6 * 7", **there, QNTX_TOKEN=guarded.tokens["run"])

    assert (ran.returncode, ran.stdout.strip()) == (0, "42"), ran.stderr
    assert "takes a token of role run" in low.stderr
    assert "send a token" in nobody.stderr
    assert "certificate" in distrusting.stderr.lower()


def test_tokens_are_made_listed_and_revoked_from_the_command_line(tmp_path: Path, guarded: Guarded) -> None:
    made = guarded.qntx("token", "create", "ci", "--role", "read", QNTX_HOME=str(tmp_path))
    told = guarded.qntx("token", "list", "--json", QNTX_HOME=str(tmp_path))
    revoked = guarded.qntx("token", "revoke", "ci", QNTX_HOME=str(tmp_path))

    assert made.stdout.startswith("qntx_")
    assert [(token["name"], token["role"]) for token in json.loads(told.stdout)] == [("ci", "read")]
    assert made.stdout.strip() not in told.stdout
    assert "ci is revoked" in revoked.stdout
    assert list(Tokens(Home(tmp_path).tokens).all()) == []


def test_on_loopback_tokens_are_demanded_where_that_is_asked_for(
    start_host: Callable[..., RunningHost], install: Callable[..., Path], bare_home: Home
) -> None:
    """As behind a proxy here, whose word on the scheme is believed. What was shown to the host is not passed on."""
    install("other")
    text = Tokens(bare_home.tokens).create("proxied", Role.ADMIN)
    host = start_host('[host]\nproxies = ["127.0.0.1"]\n')

    assert host.http.get("/api/plugins").status_code == 401
    entered = host.http.post("/api/session", json={"token": text}, headers={"X-Forwarded-Proto": "https"})
    assert "secure" in entered.headers["set-cookie"].lower()

    host.http.headers["Authorization"] = f"Bearer {text}"
    host.until_state("other", "running")
    seen = host.http.get("/api/other/x", headers={"Cookie": "a=b", "X-Kept": "1"}).json()["headers"]
    assert (seen.get("Authorization"), seen.get("Cookie"), seen["X-Kept"]) == (None, None, ["1"])
