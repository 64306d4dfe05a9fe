"""Importing this makes `qp_capsule` mean `qntx.capsules`, for programs that were written against that name.

    import qntx.capsules.alias

before the program's own imports is all; `from qp_capsule import Capsules` then gives ours, and so do the submodules
that define something we have. What this library itself uses of the other is bound already and stays what it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

# Bound here so that it stays reachable under the name whose package is ours from now on.
import qp_capsule.integrations

import qntx.capsules
from qntx import errors
from qntx.capsules import audit, chain, fastapi, keyring, seal
from qntx.capsules.storage import STORAGES, base, sqlite

MODULES = {
    "qp_capsule": qntx.capsules,
    "qp_capsule.audit": audit,
    "qp_capsule.chain": chain,
    "qp_capsule.exceptions": errors,
    "qp_capsule.integrations": qp_capsule.integrations,
    "qp_capsule.integrations.fastapi": fastapi,
    "qp_capsule.keyring": keyring,
    "qp_capsule.protocol": base,
    "qp_capsule.seal": seal,
    "qp_capsule.storage": sqlite,
}

if importlib.util.find_spec("psycopg") is not None:
    MODULES["qp_capsule.storage_pg"] = importlib.import_module(STORAGES["postgresql"][0])

sys.modules.update(MODULES)
