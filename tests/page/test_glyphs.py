"""Glyphs: written, run, stopped, melded, published, and there again after a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import RUN_TIMEOUT_MS, Canvas, saved

pytestmark = pytest.mark.alone

FRAME = """\
import matplotlib.pyplot as plt, pandas as pd
frame = pd.DataFrame({'x': range(250), 'square': [n * n for n in range(250)]})
plt.plot(frame.x, frame.square)
print('made it')
frame"""

INGEST = "def execute(payload):\n    return {'got': payload['input']}"


def test_bio_code_is_written_and_run(canvas: Canvas) -> None:
    glyph = canvas.place("py:bio", "from Bio.Seq import Seq\nprint('translating')\nstr(Seq('ATGGCC').translate())")

    canvas.run(glyph)

    expect(glyph.get_by_role("region", name="Output")).to_contain_text("translating")
    expect(glyph.get_by_role("region", name="Output")).to_contain_text("MA")
    canvas.shot("bio")


def test_a_frame_is_a_table_that_sorts_and_pages_and_a_figure_is_a_picture(canvas: Canvas) -> None:
    glyph = canvas.place("py:data", FRAME)

    canvas.run(glyph)

    expect(glyph.get_by_alt_text("Plot")).to_be_visible()
    expect(glyph.get_by_text("250 rows × 2 columns")).to_be_in_viewport(ratio=1)
    expect(glyph.get_by_role("button", name="Next page")).to_be_in_viewport(ratio=1)
    glyph.get_by_role("button", name="square").click()
    glyph.get_by_role("button", name="square").click()
    expect(glyph.locator("tbody tr").first).to_contain_text("62001")
    glyph.get_by_role("button", name="Next page").click()
    expect(glyph.get_by_text("101–200 of 250")).to_be_visible()
    glyph.get_by_role("button", name="Plot", exact=True).click()
    expect(glyph.locator(".uplot canvas")).to_be_visible()
    canvas.shot("data")


def test_output_streams_and_an_endless_loop_is_stopped(canvas: Canvas) -> None:
    glyph = canvas.place("py", "import time\nprint('began', flush=True)\nwhile True:\n    time.sleep(0.01)")
    glyph.locator(".cm-content").click()
    canvas.page.keyboard.press("Control+Enter")
    expect(glyph.get_by_role("region", name="Output")).to_contain_text("began", timeout=RUN_TIMEOUT_MS)

    glyph.get_by_role("button", name="Stop").click()

    expect(glyph.locator(".elapsed")).to_contain_text("stopped after")
    canvas.shot("stopped")


def test_a_deadline_ends_a_run(canvas: Canvas) -> None:
    glyph = canvas.place("py", "import time\ntime.sleep(60)")
    glyph.get_by_role("button", name="Deadline: the variant's own").click()
    canvas.page.keyboard.type("1")
    canvas.page.keyboard.press("Enter")
    expect(glyph.get_by_role("button", name="Deadline: 1 s")).to_be_focused()

    canvas.run(glyph)

    # The variant's own is half a minute.
    expect(glyph.locator(".elapsed")).to_contain_text(re.compile(r"timed out after [1-9]\."))


def test_the_failing_line_is_marked_and_the_glyph_that_has_the_module_is_one_press_away(canvas: Canvas) -> None:
    lines = "\n" * 40
    glyph = canvas.place("py:bio", f"x = 1{lines}import pandas{lines}pandas.Series([x]).sum()")

    canvas.run(glyph)

    expect(glyph.locator(".cm-failed")).to_have_text("import pandas")
    expect(glyph.locator(".cm-failed")).to_be_in_viewport(ratio=1)
    canvas.shot("failed")
    glyph.get_by_role("button", name="run with py:data").click()
    expect(glyph.locator(".kind")).to_have_text("py:data")
    expect(glyph.locator(".text-result")).to_have_text("1", timeout=RUN_TIMEOUT_MS)


def test_the_script_api_is_completed_with_its_documentation(canvas: Canvas) -> None:
    glyph = canvas.place("py", "")
    glyph.locator(".cm-content").click()
    canvas.page.keyboard.type("attes", delay=40)

    expect(canvas.page.get_by_role("option", name="attestqntx", exact=True)).to_be_visible()
    told = canvas.page.locator(".cm-completionInfo")
    expect(told).to_contain_text("attest(subjects")
    expect(told).to_be_in_viewport(ratio=1)
    canvas.shot("completion")


def test_what_one_glyph_answers_is_upstream_of_the_one_melded_to_it(canvas: Canvas) -> None:
    bio = canvas.place("py:bio", "from Bio.Seq import Seq\n{'protein': str(Seq('ATGGCC').translate())}")
    bio.hover()
    port = bio.get_by_role("button", name="Meld py:bio to another glyph")
    port.click()
    expect(bio.get_by_role("button", name="new py:bio")).to_be_focused()
    canvas.page.keyboard.press("Escape")
    expect(port).to_be_focused()
    port.click()
    bio.get_by_role("button", name="new py:data").click()
    data = canvas.page.locator(".glyph").nth(1)
    data.locator(".cm-content").click()
    canvas.page.keyboard.insert_text("import pandas as pd\npd.Series(list(upstream['protein'])).value_counts()")

    canvas.run(bio)

    expect(data.locator("tbody")).to_contain_text("M", timeout=RUN_TIMEOUT_MS)
    expect(data.locator(".fed-by")).to_contain_text("upstream is what py:bio attests, or else answers")
    canvas.shot("melded")


def test_publishing_checks_the_name_and_asks_before_it_takes_one_again(canvas: Canvas, host: RunningHost) -> None:
    glyph = canvas.place("py:data", INGEST)
    glyph.get_by_role("button", name="Publish as Ingest Script").click()
    dialog = canvas.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Not A Name")
    dialog.get_by_role("button", name="Publish").click()
    expect(dialog.get_by_role("alert")).to_contain_text("lower-case")

    dialog.get_by_label("Name").fill("page-test")
    dialog.get_by_role("button", name="Publish").click()

    expect(canvas.page.get_by_role("status")).to_contain_text("Published page-test, version 1")
    assert host.http.get("/api/scripts/page-test").json()["glyph"] == "py:data"
    glyph.get_by_role("button", name="Publish as Ingest Script").click()
    dialog.get_by_role("button", name="Publish").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is there already, at version 1")
    canvas.shot("publish")
    dialog.get_by_role("button", name="Publish version 2").click()
    expect(canvas.page.get_by_role("status")).to_contain_text("Published page-test, version 2")


def test_everything_is_there_again_after_a_reload(canvas: Canvas) -> None:
    glyph = canvas.place("py", "print('kept')\n6 * 7")
    glyph.get_by_label("Title of py").fill("answer")
    canvas.run(glyph)
    grip = glyph.get_by_role("button", name="Move answer", exact=True)
    grip.focus()
    for _ in range(5):
        canvas.page.keyboard.press("ArrowDown")
    expect(glyph.locator(".text-result")).to_have_text("42")
    place = glyph.get_attribute("style")

    saved(canvas.page)
    canvas.page.reload()

    again = canvas.page.locator(".glyph")
    expect(again).to_have_attribute("style", place or "")
    expect(again.get_by_label("Title of answer")).to_have_value("answer")
    expect(again.locator(".cm-content")).to_contain_text("6 * 7")
    expect(again.locator(".text-result")).to_have_text("42")
    expect(again.get_by_role("region", name="Output")).to_contain_text("kept")


def test_a_glyph_is_moved_resized_and_removed_with_the_pointer(canvas: Canvas) -> None:
    glyph = canvas.place("py", "1")
    before = glyph.bounding_box()
    header = glyph.locator("header .kind").bounding_box()
    assert before
    assert header
    canvas.page.mouse.move(header["x"] + 4, header["y"] + 4)
    canvas.page.mouse.down()
    canvas.page.mouse.move(header["x"] + 84, header["y"] + 44, steps=4)
    canvas.page.mouse.up()
    corner = glyph.locator(".resize").bounding_box()
    assert corner
    canvas.page.mouse.move(corner["x"] + 8, corner["y"] + 8)
    canvas.page.mouse.down()
    canvas.page.mouse.move(corner["x"] + 72, corner["y"] + 56, steps=4)
    canvas.page.mouse.up()
    after = glyph.bounding_box()
    assert after

    assert (after["x"] - before["x"], after["y"] - before["y"]) == (80, 40)
    assert (after["width"] - before["width"], after["height"] - before["height"]) == (64, 48)
    glyph.get_by_role("button", name=re.compile("^Remove")).click()
    expect(canvas.page.locator(".glyph")).to_have_count(0)
