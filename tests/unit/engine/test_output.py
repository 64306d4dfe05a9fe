"""What is kept of a stream, and how it says that something is missing."""

from __future__ import annotations

from qntx.engine.output import Output


def test_what_fits_is_kept_as_it_is():
    output = Output("stdout", 100)

    assert [output.add(chunk) for chunk in (b"a\xc3", b"\xa9\n")] == [b"a\xc3", b"\xa9\n"]
    assert (output.text(), output.truncated) == ("aé\n", False)


def test_what_does_not_fit_is_counted_and_marked_once():
    output = Output("stderr", 4)

    told = [output.add(chunk) for chunk in (b"abc", b"def", b"ghi")]

    assert told == [b"abc", b"d\n[stderr cut here: the limit is 4 bytes]\n", b""]
    assert output.text() == "abcd\n[stderr cut here: 9 bytes were written, the limit is 4]\n"
    assert output.written_bytes == 9


def test_a_limit_of_zero_keeps_nothing():
    output = Output("stdout", 0)
    output.add(b"x")

    assert output.text().startswith("\n[stdout cut here: 1 bytes were written")


def test_a_character_cut_in_two_is_not_shown():
    output = Output("stdout", 2)
    output.add("aé".encode())

    assert output.text().startswith("a\n[")


def test_a_dump_is_taken_out_of_the_stream():
    output = Output("stderr", 100)
    output.add(b"mine\n")
    position = output.written_bytes
    output.add(b"Thread 0x1\n  File x\n")

    assert output.cut(position, b"Thread 0x") == "Thread 0x1\n  File x\n"
    assert output.text() == "mine\n"
