"""The names a script may use: importable, injected and documented alike."""

import inspect
import subprocess
import sys

import pytest

import qntx
from qntx.script import FUNCTIONS, injected
from qntx.script.calls import CALLS
from qntx.script.context import Context
from qntx.testing import FakeHost


def test_what_is_injected_can_be_imported_and_the_other_way_round():
    names = injected(Context(channel=FakeHost()))

    assert set(names) == set(qntx.__all__)
    assert {name: getattr(qntx, name) for name in FUNCTIONS} == FUNCTIONS


def test_every_function_says_what_it_does():
    assert [name for name, function in FUNCTIONS.items() if not function.__doc__] == []


def test_every_call_home_is_a_function_of_that_name():
    assert set(CALLS) <= set(FUNCTIONS)


def test_importing_it_loads_nothing_but_the_standard_library():
    code = (
        "import qntx, qntx.script.declarations, sys; "
        "packages = {name.partition('.')[0] for name in sys.modules}; "
        "print(sorted(packages - sys.stdlib_module_names - {'qntx', '__main__'}))"
    )

    said = subprocess.run([sys.executable, "-IS", "-c", PATHED + code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


# -S keeps site-packages and its .pth files out, so the package's own place is named.
PATHED = f"import sys; sys.path.insert(0, {str(next(iter(qntx.__path__))).removesuffix('/qntx')!r}); "


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("attest", {"subjects": ..., "predicates": ..., "contexts": None, "actors": None, "attributes": None}),
        ("last", {"subjects": None, "predicates": None, "contexts": None, "actors": None}),
        (
            "fetch",
            {
                "url": ...,
                "subjects": None,
                "predicate": "http:get",
                "context": "",
                "fresh": False,
                "actor": "",
                "source": "",
            },
        ),
        ("pause_schedule", {"schedule_id": ...}),
        ("resume_schedule", {"schedule_id": ...}),
        ("delete_schedule", {"schedule_id": ...}),
    ],
)
def test_what_scripts_called_before_takes_the_same_arguments_in_the_same_order(name, parameters):
    """As in pyre: by place or by name, with the same defaults."""
    taken = inspect.signature(getattr(qntx, name)).parameters.values()

    told = {each.name: ... if each.default is each.empty else each.default for each in taken}
    assert list(told.items()) == list(parameters.items())
    assert {each.kind for each in taken} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
