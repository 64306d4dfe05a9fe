"""A zygote's memory: libraries in few mappings, and all of it as it was."""

import subprocess
import sys

from qntx.worker.memory import Mapping, code_spans, fixed_data

LIBRARY = [
    Mapping(0x1000, 0x2000, "r--p", 0x0, "/lib/a.so"),
    Mapping(0x2000, 0x5000, "r-xp", 0x1000, "/lib/a.so"),
    Mapping(0x5000, 0x6000, "r--p", 0x4000, "/lib/a.so"),
    Mapping(0x6000, 0x7000, "r--p", 0x4000, "/lib/a.so"),
    Mapping(0x7000, 0x8000, "rw-p", 0x5000, "/lib/a.so"),
    Mapping(0x8000, 0x9000, "rw-p", 0x0, ""),
]


def test_a_librarys_constants_are_joined_with_its_code_and_what_was_fixed_with_its_data():
    assert fixed_data(LIBRARY) == {LIBRARY[3]}
    assert list(code_spans(LIBRARY)) == [(0x1000, 0x6000)]


def test_what_lies_beside_a_library_is_left_alone():
    other = [Mapping(0x9000, 0xA000, "r-xp", 0x1000, "/lib/b.so"), Mapping(0xA000, 0xB000, "r--p", 0x2000, "/lib/c.so")]
    data = [Mapping(0xB000, 0xC000, "r--p", 0x0, "/data"), Mapping(0xC000, 0xD000, "r--p", 0x1000, "/data")]
    shared = [Mapping(0xD000, 0xE000, "r--s", 0x0, "/lib/d.so"), Mapping(0xE000, 0xF000, "r-xp", 0x1000, "/lib/d.so")]

    assert list(code_spans([*LIBRARY, *other, *data, *shared])) == [(0x1000, 0x6000)]
    assert fixed_data([*other, *data, *shared]) == set()


def test_joined_a_process_has_fewer_mappings_and_works_on():
    code = (
        "import decimal, sqlite3, ssl\n"
        "from qntx.worker import memory\n"
        "before = len(memory._mappings())\n"
        "memory.join()\n"
        "assert len(memory._mappings()) < before - 10, (before, len(memory._mappings()))\n"
        "import zoneinfo, lzma\n"
        "print(sqlite3.connect(':memory:').execute('select 1 + 1').fetchone()[0], decimal.Decimal('0.1') * 3)"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert (ran.stdout, ran.stderr) == ("2 0.3\n", "")
