"""Hostile pages and hostile output: refused, or inert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import Canvas

pytestmark = pytest.mark.alone

ELSEWHERE = "https://elsewhere.example"
MARK = "document.title = 'owned'; window.owned = true"
SCRIPT = f'<script>{MARK}</script><img src=x onerror="{MARK}">'


@pytest.mark.parametrize("path", ["/api/python/execute", "/api/scripts/publish", "/api/ix", "/api/pulse/jobs"])
def test_a_post_from_another_site_is_refused(host: RunningHost, path: str) -> None:
    answer = host.http.post(path, json={"code": "1"}, headers={"Origin": ELSEWHERE})

    assert answer.status_code == 403
    assert ELSEWHERE in answer.json()["error"]


@pytest.mark.parametrize("path", ["/", "/api/canvas", "/api/attestations", "/frame"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(host: RunningHost, path: str) -> None:
    answer = host.http.get(path, headers={"Host": f"evil.example:{httpx.URL(host.url).port}"})

    assert answer.status_code == 403


def test_events_are_not_for_other_sites(host: RunningHost) -> None:
    told = {"Accept": "text/event-stream"}

    assert host.http.get("/api/events", headers={**told, "Origin": ELSEWHERE}).status_code == 403
    assert host.http.get("/api/events", headers={**told, "Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_websocket_from_another_site_is_refused(host: RunningHost) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }

    assert host.http.get("/ws/python", headers={**upgrade, "Origin": ELSEWHERE}).status_code == 403


def test_a_real_page_of_another_site_gets_nothing(browser: Browser, host: RunningHost, tmp_path: Path) -> None:
    """A file's origin is null, and so is as foreign as any."""
    (tmp_path / "evil.html").write_text("<!doctype html><title>evil</title>")
    page = browser.new_page()
    page.goto((tmp_path / "evil.html").as_uri())

    got = page.evaluate(
        """async (url) => {
            const tries = [
                fetch(url + "/api/python/execute", {method: "POST", mode: "no-cors", body: '{"code": "1"}'})
                    .then((answer) => answer.type),
                fetch(url + "/api/canvas").then(() => "read", () => "refused"),
                new Promise((told) => {
                    const events = new EventSource(url + "/api/events");
                    events.onopen = () => told("open");
                    events.onerror = () => told("refused");
                }),
            ];
            return Promise.all(tries);
        }""",
        host.url,
    )

    page.close()
    assert got == ["opaque", "refused", "refused"]


def test_the_document_allows_no_script_but_its_own(host: RunningHost) -> None:
    first, second = host.http.get("/"), host.http.get("/")
    policy = first.headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in first.text
    assert policy != second.headers["Content-Security-Policy"], "a nonce is used once"


def test_the_frame_of_output_has_no_origin_and_reaches_nothing(host: RunningHost) -> None:
    policy = host.http.get("/frame").headers["Content-Security-Policy"]

    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "connect-src" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("name", ["..%2findex.html", "%2e%2e/index.html", "nothing.js", "index.html"])
def test_only_assets_are_served_as_assets(host: RunningHost, name: str) -> None:
    assert host.http.get(f"/assets/{name}").status_code == 404


def test_scripts_in_output_are_text(canvas: Canvas) -> None:
    shown = f"print({SCRIPT!r})\nprint('\\x1b[31mred\\x1b[0m')\nlog({SCRIPT!r}, field={SCRIPT!r})"
    glyph = canvas.place("py", f"{shown}\n{{'key': {SCRIPT!r}, {SCRIPT!r}: 1}}")

    canvas.run(glyph)

    expect(glyph.get_by_role("region", name="Output")).to_contain_text("<script>")
    expect(glyph.locator("pre.stdout")).to_have_text(f"{SCRIPT}\nred\n", use_inner_text=False)
    assert canvas.page.evaluate("window.owned") is None
    assert canvas.page.title() == "QNTX"


def test_html_that_users_code_makes_runs_without_the_pages_origin_and_reaches_nothing(canvas: Canvas) -> None:
    code = '''
class Page:
    def _repr_html_(self):
        return """<p id=shown>shown</p><script>
            const tried = {origin: self.origin};
            try { parent.document.title = "owned" } catch (error) { tried.parent = error.name }
            try { localStorage.length } catch (error) { tried.storage = error.name }
            tried.calls = typeof RTCPeerConnection;
            fetch("/api/canvas").then(() => "reached", () => "refused").then((told) => {
                document.getElementById("shown").textContent = JSON.stringify({...tried, fetch: told});
            });
        </script>"""
Page()'''
    glyph = canvas.place("py", code)

    canvas.run(glyph)

    shown = glyph.frame_locator("iframe").locator("#shown")
    expect(shown).to_contain_text("refused")
    told: dict[str, Any] = json.loads(shown.text_content() or "")
    assert told.pop("calls") == "undefined"
    assert told == {"origin": "null", "parent": "SecurityError", "storage": "SecurityError", "fetch": "refused"}
    assert canvas.page.title() == "QNTX"


def test_scripts_in_an_svg_do_not_run(canvas: Canvas) -> None:
    code = f'''
class Drawing:
    def _repr_svg_(self):
        return """<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><script>{MARK}</script></svg>"""
Drawing()'''
    glyph = canvas.place("py", code)

    canvas.run(glyph)

    expect(glyph.get_by_alt_text("Plot")).to_be_visible()
    assert canvas.page.evaluate("window.owned") is None
    assert canvas.page.title() == "QNTX"


def test_scripts_in_attestations_are_text(canvas: Canvas, host: RunningHost) -> None:
    fields = {name: [SCRIPT] for name in ("subjects", "predicates", "contexts", "actors")}
    made = host.http.post("/api/attestations", json={**fields, "attributes": {SCRIPT: SCRIPT}})
    assert made.status_code == 201, made.text

    canvas.open("attestations", expecting="[role=option]")
    canvas.page.get_by_role("option").first.click()

    expect(canvas.page.get_by_role("region", name="Detail")).to_contain_text("<script>")
    assert canvas.page.evaluate("window.owned") is None
    assert canvas.page.title() == "QNTX"
