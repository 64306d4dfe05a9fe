"""The main job on real data: sequences through py:bio, a table through py:data, two mistakes, and what is attested."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from tests.demo.family import Family, running

from qntx.host.home import Home

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
DEADLINE_SECONDS = 1.0

console = Console(highlight=False)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="qntx-demo-") as folder:
        home = _home_with_the_launchers(Path(folder) / "home")
        with running(home, Path(folder) / "host.log") as family:
            for plugin in sorted(family.plugins(), key=lambda plugin: str(plugin["name"])):
                console.print(f"{plugin['name']:<7} {plugin['state']}  {plugin['description']}")
            sequences(family)
            regression(family)
            wrong_glyph(family)
            overrun(family)
            attested(family)
    return 0


def sequences(family: Family) -> None:
    console.rule("py:bio: three human genes, translated", align="left")
    fasta = (DATA / "human-genes.fasta").read_text()
    answer = family.execute("py:bio", _script("sequences"), upstream={"fasta": fasta}).json()
    _must(answer["success"], answer)
    console.print(answer["stdout"], end="", markup=False)


def regression(family: Family) -> None:
    console.rule("py:data: NIST's Norris measurements, described and fitted", align="left")
    csv = (DATA / "norris.csv").read_text()
    answer = family.execute("py:data", _script("regression"), upstream={"csv": csv}).json()
    _must(answer["success"], answer)
    console.print(answer["stdout"], end="", markup=False)
    console.print("NIST certifies y = 1.00211682 x − 0.26232307")


def wrong_glyph(family: Family) -> None:
    console.rule("py:chem: a glyph that nothing provides", align="left")
    response = family.execute("py:chem", "1 + 1")
    _must(response.status_code == 404, response.text)
    console.print(f"{response.status_code}  {response.json()['error']}", markup=False)
    response = family.execute("py:data", "from Bio.Seq import Seq")
    console.print(response.json()["error"].strip().splitlines()[-1], markup=False)
    console.print(f"try: {', '.join(response.json()['try_glyphs'])}")


def overrun(family: Family) -> None:
    console.rule(f"py: a script that never ends, given {DEADLINE_SECONDS:g} s", align="left")
    started = time.perf_counter()
    answer = family.execute("py", "while True:\n    pass", timeout_secs=DEADLINE_SECONDS).json()
    console.print(f"{answer['outcome']} after {time.perf_counter() - started:.2f} s", markup=False)
    console.print(answer["error"].strip(), markup=False)
    _must(answer["outcome"] == "timed_out", answer)
    after = family.execute("py", "6 * 7").json()
    console.print(f"and the next run is {after['result']}")
    _must(after["result"] == 42, after)


def attested(family: Family) -> None:
    console.rule("What is attested", align="left")
    rows = family.attestations(context="demo")
    for row in rows:
        kept = {name: value for name, value in row["attributes"].items() if name not in ("protein", "source_version")}
        said = ", ".join(f"{name} {value}" for name, value in kept.items())
        console.print(f"{row['id']}  {row['subjects'][0]} {row['predicates'][0]}\n    {said}", markup=False)
    _must(len(rows) == 4, rows)


def _home_with_the_launchers(root: Path) -> Home:
    home = Home(root)
    home.create()
    for launcher in Home.find().plugins.glob("qntx-*-plugin"):
        (home.plugins / launcher.name).symlink_to(launcher)
    return home


def _script(name: str) -> str:
    return (HERE / "scripts" / f"{name}.py").read_text()


def _must(holds: bool, found: object) -> None:
    if not holds:
        raise SystemExit(f"the demo is not what it should be: {found}")


if __name__ == "__main__":
    sys.exit(main())
