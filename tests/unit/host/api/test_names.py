"""What editors are told of the script API is what it is."""

from __future__ import annotations

import qntx
from qntx.host.api.names import names


def test_every_name_of_the_script_api_is_told_with_its_documentation() -> None:
    told = {name.name: name for name in names()}

    assert list(told) == qntx.__all__
    assert all(name.doc for name in told.values())
    assert told["attest"].signature.startswith("attest(subjects: Texts, predicates: Texts, contexts: Texts = None")
    assert told["upstream"].kind == "value"
