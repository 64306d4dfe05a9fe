"""Forms: what is missing is said at its field, and what they make works."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import Canvas, violations

pytestmark = pytest.mark.alone


def test_a_watcher_is_made_changed_paused_and_deleted(canvas: Canvas, host: RunningHost, axe: str) -> None:
    canvas.open("watchers", expecting="text=Watchers and schedules")
    canvas.page.get_by_role("button", name="Watcher", exact=True).click()
    form = canvas.page.get_by_role("dialog")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_label("Name").locator("..")).to_contain_text("Give it a name.")
    expect(form.get_by_label("predicates").locator("..")).to_contain_text("at least one term")
    canvas.shot("watcher-form")
    assert violations(canvas.page, axe) == []
    form.get_by_label("Name").fill("letters")
    form.get_by_label("predicates").fill("form:new, form:newer")
    form.get_by_label("Action").select_option("Call an address (webhook)")
    form.get_by_role("textbox", name="Address").fill("ftp://elsewhere")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("textbox", name="Address").locator("..")).to_contain_text("http://")
    form.get_by_label("Action").select_option("Run Python")
    form.locator(".cm-content").click()
    canvas.page.keyboard.insert_text("attest(upstream.subjects, ['form:seen'], ['page'])")
    form.get_by_role("button", name="Create").click()
    expect(canvas.page.get_by_role("status")).to_contain_text("letters watches from now on.")

    made = {"subjects": ["abc"], "predicates": ["form:newer"], "contexts": ["page"]}
    host.http.post("/api/attestations", json=made).raise_for_status()
    host.until(lambda: host.http.get("/api/attestations?predicate=form:seen").json())
    detail = canvas.page.get_by_role("region", name="Detail")
    expect(detail.locator(".plain .status")).to_have_text("ok")

    detail.get_by_role("button", name="Change").click()
    form.get_by_label("At most, a second").fill("many")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_label("At most, a second").locator("..")).to_contain_text("A number")
    form.get_by_label("At most, a second").fill("7")
    form.get_by_role("button", name="Save").click()
    expect(detail).to_contain_text("7 a second")
    detail.get_by_role("button", name="Pause").click()
    expect(detail.locator(".status").first).to_have_text("paused")
    detail.get_by_role("button", name="Resume").click()
    expect(detail.locator(".status").first).to_have_text("enabled")
    detail.get_by_role("button", name="Delete").click()
    expect(canvas.page.locator(".card").filter(has_text="form:new")).to_have_count(0)


def test_what_the_host_refuses_is_said_at_the_field_it_means(canvas: Canvas, host: RunningHost) -> None:
    canvas.open("watchers", expecting="text=Watchers and schedules")
    canvas.page.get_by_role("button", name="Schedule", exact=True).click()
    form = canvas.page.get_by_role("dialog")
    form.get_by_role("textbox", name="Line").fill("unheard-of data.txt")
    form.get_by_role("button", name="Create").click()

    expect(form.get_by_role("textbox", name="Line").locator("..").locator("..")).to_contain_text(
        "No ingest script 'unheard-of' found"
    )


def test_a_schedule_is_made_changed_paused_run_and_deleted(canvas: Canvas, host: RunningHost) -> None:
    code = "def execute(payload):\n    return payload['input']\n"
    host.http.post("/api/scripts/publish", json={"name": "due", "code": code, "glyph": "py"}).raise_for_status()
    canvas.open("watchers", expecting="text=Watchers and schedules")
    canvas.page.get_by_role("button", name="Schedule", exact=True).click()
    form = canvas.page.get_by_role("dialog")
    form.get_by_role("textbox", name="Line").fill("due thing")
    form.get_by_label("Every", exact=True).fill("0")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_text("A number above zero.")).to_be_visible()
    form.get_by_label("At times").check()
    form.get_by_label("Times", exact=True).fill("6")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("'6' is no cron expression")
    form.get_by_label("Every so often").check()
    form.get_by_label("Every", exact=True).fill("2")
    canvas.shot("schedule-form")
    form.get_by_role("button", name="Create").click()

    card = canvas.page.locator(".card").filter(has_text="ix due thing")
    expect(card).to_contain_text("every 2 h")
    card.get_by_role("button", name="Change when it runs").click()
    form.get_by_label("Unit").select_option("days")
    form.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("every 48 h")
    card.get_by_role("button", name="Change when it runs").click()
    form.get_by_label("At times").check()
    form.get_by_label("Times", exact=True).fill("0 6 * * mon-fry")
    expect(form.get_by_role("alert")).to_contain_text("is no cron expression")
    form.get_by_label("Times", exact=True).fill("0 6 * * 1")
    expect(form.locator(".next-runs time")).to_have_count(3)
    canvas.shot("schedule-change")
    form.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("0 6 * * 1")
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("paused")
    card.get_by_role("button", name="Resume").click()
    expect(card).to_contain_text("active")
    card.get_by_role("button", name="Run now").click()
    host.until(lambda: any(job["source"] and "due" in job["source"] for job in jobs(host)))
    card.get_by_role("button", name="Delete schedule").click()
    expect(card).to_have_count(0)


def test_a_plugin_tells_its_memory_and_installs_packages(canvas: Canvas, host: RunningHost) -> None:
    canvas.open("plugins/python", expecting=".detail h2")
    detail = canvas.page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text(" processes")
    told = detail.locator(".facts dt").all_text_contents()
    assert told[told.index("Python") :][:3] == ["Python", "Engine", "Sandbox"]
    expect(detail).to_contain_text("None beside those that come with python.")
    detail.get_by_label("Install").fill("not@a@name")
    detail.get_by_role("button", name="Install").click()

    expect(detail.get_by_role("alert")).to_contain_text("not@a@name")
    canvas.shot("plugin")


def jobs(host: RunningHost) -> list[dict[str, str]]:
    found: list[dict[str, str]] = host.http.get("/api/pulse/jobs").json()["jobs"]
    return found
