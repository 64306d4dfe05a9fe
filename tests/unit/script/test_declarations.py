"""What is read from a script's text is what running it records."""

import pytest

from qntx.errors import InvalidScript
from qntx.model.declaration import Function, Watch
from qntx.script import FUNCTIONS
from qntx.script.declarations import read
from qntx.script.decorators import declared
from qntx.testing import running
from qntx.worker.namespace import Namespace

SCRIPTS = {
    "plain": "x = 1",
    "injected": '@watch("sequence:new", context="lab")\ndef count(upstream):\n    """Counts bases."""\n',
    "by keyword": '@watch(predicate="p", context="c")\ndef f(upstream): ...\n',
    "by position": '@watch("p", "c")\ndef f(upstream): ...\n',
    "no context": '@watch("p")\ndef f(upstream): ...\n',
    "lists": '@watch(["p", "q"], context=("c", "d"))\ndef f(upstream): ...\n',
    "several on one": '@watch("p", context="c")\n@watch("q")\n@schedule(every="5m")\n@handler\ndef f(u=None): ...\n',
    "several functions": '@watch("p")\ndef f(u): ...\n@schedule(every=60)\ndef g(): ...\n@handler\ndef h(): ...\n',
    "module": 'import qntx\n@qntx.watch("p")\ndef f(u): ...\n',
    "module alias": 'import qntx as q\n@q.watch("p")\n@q.schedule(every=60)\ndef f(u): ...\n',
    "name alias": 'from qntx import watch as w, schedule as s\n@w("p")\n@s(every=1)\ndef f(u): ...\n',
    "future": 'from __future__ import annotations\n@watch("p")\ndef f(u: Unknown) -> Nothing: ...\n',
    "async": '@watch("p")\nasync def f(u): ...\n@handler\nasync def g(): ...\n',
    "description": '@handler("Counts bases.")\ndef f(): ...\n@handler(description="D")\ndef g():\n    """Other."""\n',
    "handler name": '@handler("count-bases", description="D")\ndef f(): ...\n@handler(name="n")\ndef g(): ...\n',
    "docstring": '"""Of the module."""\n@schedule(every="1h30m", description="D")\ndef f():\n    """Not this."""\n',
    "long docstring": '@handler\ndef f():\n    """First.\n\n        indented\n    """\n',
    "constants": 'C = "c"\n@watch("p", context=C)\ndef f(u): ...\n',
    "annotated": "EVERY: int = 60 * 5\n@schedule(every=EVERY)\ndef g(): ...\n",
    "sums": "@schedule(every=24 * 60 * 60 - 60 + 1)\ndef f(): ...\n",
    "timedelta": "from datetime import timedelta\n@schedule(every=timedelta(minutes=5))\ndef f(): ...\n",
    "datetime": "import datetime\n@schedule(every=datetime.timedelta(hours=1))\ndef f(): ...\n",
    "period by position": '@schedule("10s")\ndef f(): ...\n@schedule(60)\ndef g(): ...\n',
    "somebody else's": "def watch(p):\n    return lambda f: f\n@watch('p')\ndef f(u): ...\n",
    "imported over": "from functools import cache as handler\n@handler\ndef f(): ...\n",
    "ours again": "watch = None\nfrom qntx import watch\n@watch('p')\ndef f(u): ...\n",
    "other decorators": "import functools\n@functools.cache\n@handler\ndef f(): ...\n",
    "arguments": (
        "@handler\ndef a(): ...\n@handler\ndef b(x): ...\n@handler\ndef c(x=1): ...\n@handler\ndef d(*x): ...\n"
        "@handler\ndef e(x, /, y=2, *, z=3): ...\n@handler\ndef g(**k): ...\n"
    ),
    "main": "def main():\n    pass\n",
    "async main": "async def main(upstream): ...\n",
    "nothing of ours": "import os\nclass A:\n    def handler(self): ...\n",
}


def recorded(code):
    namespace = Namespace()
    with running():
        namespace.give(FUNCTIONS)
        exec(compile(code, "<script>", "exec", dont_inherit=True), namespace.names)
    return declared(namespace.names)


@pytest.mark.parametrize("name", SCRIPTS)
def test_reading_a_script_finds_what_running_it_records(name):
    assert read(SCRIPTS[name]) == recorded(SCRIPTS[name])


def test_what_is_read_is_what_was_meant():
    found = read(SCRIPTS["several on one"]).functions

    assert found == (
        Function(
            name="f",
            by_hand=True,
            watches=(Watch(("p",), ("c",)), Watch(("q",))),
            periods=(300,),
            takes=True,
            needs=False,
        ),
    )


@pytest.mark.parametrize(
    ("code", "line", "fault"),
    [
        ("x = (", 1, "SyntaxError: '\\(' was never closed"),
        ("x\0", 1, "null byte"),
        ("@watch\ndef f(): ...", 1, r"@watch needs arguments: @watch\(predicate=…\)"),
        ("@watch()\ndef f(): ...", 1, "@watch: predicate is missing"),
        ("@watch('')\ndef f(): ...", 1, "@watch: predicate must be a text"),
        ("@watch(5)\ndef f(): ...", 1, "@watch: predicate must be a text or a list of texts, not 5"),
        ("@watch('p', 'c', 'x')\ndef f(): ...", 1, "@watch takes 2 positional, not 3"),
        (
            "@watch('p', content='c')\ndef f(): ...",
            1,
            "each once; 'content' is not that",
        ),
        ("@watch('p', predicate='q')\ndef f(): ...", 1, "each once; 'predicate' is not that"),
        ("@watch(*P)\ndef f(): ...", 1, r"predicate is \*P, which only running the script would tell"),
        ("@watch(**P)\ndef f(): ...", 1, r"each once; '\*\*'"),
        (
            "import os\n@watch(os.name)\ndef f(): ...",
            2,
            "predicate is os.name, which only",
        ),
        ("@watch(f'{x}')\ndef f(): ...", 1, "which only running"),
        ("P = input()\n@watch(P)\ndef f(): ...", 2, "which only running"),
        ("P = P\n@watch(P)\ndef f(): ...", 2, "which only running"),
        ("@schedule(every='soon')\ndef f(): ...", 1, "@schedule: 'soon' is not a period"),
        ("@schedule(every=0)\ndef f(): ...", 1, "@schedule: 0 is not a whole number of seconds of at least 1"),
        ("@schedule(every=0.5)\ndef f(): ...", 1, "@schedule: 0.5 is not a whole"),
        ("@schedule(every=10**20)\ndef f(): ...", 1, "which only running"),
        ("@schedule(every='x' * 10_000_000_000)\ndef f(): ...", 1, "which only running"),
        ("@schedule(every=9999999999)\ndef f(): ...", 1, "longer than the 2147483647 seconds"),
        ("@schedule(every=float('inf'))\ndef f(): ...", 1, "which only running"),
        ("@schedule(every=1)\n@schedule(every=2)\ndef f(): ...", 3, "f has two schedules"),
        ("@handler(5)\ndef f(): ...", 1, "@handler: name must be a text"),
        ("class A:\n    @watch('p')\n    def f(self): ...", 2, "f has @watch but is not at the top level"),
        ("if True:\n    @handler\n    def f(): ...", 2, "f has @handler but is not at the top level"),
        ("def g():\n    @schedule(every=1)\n    def f(): ...", 2, "f has @schedule but is not at the top level"),
        ("@handler\ndef f(): ...\n@handler\ndef f(): ...", 4, "f is defined on line 2 already"),
        ("(" * 5000 + ")" * 5000, 1, "."),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(code, line, fault):
    with pytest.raises(InvalidScript, match=fault) as caught:
        read(code)

    assert caught.value.line == line


@pytest.mark.parametrize(
    "code",
    [
        "def main(): ...\nif __name__ == '__main__':\n    main()\n",
        "import sys\ndef main(): ...\nsys.exit(main())\n",
        "def main(): ...\nx = main()\n",
    ],
)
def test_a_script_that_calls_its_main_itself_is_not_called_again(code):
    assert read(code).main is None


def test_reading_runs_nothing(tmp_path):
    trace = tmp_path / "ran"

    read(f"open({str(trace)!r}, 'w')\n@watch('p')\ndef f(u=open({str(trace)!r}, 'w')): ...\n")

    assert not trace.exists()
