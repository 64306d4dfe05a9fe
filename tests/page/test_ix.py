"""The ix glyph: suggests, runs, shows how far it is, edits the script, and helps where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import RUN_TIMEOUT_MS, Canvas

pytestmark = pytest.mark.alone

SLOW = """\
import time
from qntx import last, log, progress

def execute(payload):
    progress(1, 20, "step 1")
    while last(subjects=[payload["input"]], predicates=["page:seen"]) is None:
        time.sleep(0.1)
    log("twenty steps")
    return {"got": payload["input"]}
"""


def test_types_are_suggested_and_the_progress_log_and_result_of_a_run_are_shown(
    canvas: Canvas, host: RunningHost
) -> None:
    host.http.post("/api/scripts/publish", json={"name": "slow", "code": SLOW, "glyph": "py"}).raise_for_status()
    glyph = canvas.place("ix")
    field = glyph.get_by_role("combobox", name="What to ingest")
    field.fill("slo")
    expect(glyph.get_by_role("option")).to_contain_text("slow")
    field.press("ArrowDown")
    field.press("Enter")
    canvas.page.keyboard.type("this-thing")

    canvas.page.keyboard.press("Enter")

    expect(glyph.locator("progress")).to_have_attribute("max", "20", timeout=RUN_TIMEOUT_MS)
    canvas.shot("ix-progress")
    seen = {"subjects": ["this-thing"], "predicates": ["page:seen"], "contexts": ["page"]}
    host.http.post("/api/attestations", json=seen).raise_for_status()
    expect(glyph.get_by_text("completed")).to_be_visible(timeout=RUN_TIMEOUT_MS)
    expect(glyph.get_by_role("log")).to_contain_text("twenty steps")
    expect(glyph.locator(".json-result")).to_contain_text("this-thing")
    canvas.shot("ix-done")


def test_a_bundled_script_runs_on_a_file(canvas: Canvas, repository: Path) -> None:
    glyph = canvas.place("ix")
    glyph.get_by_role("combobox").fill(f"csv {repository / 'tests/data/norris.csv'}")
    canvas.page.keyboard.press("Enter")

    expect(glyph.locator(".status", has_text="completed")).to_be_visible(timeout=RUN_TIMEOUT_MS)
    expect(glyph.locator(".json-result")).to_contain_text("norris.csv")
    glyph.get_by_role("button", name="Edit the script of csv").click()
    glyph.get_by_label("Sample input").fill(str(repository / "tests/data/norris.csv"))
    glyph.get_by_role("button", name="Test").click()
    tried = glyph.get_by_role("region", name="Test result")
    expect(tried.locator(".status", has_text="completed")).to_be_visible(timeout=RUN_TIMEOUT_MS)
    expect(tried.locator(".json-result")).to_contain_text("norris.csv")


def test_where_there_is_no_script_of_that_type_a_glyph_to_write_it_in_is_one_press_away(canvas: Canvas) -> None:
    glyph = canvas.place("ix")
    glyph.get_by_role("combobox").fill("unheard-of data.txt")
    canvas.page.keyboard.press("Enter")
    expect(glyph.get_by_role("alert")).to_contain_text("No ingest script 'unheard-of' found")

    glyph.get_by_role("button", name="Create one").click()

    made = canvas.page.locator(".glyph").nth(1)
    expect(made.get_by_label("Title of unheard-of")).to_have_value("unheard-of")
    expect(made.locator(".cm-content")).to_contain_text("def execute(payload)")
    canvas.shot("ix-create")


def test_the_pencil_opens_the_script_and_saving_publishes_the_next_version(canvas: Canvas, host: RunningHost) -> None:
    code = "def execute(payload):\n    return payload['input'].upper()\n"
    host.http.post("/api/scripts/publish", json={"name": "upper", "code": code, "glyph": "py"}).raise_for_status()
    glyph = canvas.place("ix")
    glyph.get_by_role("combobox").fill("upper x")
    glyph.get_by_role("combobox").press("Escape")
    glyph.get_by_role("button", name="Edit the script of upper").click()
    editor = glyph.get_by_role("region", name="Script upper")

    editor.get_by_label("Sample input").fill("sample")
    editor.get_by_role("button", name="Test").click()
    expect(editor.get_by_role("region", name="Test result")).to_contain_text("SAMPLE", timeout=RUN_TIMEOUT_MS)
    editor.locator(".cm-content").click()
    canvas.page.keyboard.press("Control+End")
    canvas.page.keyboard.insert_text("# changed")
    canvas.shot("ix-editor")
    editor.get_by_role("button", name="Save as version 2").click()

    expect(canvas.page.get_by_role("status")).to_contain_text("Published upper, version 2")
    assert host.http.get("/api/scripts/upper").json()["version"] == 2
