"""The conformance suite fails for a plugin that breaks its contract, one line at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conformance.mutants import MUTANTS

REPOSITORY = Path(__file__).parents[2]
SUITE = "tests/conformance/plugin.py"
AT_ONCE = 3
PATIENCE = 15.0
"""Of the one that is to pass: others run beside it."""
TESTS_FAILED = 1

CAUGHT_BY = {
    "late": "test_the_port_line_comes_within_two_seconds_and_metadata_bears_the_configured_name",
    "silent": "test_the_port_line_comes_within_two_seconds_and_metadata_bears_the_configured_name",
    "misnamed": "test_the_port_line_comes_within_two_seconds_and_metadata_bears_the_configured_name",
    "exposed": "test_it_listens_on_loopback_only",
    "impatient": "test_keepalive_pings_without_calls_are_no_reason_to_hang_up",
    "narrow": "test_a_message_of_nearly_a_hundred_mebibytes_is_taken",
    "doubled": "test_handler_names_are_unique_and_include_the_script",
    "never_firing": "test_watchers_are_never_none_and_each_fires_and_filters",
    "unjoined": "test_the_handlers_panel_shows_each_handler_with_what_fires_it",
    "blind": "test_a_handler_that_the_command_line_dated_to_the_year_one_is_found",
    "growing": "test_initialize_may_come_again_and_answers_the_same",
    "ailing": "test_it_is_unhealthy_before_initialize_and_healthy_right_after",
    "lost": "test_an_expression_is_evaluated",
    "statusless": "test_an_expression_is_evaluated",
    "unrecorded": "test_the_record_is_whole_and_in_result",
    "failing": "test_code_that_fails_is_told_in_the_message",
    "mute": "test_a_script_job_leaves_its_result_and_its_lines",
    "anonymous": "test_an_attestation_is_stored_with_its_provenance_and_comes_back_with_its_id",
    "wordless": "test_a_ping_is_answered_with_a_pong_of_the_same_time",
    "deaf": "test_it_ends_in_three_seconds_with_no_process_left_even_while_code_runs and Shutdown",
}


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """The suite's verdict on each mutant, a few at a time."""
    folder = tmp_path_factory.mktemp("mutants")
    # In the order in which they are asked for, so that no test waits for all of them.
    selections = {"none": " or ".join(f"({name})" for name in sorted(set(CAUGHT_BY.values()))), **CAUGHT_BY}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(_judge, folder, name, tests) for name, tests in selections.items()}


def _judge(folder: Path, name: str, tests: str) -> subprocess.CompletedProcess[str]:
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.conformance.mutants {name} "$@"\n')
    program.chmod(0o755)
    command = [sys.executable, "-m", "pytest", SUITE, "--plugin", str(program), "--plugin-name", "python", "-k", tests]
    patience = ["--patience", str(PATIENCE)] if name == "none" else []
    return subprocess.run(
        [*command, *patience, "-q", "-p", "no:cacheprovider"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plugin_with_nothing_wrong_passes(judged):
    """What follows would prove nothing if the wrapper itself failed."""
    verdict = judged["none"].result()

    assert verdict.returncode == 0, verdict.stdout[-3000:]


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_the_suite_fails_for(judged, name):
    verdict = judged[name].result()

    assert verdict.returncode == TESTS_FAILED, verdict.stdout[-3000:]


def test_every_mutant_is_judged():
    assert set(MUTANTS) == {"none", *CAUGHT_BY}
