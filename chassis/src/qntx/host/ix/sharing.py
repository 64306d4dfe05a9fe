"""An ingest script as a file that one node signs and any other can check.

JSON: `format`, `script`, `signer_did` and `signature`. What is signed is the JSON text of the first two with sorted
keys and no spaces, so a file that was laid out anew is still the same file.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from qntx.errors import InvalidRequest
from qntx.host.store.node_key import NodeKey, has_signed
from qntx.model.ingest import IngestScript

FORMAT = "qntx-ingest-script/1"


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    code: str
    version: int
    language: str
    glyph: str
    created_by: str
    description: str
    needs: list[str]
    created_at_ms: int


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    script: _Script
    signer_did: str
    signature: str


def exported(script: IngestScript, key: NodeKey) -> dict[str, Any]:
    """The file's content."""
    told = asdict(script) | {"needs": list(script.needs)}
    del told["id"]  # of the claim that published it here
    signature = base64.b64encode(key.sign(_signed(told))).decode()
    return {"format": FORMAT, "script": told, "signer_did": key.did, "signature": signature}


def opened(content: Mapping[str, Any]) -> tuple[IngestScript, str]:
    """The script and who signed it. Raises InvalidRequest where the file is none, or not what was signed."""
    try:
        file = msgspec.convert(content, _File)
    except msgspec.ValidationError as fault:
        raise InvalidRequest("file", f"is no exported ingest script: {fault}") from None
    if file.format != FORMAT:
        raise InvalidRequest("file", f"has the format {file.format!r}; this host reads {FORMAT!r}")
    try:
        signature = base64.b64decode(file.signature, validate=True)
    except binascii.Error:
        signature = b""
    if not has_signed(file.signer_did, _signed(msgspec.to_builtins(file.script)), signature):
        raise InvalidRequest(
            "signature", f"is not {file.signer_did[:100]}'s for this script: the file was changed after it was exported"
        )
    told = msgspec.to_builtins(file.script)
    script = IngestScript(**told | {"needs": tuple(told["needs"])})
    return script, file.signer_did


def _signed(script: Mapping[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, "script": script}, sort_keys=True, separators=(",", ":")).encode()
