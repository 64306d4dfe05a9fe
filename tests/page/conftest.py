"""The page as a person has it: Chromium, a host of its own, and the real plugins."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright
from tests.integration.host.conftest import RunningHost

from qntx.host.home import Home

VARIANTS = ("bio", "data", "python")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RUN_TIMEOUT_MS = 60_000
PATIENCE_MS = 20_000
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


expect.set_options(timeout=PATIENCE_MS)


class Canvas:
    """What a person does on the page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, section: str = "canvas", expecting: str = "main") -> None:
        self.page.goto(f"{self.url}/#/{section}")
        self.page.wait_for_selector(expecting)

    def look(self, section: str) -> Locator:
        """A section that has something in it, with the first of that opened beside the list; returns the detail."""
        self.open(section, expecting=f"h1 >> text=/^{section}/i")
        self.page.locator(".list [role=option], button.card").first.click()
        detail = self.page.get_by_role("region", name="Detail")
        detail.locator("h2").wait_for()
        detail.locator(".loading").wait_for(state="detached")
        return detail

    def place(self, symbol: str, code: str = "") -> Locator:
        """A new glyph of that kind with that code in it."""
        count = self.page.locator(".glyph").count()
        self.page.get_by_role("toolbar").get_by_role("button", name=re.compile(rf"^\+ {symbol}$")).click()
        glyph = self.page.locator(".glyph").nth(count)
        glyph.wait_for()
        if code:
            glyph.locator(".cm-content").click()
            self.page.keyboard.insert_text(code)
        return glyph

    def run(self, glyph: Locator) -> None:
        """With the keyboard, until it has ended."""
        glyph.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        glyph.get_by_role("button", name="Run", exact=True).wait_for(timeout=RUN_TIMEOUT_MS)

    def copied(self, within: Locator, button: str) -> str:
        """What that button puts on the clipboard."""
        within.get_by_role("button", name=button).click()
        self.page.get_by_role("status").get_by_text("Copied.").wait_for()
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text

    def downloaded(self, within: Locator, button: str) -> tuple[str, bytes]:
        """The name and the content of the file that button hands out."""
        with self.page.expect_download() as downloading:
            within.get_by_role("button", name=button).click()
        return downloading.value.suggested_filename, Path(downloading.value.path()).read_bytes()

    def shot(self, name: str) -> None:
        """A picture to look at, kept by CI."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def saved(page: Page) -> None:
    """Return once the host has all that was changed: what a page still sends as it closes would meet the next test."""
    if page.locator(".canvas-room").count():
        page.locator(".canvas-room[data-keeping=saved]").wait_for(state="attached")


@pytest.fixture(scope="session")
def chromium() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return program


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Its event loop runs for as long as it is there, so that nothing async is run in the modules of the page."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    with playwright.chromium.launch(executable_path=chromium, args=FLAGS) as launched:
        yield launched


@pytest.fixture(scope="package")
def host(home: Home, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host with bio, data and python, all running. Tests of the page share it; `page` empties its canvas."""
    own = Home(tmp_path_factory.mktemp("home"))
    own.create()
    for name in VARIANTS:
        program = home.plugins / f"qntx-{name}-plugin"
        if not program.exists():
            pytest.fail(f"variant {name} is not built in {home.root}: `make test` builds it", pytrace=False)
        (own.plugins / program.name).symlink_to(program)
    running = RunningHost(own)
    for name in VARIANTS:
        running.until_state(name, "running")
    yield running
    running.close()


@pytest.fixture
def page(browser: Browser, host: RunningHost) -> Iterator[Page]:
    """A window of its own. What it asks of anyone but the host, or complains of, fails the test."""
    for glyph in host.http.get("/api/canvas").json()["glyphs"]:
        host.http.delete(f"/api/canvas/{glyph['id']}")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    window = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.on("pageerror", lambda error: wrong.append(str(error)))
    yield window
    saved(window)
    context.close()
    own = urlsplit(host.url).netloc
    strangers = [url for url in asked if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != own]
    assert strangers == []
    assert wrong == []


@pytest.fixture
def canvas(page: Page, host: RunningHost) -> Canvas:
    opened = Canvas(page, host.url)
    opened.open(expecting="[role=toolbar] >> text=+ py:data")
    return opened


@pytest.fixture(scope="module")
def axe(repository: Path) -> str:
    script = repository / "chassis" / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("axe-core is not installed: npm ci in chassis/web")
    return script.read_text()


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds, in a line each."""
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {iframes: false}).then(({violations}) => violations)"
    )
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for each in found for node in each["nodes"]
    ]
