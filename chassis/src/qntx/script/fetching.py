"""fetch(): a web page, fetched by the host and attested."""

from __future__ import annotations

from typing import cast

from qntx.script.arguments import Texts, named, texts
from qntx.script.calls import ask
from qntx.script.records import Record, record


def fetch(
    url: str,
    subjects: Texts = None,
    predicate: str = "http:get",
    context: str = "",
    fresh: bool = False,
    actor: str = "",
    source: str = "",
) -> Record:
    """GET the URL through the host, which attests the answer; returns body, status_code and attestation_id.

    Unless `fresh`, an earlier answer for the same predicate, subjects and URL is given again. The script needs no
    network of its own for this.
    """
    answer = ask(
        "fetch",
        url=named("fetch", "url", url),
        subjects=texts("fetch", "subjects", subjects),
        predicate=predicate,
        context=context,
        fresh=fresh,
        actor=actor,
        source=source,
    )
    return cast(Record, record(answer))
