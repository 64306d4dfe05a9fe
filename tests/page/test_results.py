"""Results: what each can be copied and downloaded as, and the editor that they come from."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from tests.page.conftest import RUN_TIMEOUT_MS, Canvas

pytestmark = pytest.mark.alone

LARGE = """\
import numpy as np, pandas as pd
pd.DataFrame({'n': np.arange(100_000), 'half': np.arange(100_000) / 2})"""
PICTURE = """\
import matplotlib.pyplot as plt, pandas as pd
plt.plot([1, 2])
pd.DataFrame({'a': [1, None], 'b': ['x, y', 'z']})"""


def test_every_form_of_a_result_is_copied_and_downloaded(canvas: Canvas) -> None:
    glyph = canvas.place("py:data", "'some text'")
    canvas.run(glyph)
    assert canvas.copied(glyph, "Copy result") == "some text"

    write(canvas, "{'a': [1, {'b': None}]}")
    canvas.run(glyph)
    assert json.loads(canvas.copied(glyph, "Copy JSON")) == {"a": [1, {"b": None}]}
    name, content = canvas.downloaded(glyph, "Download JSON")
    assert (name, json.loads(content)) == ("result.json", {"a": [1, {"b": None}]})

    write(canvas, PICTURE)
    canvas.run(glyph)
    assert canvas.copied(glyph, "Copy table") == "\ta\tb\n0\t1\tx, y\n1\t\tz\n"
    assert canvas.downloaded(glyph, "Download CSV") == ("table.csv", b',a,b\n0,1,"x, y"\n1,,z\n')
    name, content = canvas.downloaded(glyph, "Download plot.png")
    assert (name, content[:4]) == ("plot.png", b"\x89PNG")

    write(canvas, "1 / 0")
    canvas.run(glyph)
    assert canvas.copied(glyph, "Copy error").endswith("ZeroDivisionError: division by zero\n")


def test_a_hundred_thousand_rows_are_paged_and_sorted(canvas: Canvas) -> None:
    glyph = canvas.place("py:data", LARGE)

    canvas.run(glyph)

    expect(glyph.get_by_text("100,000 rows × 2 columns")).to_be_visible(timeout=RUN_TIMEOUT_MS)
    glyph.get_by_role("button", name="Last page").click()
    expect(glyph.get_by_text("99,901–100,000 of 100,000")).to_be_visible()
    expect(glyph.locator("tbody tr").last).to_contain_text("99999")
    glyph.get_by_role("button", name="half").click()
    glyph.get_by_role("button", name="half").click()
    expect(glyph.locator("tbody tr").first).to_contain_text("49999.5")
    glyph.get_by_role("button", name="Next page").click()
    glyph.get_by_role("button", name="Previous page").click()
    glyph.get_by_role("button", name="First page", disabled=True).wait_for()
    canvas.page.reload()
    expect(glyph.get_by_text("100,000 rows × 2 columns")).to_be_visible()


def test_a_name_of_the_script_api_is_completed_and_says_on_hover_what_it_does(canvas: Canvas) -> None:
    glyph = canvas.place("py", "")
    glyph.locator(".cm-content").click()
    canvas.page.keyboard.type("progr", delay=30)
    canvas.page.get_by_role("option", name="progress").first.wait_for()
    canvas.page.wait_for_timeout(200)  # The editor ignores an Enter that was meant for what was there before.
    canvas.page.keyboard.press("Enter")
    canvas.page.keyboard.type("(1, 2)")
    expect(glyph.locator(".cm-content")).to_have_text("progress(1, 2)")

    glyph.locator(".cm-line").get_by_text("progress").hover()

    expect(canvas.page.locator(".cm-tooltip-hover .name-doc")).to_contain_text("progress(current")
    canvas.shot("hover")


def write(canvas: Canvas, code: str) -> None:
    """In place of what is in the glyph."""
    canvas.page.locator(".glyph .cm-content").click()
    canvas.page.keyboard.press("Control+a")
    canvas.page.keyboard.insert_text(code)
