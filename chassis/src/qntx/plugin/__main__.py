"""The program `qntx-NAME-plugin`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from qntx import __version__
from qntx.errors import ChassisError
from qntx.plugin import arguments, logs
from qntx.plugin.server import serve

_log = logging.getLogger("qntx.plugin")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve one variant until told to end; the exit status."""
    logs.start("info")
    try:
        asked = arguments.read(sys.argv[0], sys.argv[1:] if argv is None else argv, os.environ)
        variant = arguments.variant_of(asked.name, asked.manifest, __version__)
        if asked.show_version:
            print(f"{variant.program} {variant.version}")
            return 0
        logs.start(asked.log_level)
        if asked.unknown:
            _log.warning("arguments that mean nothing here: %s", " ".join(asked.unknown))
        asyncio.run(serve(asked, variant))
    except ChassisError as refusal:
        _log.error("%s", refusal)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
