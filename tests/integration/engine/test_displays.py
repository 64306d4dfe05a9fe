"""What a run shows: MIME bundles of values, frames and figures."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Limits, Outcome

PNG = b"\x89PNG\r\n\x1a\n"
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
RICH = "class Rich:\n    def _repr_html_(self): return '<b>x</b>'\n    def __repr__(self): return 'x'\n"


@pytest.fixture
async def plotting(home, execution):
    """Runs code where matplotlib draws without a screen, as the variants that have it are set up."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed here")
    async with Pool(Settings(name="x", preload=("matplotlib.pyplot",), environment={"MPLBACKEND": "Agg"})) as pool:

        async def run(code: str) -> Any:
            result = await pool.run(execution(code, limits=Limits(timeout_seconds=60)), home)
            assert (result.outcome, result.error) == (Outcome.FINISHED, "")
            return result

        yield run


def is_png(text: str) -> bool:
    return base64.b64decode(text, validate=True).startswith(PNG)


async def test_a_value_with_a_rich_form_is_shown_and_is_still_the_result(run):
    result = await run(f"{RICH}Rich()")

    assert result.displays == ({"text/html": "<b>x</b>", "text/plain": "x"},)
    assert result.result_json == b'"x"'


async def test_what_is_displayed_comes_in_order_and_in_every_form(run):
    code = (
        "class All:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None): return {'application/json': {'a': 1}}\n"
        "    def _repr_png_(self): return b'\\x89PNG'\n"
        "    def _repr_svg_(self): return '<svg/>'\n"
        f"{RICH}display(Rich())\ndisplay(All())\ndisplay(7)\n_result = None"
    )

    shown = (await run(code)).displays

    assert [sorted(bundle) for bundle in shown] == [
        ["text/html", "text/plain"],
        ["application/json", "image/png", "image/svg+xml", "text/plain"],
        ["text/plain"],
    ]
    assert shown[1]["application/json"] == {"a": 1}
    assert base64.b64decode(shown[1]["image/png"]) == b"\x89PNG"
    assert shown[2] == {"text/plain": "7"}


async def test_plain_values_are_results_and_no_displays(run):
    for code in ("[1]", "'x'", "print", "{'a': 1}", "None"):
        assert (await run(code)).displays == ()


async def test_a_rich_form_that_raises_fails_the_run_with_its_own_lines(run):
    result = await run("class Bad:\n    def _repr_html_(self): return 1 / 0\nBad()")

    assert result.outcome is Outcome.RAISED
    assert "line 2, in _repr_html_" in result.error


async def test_a_frame_is_shown_as_a_table_and_comes_as_columns(run: Callable[..., Any]):
    pytest.importorskip("pandas", reason="pandas is not installed here")

    result = await run("import pandas as pd\npd.DataFrame({'a': [1, 2]})", limits=Limits(timeout_seconds=60))

    (bundle,) = result.displays
    assert "<table" in bundle["text/html"]
    assert result.result_json.startswith(b'{"columns"')


async def test_a_figure_comes_back_without_being_shown(plotting):
    result = await plotting(FIGURE)

    (bundle,) = result.displays
    assert sorted(bundle) == ["image/png", "text/plain"]
    assert is_png(bundle["image/png"])


async def test_each_figure_comes_once_however_it_is_shown(plotting):
    ways = ("plt.show()", "display(plt.gcf())", "plt.gcf()", "display(plt.gcf())\nplt.show()\nplt.gcf()")

    shown = [(await plotting(FIGURE + way)).displays for way in ways]

    assert [len(displays) for displays in shown] == [1, 1, 1, 2]
    assert all(is_png(displays[0]["image/png"]) for displays in shown)


async def test_showing_a_figure_warns_of_nothing(plotting):
    assert (await plotting(f"{FIGURE}plt.show()")).stderr == ""


async def test_figures_come_in_the_order_in_which_they_were_made(plotting):
    result = await plotting(
        "import matplotlib.pyplot as plt\nfor n in (1, 2, 3): plt.figure(figsize=(n, 1)).add_subplot()"
    )

    assert [bundle["text/plain"] for bundle in result.displays] == [
        f"<Figure size {n}00x100 with 1 Axes>" for n in (1, 2, 3)
    ]


async def test_a_figure_is_a_drawing_where_the_script_sets_that(plotting):
    result = await plotting(f"{FIGURE}plt.rcParams['savefig.format'] = 'svg'")

    (bundle,) = result.displays
    assert sorted(bundle) == ["image/svg+xml", "text/plain"]
    assert ElementTree.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")


async def test_a_form_that_no_page_shows_is_left_for_files(plotting):
    result = await plotting(
        f"{FIGURE}plt.rcParams['savefig.format'] = 'pdf'\nplt.savefig('x')\nopen('x.pdf', 'rb').read(4)"
    )

    assert is_png(result.displays[0]["image/png"])
    assert result.result_json == b'"JVBERg=="'
