from __future__ import annotations

import pytest

from qntx.errors import InvalidRequest
from qntx.host.ix.parser import Command, parse_line, parse_words


def test_the_first_word_is_the_type_and_the_rest_its_input() -> None:
    assert parse_line("ix csv data.csv more.csv") == Command("csv", ("data.csv", "more.csv"))


@pytest.mark.parametrize(
    "target",
    [
        "https://example.org/repo.git",
        "ssh://git@example.org/repo",
        "git@example.org:team/repo.git",
        "/srv/repo",
        "./repo",
        "../repo",
        "~/repo",
        ".",
    ],
)
def test_an_address_or_a_path_alone_means_git(target: str) -> None:
    assert parse_words([target]) == Command("git", (target,), detected=True)


def test_a_path_behind_a_type_is_that_types_input() -> None:
    assert parse_line("ix fasta /data/genes.fa") == Command("fasta", ("/data/genes.fa",))


def test_quotes_group() -> None:
    assert parse_line("ix csv 'my data.csv' \"other one.csv\"").inputs == ("my data.csv", "other one.csv")


def test_a_backslash_is_kept_as_it_is() -> None:
    assert parse_line(r"ix csv C:\data\x.csv").inputs == (r"C:\data\x.csv",)


def test_options_are_told_from_inputs() -> None:
    command = parse_line("ix https://example.org/r --since last_run --depth=3 --no-deps")

    assert command.inputs == ("https://example.org/r",)
    assert command.options == {"since": "last_run", "depth": "3", "no-deps": True}


def test_after_two_dashes_everything_is_input() -> None:
    assert parse_line("ix text -- --not an option").inputs == ("--not", "an", "option")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "empty ATS code"),
        ("  \t\n", "empty ATS code"),
        ("ax something", "unknown command: ax (supported: ix)"),
        ("ix", "ix command requires a subcommand"),
        ("ix --since last_run", "ix command requires a subcommand"),
        ("ix csv 'data.csv", "a quote is opened and never closed"),
    ],
)
def test_a_line_that_asks_for_nothing_says_what_is_missing(line: str, fault: str) -> None:
    with pytest.raises(InvalidRequest, match="ats_code") as caught:
        parse_line(line)

    assert fault in str(caught.value)
