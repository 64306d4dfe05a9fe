"""Panels: what each shows, from the keyboard, on a phone, in dark and light, and to a screen reader."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import RUN_TIMEOUT_MS, Canvas, violations

pytestmark = pytest.mark.alone

SECTIONS = ("jobs", "scripts", "handlers", "watchers", "attestations", "plugins", "audit")
HANDLER = '''\
"""Counts letters."""
from qntx import attest, schedule, watch

@watch("letters:new", context="page")
def count(upstream):
    attest(upstream.subjects, ["letters:counted"], ["page"], attributes={"length": len(upstream.subjects[0])})

@schedule(every="1h")
def sweep():
    pass
'''


@pytest.fixture(scope="module")
def busy(host: RunningHost) -> RunningHost:
    """With something of everything."""
    handler = {
        "subjects": ["letters"],
        "predicates": ["handler"],
        "contexts": ["python"],
        "attributes": {"code": HANDLER},
    }
    host.http.post("/api/attestations", json=handler).raise_for_status()
    host.until(lambda: any("letters" in str(one) for one in host.http.get("/api/watchers").json()))
    host.http.post("/api/attestations", json={"subjects": ["abc"], "predicates": ["letters:new"], "contexts": ["page"]})
    host.until(lambda: host.http.get("/api/attestations?predicate=letters:counted").json())
    for number in (1, 2):
        code = f"def execute(payload):\n    return {number}\n"
        host.http.post("/api/scripts/publish", json={"name": "versions", "code": code}).raise_for_status()
    job = host.http.post("/api/ix", json={"line": "ix versions thing"}).json()["id"]
    host.until(lambda: host.http.get(f"/api/pulse/jobs/{job}").json()["status"] == "completed")
    return host


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_every_section_passes_axe(canvas: Canvas, busy: RunningHost, axe: str, shade: str) -> None:
    canvas.page.emulate_media(color_scheme=shade)  # type: ignore[arg-type]
    glyph = canvas.place("py:data", "import pandas as pd\nprint('text')\npd.DataFrame({'a': [1, 2], 'b': ['x', None]})")
    canvas.run(glyph)
    canvas.place("ix")
    found: dict[str, list[str]] = {}
    for section in ("canvas", *SECTIONS):
        if section != "canvas":
            canvas.look(section)
        canvas.shot(f"{section}-{shade}")
        if wrong := violations(canvas.page, axe):
            found[section] = wrong

    assert found == {}, json.dumps(found, indent=2)


def test_every_section_fits_a_phone(canvas: Canvas, busy: RunningHost) -> None:
    canvas.page.set_viewport_size({"width": 375, "height": 720})
    wide: dict[str, int] = {}
    for section in ("canvas", *SECTIONS):
        if section != "canvas":
            canvas.look(section)
        canvas.shot(f"{section}-phone")
        width: int = canvas.page.evaluate("document.documentElement.scrollWidth")
        if width > 375:
            wide[section] = width

    assert wide == {}


def test_a_job_shows_its_result_and_a_script_the_difference_of_its_versions(canvas: Canvas, busy: RunningHost) -> None:
    canvas.open("jobs", expecting="[role=option]")
    canvas.page.get_by_role("option").filter(has_text="ix versions").click()
    expect(canvas.page.get_by_role("region", name="Detail")).to_contain_text("completed")

    canvas.open("scripts/versions", expecting=".diff")

    expect(canvas.page.locator(".diff .removed")).to_contain_text("return 1")
    expect(canvas.page.locator(".diff .added")).to_contain_text("return 2")


def test_a_handler_shows_what_sets_it_off_and_runs(canvas: Canvas, busy: RunningHost) -> None:
    canvas.open("handlers", expecting="[role=option]")
    canvas.page.get_by_role("option").filter(has_text="letters").click()
    detail = canvas.page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text("letters:new in page")
    expect(detail.locator(".cm-content")).to_contain_text("def count(upstream)")

    detail.get_by_role("button", name="Run", exact=True).click()

    expect(canvas.page).to_have_url(re.compile("#/jobs/"))


def test_the_focus_goes_back_to_what_opened_a_detail(canvas: Canvas, busy: RunningHost) -> None:
    for section, opener in (("jobs", ".list"), ("watchers", "button.card")):
        detail = canvas.look(section)

        detail.get_by_role("button", name="Back to the list").click()

        expect(canvas.page.locator(opener).first).to_be_focused()
        expect(detail).to_have_count(0)
    canvas.page.set_viewport_size({"width": 375, "height": 720})
    expect(canvas.look("jobs").get_by_role("button", name="Back to the list")).to_be_focused()


def test_an_attestation_shows_what_caused_it_and_what_it_set_off(canvas: Canvas, busy: RunningHost) -> None:
    cause = busy.http.get("/api/attestations?predicate=letters:new").json()[0]["id"]
    effect = busy.http.get("/api/attestations?predicate=letters:counted").json()[0]["id"]

    canvas.open(f"attestations/{effect}", expecting=".chain")
    expect(canvas.page.locator(".chain a").first).to_have_attribute("href", f"#/attestations/{cause}")
    canvas.open(f"attestations/{cause}", expecting=".chain")
    expect(canvas.page.locator(".chain")).to_contain_text("set off")


def test_attestations_are_filtered_and_followed(canvas: Canvas, busy: RunningHost) -> None:
    canvas.open("attestations", expecting="[role=option]")
    with canvas.page.expect_response(lambda answer: "/api/events" in answer.url and "followed" in answer.url):
        canvas.page.get_by_label("predicate").fill("page:followed")
    expect(canvas.page.get_by_role("heading", name="No attestation matches")).to_be_visible()

    made = {"subjects": ["followed"], "predicates": ["page:followed"], "contexts": ["page"]}
    busy.http.post("/api/attestations", json=made).raise_for_status()

    expect(canvas.page.get_by_role("option")).to_contain_text("followed")


def test_a_plugin_shows_what_it_says_and_is_restarted(canvas: Canvas, busy: RunningHost) -> None:
    canvas.open("plugins/bio", expecting=".detail h2")
    expect(canvas.page.get_by_role("log")).to_contain_text("serves on")
    before = busy.plugin("bio")["pid"]

    canvas.page.get_by_role("button", name="Restart").click()

    busy.until(lambda: (now := busy.plugin("bio"))["state"] == "running" and now["pid"] != before)


def test_the_command_palette_goes_anywhere_and_places_glyphs(canvas: Canvas) -> None:
    canvas.page.keyboard.press("Control+k")
    canvas.page.keyboard.type("audit")
    canvas.page.keyboard.press("Enter")
    expect(canvas.page).to_have_url(re.compile("#/audit$"))

    canvas.page.keyboard.press("Control+k")
    canvas.page.keyboard.type("new py:bio")
    canvas.page.keyboard.press("Enter")
    expect(canvas.page.locator(".glyph .cm-content")).to_be_focused()
    canvas.page.keyboard.insert_text("40 + 2")
    canvas.page.keyboard.press("Control+Enter")
    expect(canvas.page.locator(".text-result")).to_have_text("42", timeout=RUN_TIMEOUT_MS)

    canvas.page.keyboard.press("Alt+2")
    expect(canvas.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


def test_a_script_is_exported_signed_and_imported_again(canvas: Canvas, busy: RunningHost, tmp_path: Path) -> None:
    canvas.open("scripts/versions", expecting=".diff")
    with canvas.page.expect_download() as downloading:
        canvas.page.get_by_role("button", name="Export, signed by this node").click()
    file = tmp_path / "versions.json"
    downloading.value.save_as(file)

    canvas.page.locator("input[type=file]").set_input_files(file)

    expect(canvas.page.get_by_role("status")).to_contain_text("Published versions, version 3, signed by did:key:")


def test_a_job_is_paused_resumed_cancelled_and_retried_and_shows_its_children(
    canvas: Canvas, busy: RunningHost
) -> None:
    parent = queued(busy, "parent")
    child = queued(busy, "child", parent_id=parent)
    canvas.open(f"jobs/{parent}", expecting=".detail h2")
    detail = canvas.page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text("Waits for")
    for button, state in (("Pause", "paused"), ("Resume", "queued"), ("Cancel", "cancelled"), ("Retry", "queued")):
        detail.get_by_role("button", name=button).click()
        expect(detail.locator(".detail-actions .status")).to_have_text(state)
    detail.get_by_role("link", name="child").click()
    expect(canvas.page).to_have_url(re.compile(child))
    detail.get_by_role("link", name=parent).click()
    expect(canvas.page).to_have_url(re.compile(parent))

    canvas.open("jobs/nothing", expecting="text=no job 'nothing'")
    canvas.page.get_by_role("combobox", name="State").select_option("completed")
    expect(canvas.page.get_by_role("option").filter(has_text="ix versions")).to_be_visible()
    expect(canvas.page.locator(".list-row").filter(has_text="child")).to_have_count(0)
    for job in (parent, child):
        busy.http.post(f"/api/pulse/jobs/{job}/cancel").raise_for_status()


def test_the_audit_is_verified_with_both_verdicts_and_proves_one(canvas: Canvas, busy: RunningHost) -> None:
    canvas.open("audit", expecting=".list-row")
    count = canvas.page.locator(".panel-head").get_by_text(" capsules").text_content()
    busy.http.post("/api/ix", json={"line": "ix versions audited"}).raise_for_status()
    expect(canvas.page.locator(".panel-head")).not_to_contain_text(count or "")
    canvas.page.get_by_role("button", name="Verify").click()
    expect(canvas.page.locator(".verdict.good")).to_have_count(2)
    canvas.page.get_by_role("button", name="Checkpoint", exact=True).click()
    assert canvas.copied(canvas.page.locator(".checkpoint"), "Copy checkpoint").strip()

    canvas.page.locator(".list-row").first.click()
    detail = canvas.page.get_by_role("region", name="Detail")
    detail.get_by_role("button", name="Prove").click()

    expect(detail.get_by_role("heading", name="Proof")).to_be_visible()
    assert json.loads(canvas.copied(detail, "Copy as JSON"))["hash"]


def test_an_attestation_is_copied_and_its_terms_find_others(canvas: Canvas, busy: RunningHost) -> None:
    effect = busy.http.get("/api/attestations?predicate=letters:counted").json()[0]
    canvas.open(f"attestations/{effect['id']}", expecting=".chain")
    detail = canvas.page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text("signature holds")
    assert json.loads(canvas.copied(detail, "Copy as JSON")) == effect

    detail.get_by_role("button", name="letters:counted").click()

    expect(canvas.page.get_by_label("predicate")).to_have_value("letters:counted")
    expect(canvas.page.locator(".list-row")).to_have_count(1)


def test_scripts_are_found_begun_and_withdrawn(canvas: Canvas, busy: RunningHost) -> None:
    code = "def execute(payload):\n    raise ValueError('no such thing')\n"
    busy.http.post("/api/scripts/publish", json={"name": "withdrawn", "code": code, "glyph": "py"}).raise_for_status()
    job = busy.http.post("/api/ix", json={"line": "ix withdrawn x"}).json()["id"]
    busy.until(lambda: busy.http.get(f"/api/pulse/jobs/{job}").json()["status"] == "failed")
    canvas.open("scripts", expecting=".list-row")
    canvas.page.get_by_label("Find a script").fill("withdr")
    expect(canvas.page.locator(".list-row")).to_have_count(1)
    canvas.page.locator(".list-row").click()
    detail = canvas.page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text("0 %")
    detail.get_by_text("Last error").click()
    expect(detail).to_contain_text("no such thing")
    canvas.page.on("dialog", lambda dialog: dialog.accept())
    detail.get_by_role("button", name="Withdraw").click()
    expect(canvas.page.get_by_role("status")).to_contain_text("withdrawn is out of use.")

    canvas.page.get_by_role("button", name="New").click()
    expect(canvas.page.locator(".glyph .cm-content")).to_contain_text("def execute(payload)")


def queued(host: RunningHost, source: str, **fields: str) -> str:
    """A job that waits for a plugin which does not come."""
    body = {"handler_name": "nowhere/nothing", "source": source, **fields}
    answer = host.http.post("/api/pulse/jobs", json=body)
    answer.raise_for_status()
    job: str = answer.json()["id"]
    return job
