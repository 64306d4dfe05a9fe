"""The file of tokens: nothing in it lets anybody in."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from qntx.errors import InvalidConfig, InvalidRequest, NotFound
from qntx.host.access.roles import Role
from qntx.host.access.tokens import PREFIX, Tokens


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "tokens.json"


@pytest.fixture
def tokens(file: Path) -> Tokens:
    return Tokens(file)


def test_a_token_is_found_by_its_text_alone(tokens: Tokens) -> None:
    text = tokens.create("laptop", Role.RUN)

    found = tokens.find(text)

    assert found is not None
    assert (found.name, found.rank) == ("laptop", Role.RUN)
    assert [tokens.find(wrong) for wrong in ("", text[:-1], text + "x", found.sha256, "\udcff")] == [None] * 5


def test_the_file_holds_no_token_and_is_its_owners_alone(tokens: Tokens, file: Path) -> None:
    text = tokens.create("laptop", Role.ADMIN)

    assert text.startswith(PREFIX)
    assert text not in file.read_text()
    assert text.removeprefix(PREFIX) not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_token_made_elsewhere_is_taken_if_it_is_long_enough(tokens: Tokens) -> None:
    tokens.create("vault", Role.READ, "0123456789abcdef0123456789abcdef")

    found = tokens.find("0123456789abcdef0123456789abcdef")
    assert found is not None
    assert found.name == "vault"
    with pytest.raises(InvalidRequest, match="could be guessed"):
        tokens.create("weak", Role.READ, "hunter2")


def test_what_is_revoked_elsewhere_is_not_found_any_more(tokens: Tokens, file: Path) -> None:
    text = tokens.create("laptop", Role.RUN)
    kept = tokens.create("phone", Role.READ)

    Tokens(file).revoke("laptop")

    assert tokens.find(text) is None
    assert tokens.find(kept) is not None


def test_a_name_is_given_once_and_only_plain_names(tokens: Tokens) -> None:
    tokens.create("laptop", Role.RUN)

    with pytest.raises(InvalidRequest, match="revoke it first"):
        tokens.create("laptop", Role.READ)
    for name in ("", "this machine", "Ada", "-x", "x" * 65):
        with pytest.raises(InvalidRequest, match="64 at most"):
            tokens.create(name, Role.READ)


def test_revoking_what_is_not_there_names_what_was_probably_meant(tokens: Tokens) -> None:
    tokens.create("laptop", Role.RUN)

    with pytest.raises(NotFound, match="did you mean 'laptop'"):
        tokens.revoke("laptpo")


def test_without_a_file_nobody_is_known(tokens: Tokens) -> None:
    assert tokens.find("anything") is None
    assert list(tokens.all()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tokens": [{"name": "x"}]}', '{"tokenz": []}', "\x00"])
def test_a_file_that_is_none_of_tokens_is_said_to_be(tokens: Tokens, file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)

    with pytest.raises(InvalidConfig, match=r"tokens\.json"):
        tokens.all()


def test_a_digest_that_is_none_is_refused(tokens: Tokens, file: Path) -> None:
    """An empty one would be matched by nothing, but a plain token put there by hand must not be taken for one."""
    file.parent.mkdir()
    file.write_text(json.dumps({"tokens": [{"name": "x", "role": "admin", "sha256": "secret"}]}))

    with pytest.raises(InvalidConfig):
        tokens.all()
