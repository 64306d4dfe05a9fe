"""A host that demands tokens: the way in, what each role finds, and the way back in without a loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import PATIENCE_MS, RUN_TIMEOUT_MS, Canvas, saved, violations

from qntx.host.access.roles import Role
from qntx.host.access.tokens import Tokens
from qntx.host.home import Home

pytestmark = pytest.mark.alone


@dataclass
class Guarded:
    """A host, and who may come in."""

    host: RunningHost
    tokens: Tokens
    admin: str


@pytest.fixture(scope="module")
def guarded(home: Home, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    own = Home(tmp_path_factory.mktemp("home"))
    own.create()
    (own.plugins / "qntx-python-plugin").symlink_to(home.plugins / "qntx-python-plugin")
    tokens = Tokens(own.tokens)
    admin = tokens.create("owner", Role.ADMIN)
    running = RunningHost(own, "[host]\nrequire_token = true\n")
    running.http.headers["Authorization"] = f"Bearer {admin}"
    running.until_state("python", "running")
    yield Guarded(running, tokens, admin)
    running.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert wrong == []


def enter(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_a_wrong_token_is_said_at_its_field_and_the_form_passes_axe(
    window: Page, guarded: Guarded, axe: str, shade: str
) -> None:
    window.emulate_media(color_scheme=shade)  # type: ignore[arg-type]
    window.goto(guarded.host.url)
    expect(window.get_by_role("dialog", name="Log in")).to_be_visible()
    expect(window.get_by_label("Token")).to_be_focused()
    enter(window, "qntx_wrong")
    expect(window.get_by_role("alert")).to_contain_text("not known")
    Canvas(window, guarded.host.url).shot(f"login-{shade}")

    assert violations(window, axe) == []
    assert "qntx_" not in window.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")


def test_who_may_only_read_is_told_so_wherever_it_takes_more(window: Page, guarded: Guarded) -> None:
    guarded.host.http.put("/api/canvas/kept", json={"symbol": "py", "content": "1 + 1", "width": 480, "height": 300})
    canvas = Canvas(window, guarded.host.url)
    window.goto(guarded.host.url)

    enter(window, guarded.tokens.create("visitor", Role.READ))

    expect(window.get_by_text("may only read")).to_be_visible()
    glyph = window.locator(".glyph")
    run = glyph.get_by_role("button", name="Run", exact=True)
    expect(run).to_have_attribute("aria-disabled", "true")
    expect(run).to_have_attribute("title", "Your token may only read; this takes a token with the role run.")
    run.click(force=True)
    expect(window.get_by_role("status")).to_contain_text("takes a token with the role run")
    expect(window.get_by_role("toolbar", name="Place a glyph").get_by_role("button").first).to_have_attribute(
        "aria-disabled", "true"
    )
    glyph.locator(".cm-content").click()
    window.keyboard.type("9")
    window.keyboard.press("Control+Enter")
    canvas.shot("login-read")
    canvas.open("plugins/python", expecting=".detail h2")
    expect(window.get_by_role("button", name="Restart")).to_have_attribute("aria-disabled", "true")
    assert guarded.host.http.get("/api/canvas").json()["glyphs"][0]["content"] == "1 + 1"

    window.get_by_role("button", name="Log out").click()
    expect(window.get_by_role("dialog", name="Log in")).to_be_visible()


def test_whose_token_is_withdrawn_logs_in_again_and_has_lost_nothing(window: Page, guarded: Guarded) -> None:
    window.goto(guarded.host.url)
    enter(window, guarded.tokens.create("laptop", Role.RUN))
    canvas = Canvas(window, guarded.host.url)
    expect(window.get_by_text("may run")).to_be_visible()
    for glyph in guarded.host.http.get("/api/canvas").json()["glyphs"]:
        guarded.host.http.delete(f"/api/canvas/{glyph['id']}")
    window.reload()
    window.get_by_role("toolbar", name="Place a glyph").wait_for()
    glyph = canvas.place("py", "'before'")
    saved(window)

    guarded.tokens.revoke("laptop")
    glyph.locator(".cm-content").click()
    window.keyboard.press("Control+a")
    window.keyboard.insert_text("'typed after'")
    expect(window.get_by_role("dialog", name="Log in again")).to_be_visible()
    canvas.shot("login-again")
    enter(window, guarded.admin)

    saved(window)
    assert guarded.host.http.get("/api/canvas").json()["glyphs"][0]["content"] == "'typed after'"
    canvas.run(glyph)
    expect(glyph.locator(".text-result")).to_have_text("typed after", timeout=RUN_TIMEOUT_MS)
    job = {"handler_name": "python/python.nothing", "source": "after the login"}
    canvas.open("jobs")
    guarded.host.http.post("/api/pulse/jobs", json=job).raise_for_status()
    expect(window.locator(".list [role=option]").first).to_contain_text("after the login")
