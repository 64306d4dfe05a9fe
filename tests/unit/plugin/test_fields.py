"""The fields of a request are what they must be, or refused by their names."""

from __future__ import annotations

import pytest

from qntx.errors import InvalidRequest, MissingField, Refused
from qntx.model.execution import Limits, Mode
from qntx.plugin import requests
from qntx.plugin.fields import Fields


def test_a_body_counts_before_a_query():
    fields = Fields.of_body(b'{"a": "body"}', {"a": "query", "b": "query"})

    assert (fields.text("a"), fields.text("b")) == ("body", "query")


def test_nothing_at_all_is_an_empty_object():
    assert Fields.of_body(b" \n", {}).text("a", "default") == "default"


def test_a_field_goes_by_any_of_its_names():
    assert Fields({"code": "1"}).required_text("content", "code") == "1"
    with pytest.raises(MissingField, match=r"Missing 'content' field \(or 'code'\)"):
        Fields({"content": ""}).required_text("content", "code")


@pytest.mark.parametrize(("given", "number"), [("2.5", 2.5), (2, 2.0), (None, 7.0)])
def test_a_number_may_come_as_text(given, number):
    assert Fields({"n": given}).number("n", 7, 0, 10) == number


@pytest.mark.parametrize(
    "given", ["x", True, [], float("inf"), float("nan"), -1, 11, pytest.param(10**400, id="huge"), "1e400"]
)
def test_what_is_no_number_in_its_bounds_is_refused(given):
    with pytest.raises(InvalidRequest, match=r"^n: "):
        Fields({"n": given}).number("n", 7, 0, 10)


@pytest.mark.parametrize(("given", "flag"), [("true", True), ("0", False), ("", True), (False, False), (None, False)])
def test_a_flag_may_come_from_a_query(given, flag):
    assert Fields({"f": given}).flag("f") is flag


@pytest.mark.parametrize(("given", "texts"), [("a, b,", ["a", "b"]), (["a"], ["a"]), (None, [])])
def test_texts_may_come_with_commas(given, texts):
    assert Fields({"t": given}).texts("t") == texts


@pytest.mark.parametrize("body", [b"{", b"[1]", b"7", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(body):
    with pytest.raises(Refused):
        Fields.of_body(body, {})


def test_a_request_names_its_own_deadline_and_nothing_else_of_the_limits():
    limits = Limits(memory_mib=7)

    execution = requests.execute(Fields({"content": "1", "timeout_secs": 2, "glyph_id": "g"}), "PX", limits)

    assert (execution.limits.timeout_seconds, execution.limits.memory_mib, execution.glyph_id) == (2.0, 7, "g")


def test_an_expression_is_evaluated_and_code_executed():
    for name in ("expr", "content", "code"):
        asked = requests.evaluate(Fields({name: "1 + 1"}), "PX", Limits())
        assert (asked.mode, asked.code) == (Mode.EVALUATE, "1 + 1")
    assert requests.execute(Fields({"code": "1"}), "PX", Limits()).mode is Mode.EXECUTE


def test_a_script_with_a_main_has_it_called():
    execution = requests.execute(Fields({"code": "def main():\n    return 1"}), "PX", Limits())

    assert execution.call == "main"


def test_code_that_cannot_be_read_is_left_for_the_worker_to_show():
    assert requests.execute(Fields({"code": "def ("}), "PX", Limits()).call == ""


def test_an_ingest_script_is_called_with_the_payload_of_its_job():
    payload = {"script_code": "def execute(p): ...", "script_type": "fasta", "input": "a"}

    execution = requests.job_script(payload, "PX", Limits())

    assert (execution.call, execution.call_with, execution.filename) == ("execute", (payload,), "<fasta>")


def test_paths_of_a_single_request_are_refused_with_where_to_set_them():
    with pytest.raises(InvalidRequest, match="python_paths: is set in the plugin's configuration"):
        requests.execute(Fields({"code": "1", "python_paths": ["/x"]}), "PX", Limits())


def test_a_link_to_what_is_no_python_file_is_not_read(tmp_path):
    (tmp_path / "secret").write_text("password")
    (tmp_path / "link.py").symlink_to(tmp_path / "secret")

    with pytest.raises(InvalidRequest, match="no Python file"):
        requests.execute_file(Fields({"path": str(tmp_path / "link.py")}), "PX", Limits())
