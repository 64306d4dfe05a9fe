"""The ingest scripts that the variants bring: what they attest, and what a malformed record costs."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
from Bio.SeqUtils import gc_fraction

from .conftest import IngestHost

GENES = Path("tests/data/human-genes.fasta")


def written(folder: Path, name: str, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    (file := folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return file


def failing(host: IngestHost, type: str, file: Path) -> str:
    job = host.ended(host.ix(type=type, input=str(file))["id"])
    assert job["status"] == "failed"
    return str(job["error"])


def attributes(host: IngestHost, predicate: str, context: str) -> dict[str, Any]:
    found = host.attestations(predicate=predicate, context=context)
    for each in found:
        del each["attributes"]["source_version"]
    return {each["subjects"][0]: each["attributes"] for each in reversed(found)}


def genes(repository: Path) -> list[SeqRecord]:
    with (repository / GENES).open() as file:
        return list(SeqIO.parse(file, "fasta"))


class TestFasta:
    @pytest.mark.parametrize("name", ["genes.fa", "genes.fa.gz"])
    def test_real_genes_have_the_numbers_that_biopython_gives(
        self, host: IngestHost, folder: Path, repository: Path, name: str
    ) -> None:
        file = written(folder, name, (repository / GENES).read_bytes())

        summary = host.ingested(type="fasta", input=str(file))

        expected = {record.id: (len(record), round(100 * gc_fraction(record.seq), 3)) for record in genes(repository)}
        found = attributes(host, "sequence:ingested", name)
        assert {key: (each["length"], each["gc_percent"]) for key, each in found.items()} == expected
        bases = sum(length for length, _ in expected.values())
        assert summary == {"files": 1, "records": len(expected), "malformed": 0, "bases": bases}

    def test_malformed_records_are_attested_and_the_rest_goes_on(self, host: IngestHost, folder: Path) -> None:
        text = "\n>a first\nACGT\n>\nACGT\n>empty\n>b\nAC GT\r\nNNNN\n>strange\nAC1%T\n>protein\nMVLSPADKTN*\n>c\nacgu"
        file = written(folder, "odd.fa", text)

        summary = host.ingested(type="fasta", input=str(file))

        assert (summary["records"], summary["malformed"]) == (4, 3)
        found = attributes(host, "sequence:ingested", "odd.fa")
        assert found["a"] == {"length": 4, "alphabet": "nucleotide", "gc_percent": 50, "description": "first"}
        assert (found["b"]["length"], found["b"]["gc_percent"]) == (8, 50)
        assert (found["protein"]["alphabet"], found["c"]["length"]) == ("protein", 4)
        malformed = attributes(host, "sequence:malformed", "odd.fa")
        assert malformed["odd.fa:4"] == {"line": 4, "fault": "the header names no sequence"}
        assert malformed["empty"] == {"line": 6, "fault": "no sequence follows the header"}
        assert malformed["strange"] == {"line": 10, "fault": "b'%1' is no letter of a sequence"}

    def test_a_record_in_one_endless_line_is_one_record(self, host: IngestHost, folder: Path) -> None:
        file = written(folder, "line.fa", ">long\n" + "ACGT>" * 900_000 + "\n>short\nGG\n")

        host.ingested(type="fasta", input=str(file))

        assert attributes(host, "sequence:malformed", "line.fa")["long"]["fault"] == "b'>' is no letter of a sequence"
        assert attributes(host, "sequence:ingested", "line.fa")["short"]["length"] == 2

    def test_a_file_of_another_kind_is_refused_by_its_line(self, host: IngestHost, folder: Path) -> None:
        error = failing(host, "fasta", written(folder, "no.fa", "\n\nname,length\n"))

        assert error.startswith("Script 'fasta' failed:")
        assert "line 3 is not FASTA: the first record starts with '>'" in error


class TestFastq:
    @pytest.mark.parametrize("name", ["reads.fq", "reads.fq.gz"])
    def test_malformed_reads_are_attested_and_the_rest_goes_on(self, host: IngestHost, folder: Path, name: str) -> None:
        text = "@r1 one\nACGT\n+\nIIII\n@short\nACGT\n+\nII\n@r2\nGGGG\n+r2\n!!!!\nnoise\n@r3\nAC\n+\nAB\n@cut\nACGT\n"
        file = written(folder, name, text)

        summary = host.ingested(type="fastq", input=str(file))

        found = attributes(host, "read:ingested", name)
        assert set(found) == {"r1", "r2", "r3"}
        assert found["r1"] == {"length": 4, "mean_quality": 40, "gc_percent": 50, "description": "one"}
        assert attributes(host, "read:malformed", name)["short"]["fault"] == "4 bases have 2 qualities"
        assert (summary["reads"], summary["malformed"], summary["bases"]) == (3, 3, 10)


class TestGenbank:
    def test_records_are_attested_as_biopython_reads_them_and_malformed_ones_as_such(
        self, host: IngestHost, folder: Path, repository: Path
    ) -> None:
        gene = genes(repository)[0]
        facts = {"molecule_type": "DNA", "organism": "Homo sapiens", "topology": "linear"}
        record = SeqRecord(Seq(str(gene.seq)), id="INS1.1", name="INS1", description="insulin", annotations=facts)
        good = record.format("genbank")
        broken = good.replace("INS1", "BAD1").replace("LOCUS       BAD1", "LOCUS", 1).replace("        1 ", "  oops 1 ")
        file = written(folder, "genes.gb.gz", "\n" + good + broken + good.replace("INS1", "INS2"))

        summary = host.ingested(type="genbank", input=str(file))

        found = attributes(host, "sequence:ingested", "genes.gb.gz")
        assert set(found) == {"INS1.1", "INS2.1"}
        assert found["INS1.1"]["organism"] == "Homo sapiens"
        assert (found["INS1.1"]["length"], summary["malformed"]) == (len(gene), 1)
        [fault] = attributes(host, "sequence:malformed", "genes.gb.gz").values()
        assert fault["line"] > 2


class TestCsv:
    def test_columns_are_profiled_and_malformed_lines_attested(self, host: IngestHost, folder: Path) -> None:
        file = written(folder, "rows.csv", "n,word,empty\n1,one,\n2,two,\n3,three,,extra,more\n4,two,\n")

        [summary] = host.ingested(type="csv", input=str(file))["files"]

        assert (summary["rows"], summary["malformed"]) == (3, 1)
        assert summary["columns"] == {"n": "integer", "word": "text", "empty": "empty"}
        profiles = attributes(host, "column:profiled", "rows.csv")
        number = profiles["rows.csv#n"]
        assert (number["min"], number["max"], round(number["mean"], 3)) == (1, 4, 2.333)
        assert profiles["rows.csv#word"]["common"][0] == {"value": "two", "count": 2}
        assert attributes(host, "row:malformed", "rows.csv")["rows.csv:4"]["line"] == 4

    def test_latin_1_is_read_when_it_is_said_and_survived_when_not(self, host: IngestHost, folder: Path) -> None:
        file = written(folder, "latin.csv", "name\nJosé\n".encode("latin-1"))

        host.ingested(words=["csv", str(file), "--encoding", "latin-1"])
        said = attributes(host, "column:profiled", "latin.csv")["latin.csv#name"]
        host.ingested(type="csv", input=str(file))
        unsaid = attributes(host, "column:profiled", "latin.csv")["latin.csv#name"]

        assert (said["max"], unsaid["max"]) == ("José", "Jos\N{REPLACEMENT CHARACTER}")

    @pytest.mark.parametrize(("separator", "name"), [(";", "semi.csv"), ("\t", "tab.csv"), (",", "comma.csv.gz")])
    def test_the_separator_is_found(self, host: IngestHost, folder: Path, separator: str, name: str) -> None:
        rows = [["a", "b"], *([str(n), f"w{n}"] for n in range(20))]
        file = written(folder, name, "".join(f"{separator.join(row)}\n" for row in rows))

        [summary] = host.ingested(type="csv", input=str(file))["files"]

        assert summary["columns"] == {"a": "integer", "b": "text"}

    def test_an_empty_file_is_said_to_be_empty(self, host: IngestHost, folder: Path) -> None:
        assert "empty.csv is empty: there is not even a line" in failing(host, "csv", written(folder, "empty.csv", ""))

    def test_a_huge_field_is_a_field(self, host: IngestHost, folder: Path) -> None:
        file = written(folder, "huge.csv", "a,b\n1," + "x" * 3_000_000 + "\n")

        [summary] = host.ingested(type="csv", input=str(file))["files"]

        assert (summary["rows"], summary["columns"]["b"]) == (1, "text")


class TestJsonLines:
    def test_keys_are_profiled_and_malformed_lines_attested(self, host: IngestHost, folder: Path) -> None:
        lines = ['{"n": 1, "who": "a"}', "{", "", "[1]", '{"n": 2.5}']
        file = written(folder, "events.jsonl.gz", "\n".join(lines))

        [summary] = host.ingested(type="jsonl", input=str(file))["files"]

        assert (summary["rows"], summary["malformed"]) == (2, 2)
        assert summary["columns"] == {"n": "integer/number", "who": "text"}
        profiles = attributes(host, "column:profiled", "events.jsonl.gz")
        assert (profiles["events.jsonl.gz#n"]["min"], profiles["events.jsonl.gz#n"]["max"]) == (1, 2.5)
        assert set(attributes(host, "row:malformed", "events.jsonl.gz")) == {"events.jsonl.gz:2", "events.jsonl.gz:4"}


class TestSqlite:
    def test_tables_and_columns_are_profiled(self, host: IngestHost, folder: Path) -> None:
        with sqlite3.connect(folder / "app.db") as connection:
            connection.execute('CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY, word TEXT NOT NULL, data BLOB)')
            connection.executemany('INSERT INTO "odd ""name" (word, data) VALUES (?, ?)', [("a", b"1"), ("b", None)])
        connection.close()

        [summary] = host.ingested(type="sqlite", input=str(folder / "app.db"))["files"]

        assert summary["rows"] == {'odd "name': 2}
        profiles = attributes(host, "column:profiled", "app.db")
        data = profiles['app.db#odd "name.data']
        assert (data["missing"], profiles['app.db#odd "name.word']["required"]) == (1, True)

    def test_a_corrupt_table_is_attested_and_the_rest_goes_on(self, host: IngestHost, folder: Path) -> None:
        file = folder / "corrupt.db"
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE good (n)")
            connection.execute("INSERT INTO good VALUES (1)")
            connection.execute("CREATE TABLE bad (n)")
            connection.executemany("INSERT INTO bad VALUES (?)", [("x" * 500,)] * 200)
            [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bad'")
        connection.close()
        content = bytearray(file.read_bytes())
        content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
        file.write_bytes(content)

        [summary] = host.ingested(type="sqlite", input=str(file))["files"]

        assert (summary["rows"], summary["malformed"]) == ({"good": 1}, ["bad"])
        assert "corrupt.db#bad" in attributes(host, "table:malformed", "corrupt.db")

    def test_what_is_no_database_is_said(self, host: IngestHost, folder: Path) -> None:
        assert "no.db is no SQLite database" in failing(host, "sqlite", written(folder, "no.db", b"not one" * 500))


class TestParquet:
    def test_the_schema_and_the_columns_are_attested(self, host: IngestHost, folder: Path) -> None:
        code = "import pyarrow as pa, pyarrow.parquet as pq, sys\n"
        code += "pq.write_table(pa.table({'n': [1, 2, None], 'w': ['a', 'b', 'c']}), sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, str(folder / "t.parquet")], check=True)

        [summary] = host.ingested(type="parquet", input=str(folder / "t.parquet"))["files"]

        assert (summary["rows"], summary["columns"]) == (3, {"n": "int64", "w": "string"})
        profile = attributes(host, "column:profiled", "t.parquet")["t.parquet#n"]
        assert (profile["missing"], profile["min"], profile["max"]) == (1, 1, 2)

    def test_without_pyarrow_it_says_what_is_missing(self, host: IngestHost, folder: Path, repository: Path) -> None:
        code = (repository / "variants/data/ingest/parquet.py").read_text()
        hidden = "import sys\nsys.modules['pyarrow'] = None\nsys.modules['pyarrow.parquet'] = None\n"
        host.publish("hidden", hidden + textwrap.dedent(code), glyph="py:data")

        error = failing(host, "hidden", written(folder, "t.parquet", b"PAR1"))

        assert "pyarrow" in error.splitlines()[-1]


def test_every_bundled_script_is_listed_with_what_it_needs(host: IngestHost) -> None:
    listed = {each["name"]: each for each in host.http.get("/api/scripts").json() if each["version"] == 0}

    assert set(listed) >= {"csv", "fasta", "fastq", "genbank", "git", "jsonl", "parquet", "sqlite"}
    assert {name: each["needs"] for name, each in listed.items() if each["needs"]} == {"git": ["network", "subprocess"]}
    assert all(json.dumps(each["description"]) for each in listed.values())
