"""What a manifest may say, and what is said of one that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qntx.errors import InvalidManifest
from qntx.model.execution import Limits
from qntx.model.variant import Requirement, Smoke, nearest, parse, refuse_shadowed

WHERE = "variants/chem/plugin.toml"

FAULTS = {
    "dependancies = []": "unknown key 'dependancies' (nearest: dependencies)",
    "name = 'chem'": "unknown key 'name' (nearest: nix)",
    "limit = {}": "unknown key 'limit' (nearest: limits)",
    "limits.timeout = 3": "unknown key 'limits.timeout' (nearest: limits.timeout_seconds)",
    "smoke = {cod = ''}": "unknown key 'smoke.cod' (nearest: smoke.code)",
    "limits = 3": "'limits' must be a table, got 3",
    "env = ['A=B']": "'env' must be a table, got a list",
    "limits.timeout_seconds = 'fast'": "'limits.timeout_seconds' must be a number above 0, got 'fast'",
    "limits.timeout_seconds = 0": "'limits.timeout_seconds' must be a number above 0, got 0",
    "limits.timeout_seconds = true": "'limits.timeout_seconds' must be a number above 0, got true",
    "limits.memory_mib = 1.5": "'limits.memory_mib' must be a whole number above 0, got 1.5",
    "limits.processes = 0": "'limits.processes' must be a whole number above 0, got 0",
    "limits.output_bytes = -1": "'limits.output_bytes' must be a whole number, 0 or more, got -1",
    "limits.scratch_mib = []": "'limits.scratch_mib' must be a whole number, 0 or more, got a list",
    "limits.network = 'no'": "'limits.network' must be true or false, got 'no'",
    "limits.readable_paths = ['data']": "'limits.readable_paths' must be a list of absolute paths, got 'data' in it",
    "version = '1'": "'version' must be a version such as '0.1.0', got '1'",
    "description = 1": "'description' must be a string, got 1",
    "glyph = 'bio'": "'glyph' must be 'py' or such as 'py:bio', got 'bio'",
    "preload = 'numpy'": "'preload' must be a list of modules such as 'Bio.Seq', got 'numpy'",
    "imports = ['a b']": "'imports' must be a list of modules such as 'Bio.Seq', got 'a b' in it",
    "tools = [{}]": "'tools' must be a list of programs such as 'samtools', got a table in it",
    "env.THREADS = 4": "'env.THREADS' must be a string, got 4",
    "optional = ['a', 'A']": "'a' is named twice in 'dependencies' and 'optional'",
    "dependencies = ['a_b']\noptional = ['a.b']": "'a-b' is named twice in 'dependencies' and 'optional'",
    "nix.numpi = 'x'\ndependencies = ['numpy']": (
        "'nix.numpi' is about no package of 'dependencies' or 'optional' (nearest: numpy)"
    ),
    "smoke.result = 1": "'smoke.code' is missing",
    "description = 1979-05-27": "'description' must be a string, got a date or time",
}

UNREADABLE_REQUIREMENTS = [
    "a[extra]>=1",
    "a>=1; python_version<'3'",
    "a>=",
    "a~=1",
    "a==1.*",
    "a @ file:///x",
    "-r x",
    "",
]


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_named_with_its_file_its_key_and_what_it_must_be(text: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse("chem", text, WHERE)

    assert str(caught.value) == f"{WHERE}: {FAULTS[text]}"


@pytest.mark.parametrize("requirement", UNREADABLE_REQUIREMENTS)
def test_a_requirement_that_nix_could_not_hold_is_refused(requirement: str) -> None:
    with pytest.raises(InvalidManifest, match="'dependencies' must be a list of packages"):
        parse("chem", f"dependencies = [{json.dumps(requirement)}]", WHERE)


def test_what_is_no_toml_is_refused_with_the_line() -> None:
    with pytest.raises(InvalidManifest, match=r"plugin.toml: not TOML: .*line 2"):
        parse("chem", "version = '0.1.0'\nglyph = = 1", WHERE)


@pytest.mark.parametrize("name", ["Bio", "1bio", "bio_two", "bio--two", "bio-", "", "biö", "a\n"])
def test_a_name_that_qntx_could_not_use_is_refused(name: str) -> None:
    with pytest.raises(InvalidManifest, match="is no variant name"):
        parse(name, "", WHERE)


def test_an_empty_manifest_is_a_whole_variant() -> None:
    variant = parse("chem", "", WHERE)

    assert (variant.version, variant.description, variant.glyph) == ("0.0.0", "QNTX chem plugin", "py:chem")
    assert variant.limits == Limits()
    assert variant.program == "qntx-chem-plugin"


def test_every_key_reaches_the_variant() -> None:
    text = """
        version = "1.2.3-rc.1"
        description = "Chemistry"
        glyph = "py:lab"
        dependencies = ["RDKit >= 2024.3, < 2026", "scikit_learn~=1.4", "numpy"]
        optional = ["openmm"]
        preload = ["rdkit.Chem"]
        imports = ["rdkit"]
        tools = ["obabel"]
        env.OMP_NUM_THREADS = "1"
        nix.scikit-learn = "scikit-learn"
        smoke = { code = "_result = [1]", result = [1] }
        [limits]
        timeout_seconds = 1.5
        memory_mib = 4096
        processes = 8
        output_bytes = 0
        scratch_mib = 1
        network = true
        network_ports = [443, 5432]
        subprocess = true
        readable_paths = ["/data"]
    """

    variant = parse("chem", text, WHERE)

    assert (variant.version, variant.description, variant.glyph) == ("1.2.3-rc.1", "Chemistry", "py:lab")
    assert [str(package) for package in variant.dependencies] == ["RDKit>=2024.3,<2026", "scikit_learn~=1.4", "numpy"]
    assert [package.key for package in variant.dependencies] == ["rdkit", "scikit-learn", "numpy"]
    assert variant.optional == (Requirement("openmm"),)
    assert (variant.preload, variant.imports, variant.tools) == (("rdkit.Chem",), ("rdkit",), ("obabel",))
    assert (variant.environment, variant.nix) == ({"OMP_NUM_THREADS": "1"}, {"scikit-learn": "scikit-learn"})
    assert variant.smoke == Smoke("_result = [1]", [1])
    assert variant.limits == Limits(
        1.5, 4096, 8, 0, 1, network=True, network_ports=(443, 5432), subprocess=True, readable_paths=("/data",)
    )


@pytest.mark.parametrize("names", [["python", "python-bio"], ["a-b-c", "x", "a"]])
def test_a_name_that_begins_with_anothers_is_refused(names: list[str]) -> None:
    with pytest.raises(InvalidManifest, match=r"^variants: variant '.*' begins with '.*-'"):
        refuse_shadowed(names, "variants")


def test_names_that_only_look_alike_stand_side_by_side() -> None:
    refuse_shadowed(["bio", "biology", "my-bio", "bio2"], "variants")


@pytest.mark.parametrize(("name", "near"), [("nmupy", "numpy"), ("timout", "timeout"), ("x", "a"), ("", "a")])
def test_the_nearest_name_is_the_one_that_was_meant(name: str, near: str) -> None:
    assert nearest(name, ["timeout", "numpy", "b", "a"]) == near


def test_the_manifests_of_the_family_are_right(repository: Path) -> None:
    manifests = sorted(repository.glob("variants/*/plugin.toml"))

    glyphs = {parse(path.parent.name, path.read_text(), str(path)).glyph for path in manifests}

    assert {"py", "py:bio", "py:data"} <= glyphs
