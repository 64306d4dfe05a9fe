"""The canvas: zoomed, panned, and saved for all to see."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect
from tests.integration.host.conftest import RunningHost
from tests.page.conftest import Canvas, saved

pytestmark = pytest.mark.alone

GLYPHS = 50


def scale(canvas: Canvas) -> float:
    factor: float = canvas.page.evaluate(
        "new DOMMatrix(getComputedStyle(document.querySelector('.plane')).transform).a"
    )
    return factor


def test_it_zooms_by_keys_wheel_and_buttons_and_a_glyph_follows_the_pointer_at_every_zoom(canvas: Canvas) -> None:
    glyph = canvas.place("py", "1")
    saved(canvas.page)
    canvas.page.locator(".canvas").focus()
    canvas.page.keyboard.press("-")
    canvas.page.keyboard.press("-")
    canvas.page.keyboard.press("-")
    expect(canvas.page.get_by_role("button", name="Zoom 50 %")).to_be_visible()
    assert scale(canvas) == 0.5

    header = glyph.locator("header .kind").bounding_box()
    before = glyph.bounding_box()
    assert header
    assert before
    canvas.page.mouse.move(header["x"] + 2, header["y"] + 2)
    canvas.page.mouse.down()
    canvas.page.mouse.move(header["x"] + 82, header["y"] + 42, steps=4)
    canvas.page.mouse.up()
    after = glyph.bounding_box()
    assert after
    assert (after["x"] - before["x"], after["y"] - before["y"]) == (80, 40)

    under = (after["x"] + 20, after["y"] + 20)
    canvas.page.mouse.move(*under)
    canvas.page.keyboard.down("Control")
    canvas.page.mouse.wheel(0, -500)
    canvas.page.keyboard.up("Control")
    canvas.page.wait_for_function("document.querySelector('.percent').textContent !== '50 %'")
    zoomed = glyph.bounding_box()
    assert zoomed
    assert zoomed["width"] > after["width"] * 1.2
    canvas.page.reload()
    expect(canvas.page.get_by_role("button", name="Zoom 50 %")).to_have_count(0)
    canvas.page.get_by_role("button", name="back to 100 %").click()
    assert scale(canvas) == 1.0


def test_fifty_glyphs_are_shown_at_once_and_the_ground_is_dragged(canvas: Canvas, host: RunningHost) -> None:
    for number in range(GLYPHS):
        place = {"x": 40 + number % 10 * 520, "y": 40 + number // 10 * 330, "width": 480, "height": 290}
        host.http.put(f"/api/canvas/many-{number}", json={"symbol": "py", "content": f"{number}", **place})
    canvas.page.reload()
    expect(canvas.page.locator(".glyph")).to_have_count(GLYPHS)

    canvas.page.keyboard.press("Control+k")
    canvas.page.keyboard.type("show all")
    canvas.page.keyboard.press("Enter")

    last = canvas.page.locator("[data-glyph=many-49]")
    expect(last).to_be_in_viewport(ratio=1)
    expect(canvas.page.locator("[data-glyph=many-0]")).to_be_in_viewport(ratio=1)
    canvas.shot("fifty")
    assert canvas.page.evaluate("document.documentElement.scrollHeight === innerHeight"), "the page itself scrolls"
    canvas.page.get_by_role("button", name="back to 100 %").click()
    canvas.page.evaluate("new Promise(requestAnimationFrame)")  # In which it scrolls to where it was.
    box = canvas.page.locator(".canvas")
    before: float = box.evaluate("(element) => { element.scrollTo(400, 0); return element.scrollLeft }")
    canvas.page.mouse.move(700, 15)
    canvas.page.mouse.down()
    canvas.page.mouse.move(500, 15, steps=4)
    canvas.page.mouse.up()
    canvas.page.wait_for_function(f"document.querySelector('.canvas').scrollLeft === {before + 200}")


def test_it_says_while_the_host_has_not_what_was_written_and_brings_it_there_later(
    canvas: Canvas, host: RunningHost
) -> None:
    glyph = canvas.place("py", "'first'")
    saved(canvas.page)
    expect(canvas.page.get_by_text("Saved", exact=True)).to_be_visible()

    def refuse(route: Route) -> None:
        route.abort() if route.request.method == "PUT" else route.continue_()

    canvas.page.route("**/api/canvas/**", refuse)
    glyph.locator(".cm-content").click()
    canvas.page.keyboard.type("  # more")
    expect(canvas.page.get_by_text("Not saved")).to_be_visible()
    canvas.shot("not-saved")
    canvas.page.unroute("**/api/canvas/**")

    saved(canvas.page)
    assert host.http.get("/api/canvas").json()["glyphs"][0]["content"] == "'first'  # more"


def test_what_is_done_in_another_window_is_seen_as_it_happens(canvas: Canvas, host: RunningHost) -> None:
    body = {"symbol": "py", "content": "one = 1\ntwo = 2", "x": 40, "y": 40, "width": 480, "height": 290}
    host.http.put("/api/canvas/elsewhere", json=body).raise_for_status()
    glyph = canvas.page.locator("[data-glyph=elsewhere]")
    glyph.locator(".cm-content").click()
    canvas.page.keyboard.press("Control+End")

    changed = {**body, "content": "zero = 0\none = 1\ntwo = 2", "title": "numbers", "x": 80}
    host.http.put("/api/canvas/elsewhere", json=changed).raise_for_status()

    expect(glyph.locator(".cm-line")).to_have_count(3)
    expect(glyph.get_by_label("Title of numbers")).to_have_value("numbers")
    canvas.page.keyboard.type("2")
    expect(glyph.locator(".cm-line").last).to_have_text("two = 22")
    saved(canvas.page)
    assert host.http.get("/api/canvas/elsewhere").json()["content"].endswith("two = 22")
    host.http.delete("/api/canvas/elsewhere").raise_for_status()
    expect(glyph).to_have_count(0)
    canvas.page.get_by_role("button", name="Bring it back").click()
    expect(canvas.page.locator(".glyph .cm-line").last).to_have_text("two = 22")


def test_a_text_that_is_written_here_and_elsewhere_waits_for_a_choice(canvas: Canvas, host: RunningHost) -> None:
    glyph = canvas.place("py", "first")
    saved(canvas.page)
    (kept,) = host.http.get("/api/canvas").json()["glyphs"]
    path = f"/api/canvas/{kept.pop('id')}"
    canvas.page.route("**/api/canvas/**", lambda route: route.abort())
    canvas.page.keyboard.type(" mine")
    expect(canvas.page.get_by_text("Not saved", exact=True)).to_be_visible()

    host.http.put(path, json={**kept, "content": "theirs", "x": 400}).raise_for_status()
    canvas.page.unroute("**/api/canvas/**")

    expect(glyph.get_by_role("alert")).to_contain_text("Yours is not saved")
    expect(glyph.locator(".cm-content")).to_have_text("first mine")
    expect(glyph).to_have_css("left", "400px")
    canvas.shot("torn")
    glyph.get_by_role("button", name="Take the other").click()
    expect(glyph.locator(".cm-content")).to_have_text("theirs")
    canvas.page.route("**/api/canvas/**", lambda route: route.abort())
    glyph.locator(".cm-content").click()
    canvas.page.keyboard.press("Control+End")
    canvas.page.keyboard.type(" and mine")
    kept = host.http.get(path).json()
    assert kept.pop("id")
    host.http.put(path, json={**kept, "content": "theirs again"}).raise_for_status()
    canvas.page.unroute("**/api/canvas/**")
    glyph.get_by_role("button", name="Keep mine").click()
    expect(glyph.get_by_role("alert")).to_have_count(0)
    saved(canvas.page)
    assert host.http.get(path).json()["content"] == "theirs and mine"


def test_a_glyph_that_was_removed_elsewhere_is_not_brought_back(canvas: Canvas, host: RunningHost) -> None:
    """Not even by a page that has not heard of it."""
    canvas.page.route("**/api/events**", lambda route: None)
    canvas.page.reload()
    glyph = canvas.place("py", "1")
    saved(canvas.page)
    host.http.delete(f"/api/canvas/{glyph.get_attribute('data-glyph')}").raise_for_status()

    glyph.locator(".cm-content").click()
    canvas.page.keyboard.type("2")

    expect(canvas.page.get_by_role("status")).to_contain_text("was removed from the canvas")
    expect(canvas.page.locator(".glyph")).to_have_count(0)
    assert host.http.get("/api/canvas").json()["glyphs"] == []
