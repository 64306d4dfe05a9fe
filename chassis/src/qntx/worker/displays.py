"""Rich displays: a value in several forms, as Jupyter shows one, and the figures that a script left open."""

from __future__ import annotations

import base64
import io
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from qntx.script.display import bundle

_SHOW = ".*non-interactive, and thus cannot be shown"


def to_bundle(value: Any) -> Mapping[str, Any]:
    """The value in every form that it offers, text/plain always."""
    pyplot_figure = sys.modules.get("matplotlib.figure")
    if pyplot_figure is not None and isinstance(value, pyplot_figure.Figure):
        return _figure(value)
    return bundle(value)


def is_rich(value: Any) -> bool:
    """Does it offer more than its repr?"""
    if value is None or isinstance(value, (type, str, int, float, list, dict, tuple)):
        return False
    return any(
        callable(getattr(type(value), f"_repr_{form}_", None))
        for form in ("mimebundle", "html", "markdown", "latex", "svg", "png", "jpeg", "json")
    )


def open_figures() -> Iterator[Mapping[str, Any]]:
    """The figures that are open, each closed as it is taken: nobody has to call plt.show()."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        yield _figure(figure)
        pyplot.close(figure)


def quiet_show() -> None:
    """plt.show() has nothing to warn of: the figure is shown when the run ends."""
    warnings.filterwarnings("ignore", message=_SHOW, category=UserWarning)


def _figure(figure: Any) -> Mapping[str, Any]:
    image = io.BytesIO()
    figure.savefig(image, format="png", bbox_inches="tight")
    return {"text/plain": repr(figure), "image/png": base64.b64encode(image.getvalue()).decode("ascii")}
