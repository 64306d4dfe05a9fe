"""Rich displays: a value in several forms, as Jupyter shows one, and the figures that a script left open."""

from __future__ import annotations

import base64
import io
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakSet

from qntx.script.display import bundle

_IMAGES = {"png": "image/png", "svg": "image/svg+xml", "jpg": "image/jpeg", "jpeg": "image/jpeg"}
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
    """The figures that are open, each closed as it is taken: nobody has to call plt.show().

    What was shown already, as the script's value or by display(), is not shown again.
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        if figure not in _shown:
            yield _figure(figure)
        pyplot.close(figure)


def quiet_show() -> None:
    """plt.show() has nothing to warn of: the figure is shown when the run ends."""
    warnings.filterwarnings("ignore", message=_SHOW, category=UserWarning)


_shown: WeakSet[Any] = WeakSet()


def _figure(figure: Any) -> Mapping[str, Any]:
    """As an image of the kind that matplotlib's own setting `savefig.format` names: PNG, unless the script sets it."""
    wanted = sys.modules["matplotlib"].rcParams["savefig.format"]
    kind = wanted if wanted in _IMAGES else "png"
    image = io.BytesIO()
    figure.savefig(image, format=kind, bbox_inches="tight")
    _shown.add(figure)
    content = image.getvalue()
    text = content.decode() if kind == "svg" else base64.b64encode(content).decode("ascii")
    return {"text/plain": repr(figure), _IMAGES[kind]: text}
