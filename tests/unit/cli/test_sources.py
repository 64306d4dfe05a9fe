"""Python named on the command line is read as Python itself reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qntx.cli import sources
from qntx.errors import Refused


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("print('é')\n".encode(), "print('é')\n"),
        (b"\xef\xbb\xbfprint(1)\r\nprint(2)\r\n", "print(1)\nprint(2)\n"),
        (b"# coding: latin-1\nprint('\xe9')\n", "# coding: latin-1\nprint('é')\n"),
    ],
    ids=["UTF-8", "a mark and lines of Windows", "an encoding it names"],
)
def test_a_file_is_read_in_its_encoding(tmp_path: Path, data: bytes, text: str) -> None:
    file = tmp_path / "script.py"
    file.write_bytes(data)

    assert sources.read(file) == text


@pytest.mark.parametrize(
    ("data", "fault"),
    [(b"", "is empty"), (b"\x7fELF\xd0", "is no Python: "), (b"# coding: klingon\n", "unknown encoding: klingon")],
)
def test_what_cannot_be_read_is_refused_by_the_files_name(tmp_path: Path, data: bytes, fault: str) -> None:
    file = tmp_path / "script.py"
    file.write_bytes(data)

    with pytest.raises(Refused, match=f"^{file} .*{fault}"):
        sources.read(file)
