"""The glyph this plugin brings to QNTX's canvas: code to write, a button to run it here."""

from __future__ import annotations

import json
from importlib import resources

from qntx.model.variant import Variant
from qntx.protocol import domain_pb2

MODULE_PATH = "/glyph-module.js"
MODULE_TYPE = "text/javascript; charset=utf-8"
WIDTH, HEIGHT = 420, 260

_SOURCE = resources.files("qntx.plugin").joinpath("glyph-module.js")


def definition(variant: Variant) -> domain_pb2.GlyphDef:
    """Paths begin with a slash: the host puts /api/{plugin} before them."""
    return domain_pb2.GlyphDef(
        symbol=variant.glyph,
        title=variant.description,
        label=variant.name,
        content_path=MODULE_PATH,
        module_path=MODULE_PATH,
        default_width=WIDTH,
        default_height=HEIGHT,
    )


def module(variant: Variant) -> bytes:
    """The JavaScript module that draws it."""
    about = {
        "symbol": variant.glyph,
        "title": variant.description,
        "label": variant.name,
        "defaultWidth": WIDTH,
        "defaultHeight": HEIGHT,
    }
    return f"export const glyphDef = {json.dumps(about)};\n".encode() + _SOURCE.read_bytes()
