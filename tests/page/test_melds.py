"""Melded glyphs: the host runs the chain, whether a page is open or not, and every page shows what came of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import RUN_TIMEOUT_MS, Canvas, saved

pytestmark = pytest.mark.alone

TRANSLATE = "from Bio.Seq import Seq\n{'protein': str(Seq('ATGGCC').translate())}"
COUNT = "import pandas as pd\npd.Series(list(upstream['protein'])).value_counts()"
ATTEST = "for letter in 'AB':\n    attest([letter], ['page:letter'], ['page'])\n'not fed on'"


def melded(canvas: Canvas, source: str, target: str, symbol: str = "py:data") -> tuple[Locator, Locator]:
    """A py:bio glyph and one that it feeds."""
    bio = canvas.place("py:bio", source)
    bio.hover()
    bio.get_by_role("button", name="Meld py:bio to another glyph").click()
    bio.get_by_role("button", name=f"new {symbol}", exact=True).click()
    fed = canvas.page.locator(".glyph").nth(1)
    fed.locator(".cm-content").click()
    canvas.page.keyboard.insert_text(target)
    saved(canvas.page)
    return bio, fed


def test_a_chain_runs_while_no_page_is_open_and_its_results_are_there_in_the_next(
    canvas: Canvas, host: RunningHost
) -> None:
    melded(canvas, TRANSLATE, COUNT)
    bio, data = host.http.get("/api/canvas").json()["glyphs"]
    canvas.page.goto("about:blank")

    host.execute(bio["content"], "py:bio", glyph_id=bio["id"])
    host.until(lambda: host.http.get(f"/api/canvas/{data['id']}/result").json()["result"])

    canvas.open(expecting=".glyph")
    glyphs = canvas.page.locator(".glyph")
    expect(glyphs.nth(0).locator(".json-result")).to_contain_text("MA")
    expect(glyphs.nth(1).locator("tbody")).to_contain_text("M")
    canvas.shot("melded-without-a-page")


def test_a_run_that_was_asked_for_elsewhere_is_shown_as_it_happens(canvas: Canvas, host: RunningHost) -> None:
    counting = "import time\nprint('counting')\nprogress(1, 4, 'a quarter')\ndisplay({'so': 'far'})\ntime.sleep(60)"
    bio, data = melded(canvas, TRANSLATE, counting, "py")
    (source, _) = host.http.get("/api/canvas").json()["glyphs"]

    host.execute(source["content"], "py:bio", glyph_id=source["id"])

    expect(bio.locator(".json-result")).to_contain_text("MA")
    output = data.get_by_role("region", name="Output")
    expect(output).to_contain_text("counting", timeout=RUN_TIMEOUT_MS)
    expect(output.get_by_role("progressbar")).to_have_attribute("max", "4")
    expect(output).to_contain_text("'so': 'far'")
    canvas.shot("melded-streams")
    canvas.page.reload()
    expect(output).to_contain_text("counting")
    data.get_by_role("button", name="Stop").click()
    expect(data.locator(".elapsed")).to_contain_text("stopped after")
    expect(data.get_by_role("region", name="Output")).to_contain_text("counting")


def test_what_a_glyph_attests_sets_off_the_next_with_the_attestation_as_upstream(
    canvas: Canvas, host: RunningHost
) -> None:
    bio, fed = melded(canvas, ATTEST, "upstream.subjects", "py")

    canvas.run(bio)

    expect(fed.locator(".json-result")).to_contain_text("B", timeout=RUN_TIMEOUT_MS)
    assert host.http.get("/api/attestations?predicate=answered&context=canvas&subject=none").json() == []


def test_what_an_ix_line_answers_is_fed_on(canvas: Canvas, host: RunningHost) -> None:
    code = "def execute(payload):\n    return {'rows': 3}\n"
    host.http.post("/api/scripts/publish", json={"name": "three", "code": code, "glyph": "py"}).raise_for_status()
    ix = canvas.place("ix")
    ix.get_by_role("combobox").fill("three x")
    ix.get_by_role("combobox").press("Escape")
    ix.hover()
    ix.get_by_role("button", name="Meld ix to another glyph").click()
    ix.get_by_role("button", name="new py", exact=True).click()
    fed = canvas.page.locator(".glyph").nth(1)
    fed.locator(".cm-content").click()
    canvas.page.keyboard.insert_text("upstream['rows'] + 1")
    saved(canvas.page)

    ix.get_by_role("button", name="Ingest").click()

    expect(fed.locator(".text-result")).to_have_text("4", timeout=RUN_TIMEOUT_MS)


def test_glyphs_are_melded_by_dragging_and_a_circle_is_refused(canvas: Canvas, host: RunningHost) -> None:
    first, second = canvas.place("py", "21"), canvas.place("py:data", "upstream * 2")
    drag(canvas, first, second)
    expect(second.locator(".fed-by")).to_contain_text("upstream is what py attests")
    drag(canvas, second, first)
    expect(canvas.page.get_by_role("status")).to_contain_text("feed each other for ever")
    saved(canvas.page)
    assert [one["name"] for one in host.http.get("/api/watchers").json() if one["plugin"] == "canvas"] == [
        "py → py:data"
    ]

    canvas.run(first)
    expect(second.locator(".text-result")).to_have_text("42", timeout=RUN_TIMEOUT_MS)
    second.get_by_role("button", name="unmeld").click()
    saved(canvas.page)

    assert [one for one in host.http.get("/api/watchers").json() if one["plugin"] == "canvas"] == []


def test_a_removed_glyph_comes_back_with_its_answer_and_its_melds(canvas: Canvas, host: RunningHost) -> None:
    bio, fed = melded(canvas, "{'n': 21}", "upstream['n'] * 2", "py")
    canvas.run(bio)
    expect(fed.locator(".text-result")).to_have_text("42", timeout=RUN_TIMEOUT_MS)
    bio.get_by_role("button", name="Remove py:bio").click()
    expect(canvas.page.locator(".canvas")).to_be_focused()
    expect(canvas.page.locator(".fed-by")).to_have_count(0)
    saved(canvas.page)

    canvas.page.get_by_role("button", name="Undo").click()

    back = canvas.page.locator(".glyph[data-kind='py:bio']")
    expect(back.locator(".json-result")).to_contain_text("21")
    expect(canvas.page.locator(".fed-by")).to_contain_text("py:bio")
    path = f"/api/canvas/{back.get_attribute('data-glyph')}/result"
    host.until(lambda: host.http.get(path).json()["result"])
    saved(canvas.page)
    canvas.page.reload()
    expect(back.locator(".json-result")).to_contain_text("21")
    expect(canvas.page.locator(".fed-by")).to_contain_text("py:bio")


def drag(canvas: Canvas, source: Locator, target: Locator) -> None:
    source.hover()
    port, into = source.locator(".port").bounding_box(), target.locator(".kind").bounding_box()
    assert port
    assert into
    canvas.page.mouse.move(port["x"] + 13, port["y"] + 13)
    canvas.page.mouse.down()
    canvas.page.mouse.move(into["x"] + 4, into["y"] + 4, steps=6)
    canvas.page.mouse.up()
