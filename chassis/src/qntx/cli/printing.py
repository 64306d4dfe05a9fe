"""Text of unknown origin on a terminal: nothing of it may steer the terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """In one line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def printable_lines(text: str) -> str:
    """Line by line, such as a traceback."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.splitlines())
