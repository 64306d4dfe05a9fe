"""The page: until one can work in it, and how soon it answers, with much in it."""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright
from tests.bench.measure import Row, row
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import FLAGS, VARIANTS

from qntx.host.home import Home

ATTESTATIONS = 10_000
JOBS = 500
FRAME_ROWS = 100_000
GLYPHS = 50
LOADS = 7
STEPS = 100
WAIT_MS = 120_000
BUILT = Path(__file__).parents[2] / "chassis" / "src" / "qntx" / "host" / "page"

ATTEST = f"""\
attest_many({{"subjects": [f"S{{n}}"], "predicates": ["bench:row"], "contexts": ["bench"], "attributes": {{"n": n}}}}
            for n in range({ATTESTATIONS}))
None"""
FRAME = f"""\
import numpy as np, pandas as pd
pd.DataFrame({{name: np.random.default_rng(1).random({FRAME_ROWS}) for name in "abcde"}})"""

PRESSED = """async ([selector, key, times]) => {
    const target = document.querySelector(selector);
    target.focus();
    const taken = [];
    for (let turn = 0; turn < times; turn++) {
        const began = performance.now();
        target.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
        await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
        taken.push(performance.now() - began);
    }
    return taken;
}"""
"""From a key to the frame that shows what it did, in milliseconds."""
TYPED = """async ([selector, times]) => {
    document.querySelector(selector).focus();
    const taken = [];
    for (let turn = 0; turn < times; turn++) {
        const began = performance.now();
        document.execCommand("insertText", false, "x");
        await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
        taken.push(performance.now() - began);
    }
    return taken;
}"""
"""The same, for letters in an editor."""


def rows() -> Sequence[Row]:
    scripts = [len(gzip.compress(path.read_bytes())) for path in BUILT.glob("assets/*.js")]
    at_once = max(scripts)
    sizes = [
        Row("JavaScript, gzipped", sum(scripts) / 1000, "kB", note="all of it; 250 kB allowed"),
        Row("of which before anything is seen", at_once / 1000, "kB", note="the rest when the first plot is drawn"),
    ]
    chromium = shutil.which("chromium")
    if chromium is None:
        return [*sizes, Row("in a browser", 0, "", note="Chromium is not installed")]
    with (
        _host() as host,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=FLAGS) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(WAIT_MS)
        return [*sizes, *_canvas(page, host), *_frame(page, host), *_lists(page, host)]


def _canvas(page: Page, host: RunningHost) -> Iterator[Row]:
    yield row("until one can work, empty canvas", _loads(page, host, "[role=toolbar] >> text=+ py"), "ms")
    for number in range(GLYPHS):
        place = {"x": 40 + number % 5 * 520, "y": 40 + number // 5 * 330, "width": 480, "height": 290}
        body = {"symbol": "py", "content": f"value = {number}\nvalue * 2\n" * 10, **place}
        host.http.put(f"/api/canvas/bench-{number}", json=body).raise_for_status()
    yield row(f"until one can work, {GLYPHS} glyphs", _loads(page, host, ".glyph .cm-content"), "ms")
    moved = page.evaluate(PRESSED, [".grip", "ArrowRight", STEPS])
    yield _answered(f"a step of one of {GLYPHS} glyphs", moved)
    yield _answered(f"a step of the zoom, {GLYPHS} glyphs", _zoomed(page))
    yield _answered(f"a letter in one of {GLYPHS} glyphs", _typed(page))


def _frame(page: Page, host: RunningHost) -> Iterator[Row]:
    for number in range(GLYPHS):
        host.http.delete(f"/api/canvas/bench-{number}")
    body = {"symbol": "py:data", "content": FRAME, "width": 700, "height": 600}
    host.http.put("/api/canvas/bench-frame", json=body).raise_for_status()
    page.reload()
    page.locator(".cm-content").click()
    began = time.perf_counter()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".table tbody tr")
    yield Row(f"a frame of {FRAME_ROWS:,} rows, run to shown", (time.perf_counter() - began) * 1000, "ms")
    taken = []
    for _ in range(9):
        began = time.perf_counter()
        page.locator("thead button").first.click()
        page.evaluate("new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)))")
        taken.append((time.perf_counter() - began) * 1000)
    yield row(f"sorting {FRAME_ROWS:,} rows", taken, "ms")


def _lists(page: Page, host: RunningHost) -> Iterator[Row]:
    assert host.execute(ATTEST, "py")["success"]
    shown = f"text=/^({ATTESTATIONS:,}|the latest {ATTESTATIONS:,})$/"
    yield row(f"{ATTESTATIONS:,} attestations, until all are there", _loads(page, host, shown, "attestations", 3), "ms")
    yield _answered(f"a step in {ATTESTATIONS:,} attestations", page.evaluate(PRESSED, [".list", "ArrowDown", STEPS]))
    for number in range(JOBS):
        job = {"handler_name": "nowhere/nothing", "source": f"bench {number}"}
        host.http.post("/api/pulse/jobs", json=job).raise_for_status()
    yield row(f"{JOBS} jobs, until they are there", _loads(page, host, ".list-row", "jobs", 3), "ms")
    yield _answered(f"a step in {JOBS} jobs", page.evaluate(PRESSED, [".list", "ArrowDown", STEPS]))


def _zoomed(page: Page) -> list[float]:
    """In and out in turn."""
    return [page.evaluate(PRESSED, [".canvas", key, 1])[0] for key in ("-", "+") * (STEPS // 2)]


def _typed(page: Page) -> list[float]:
    taken: list[float] = page.evaluate(TYPED, [".glyph .cm-content", STEPS])
    return taken


def _loads(page: Page, host: RunningHost, until: str, section: str = "canvas", times: int = LOADS) -> list[float]:
    taken = []
    for _ in range(times):
        page.goto("about:blank")
        began = time.perf_counter()
        page.goto(f"{host.url}/#/{section}")
        page.wait_for_selector(until)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _answered(name: str, taken: list[float]) -> Row:
    return row(name, taken, "ms", note=f"to the next frame; p95 {statistics.quantiles(taken, n=20)[18]:.0f} ms")


@contextmanager
def _host() -> Iterator[RunningHost]:
    built = Home.find()
    with TemporaryDirectory() as folder:
        own = Home(Path(folder))
        own.create()
        for name in VARIANTS:
            os.symlink(built.plugins / f"qntx-{name}-plugin", own.plugins / f"qntx-{name}-plugin")
        running = RunningHost(own)
        try:
            for name in VARIANTS:
                running.until_state(name, "running")
            yield running
        finally:
            running.close()
