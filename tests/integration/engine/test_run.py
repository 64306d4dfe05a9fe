"""What a run gives back, through a real engine."""

from __future__ import annotations

import asyncio
import json

from qntx.model.execution import Limits, Mode, Outcome


async def test_the_result_is_underscore_result_where_the_code_sets_it(run):
    result = await run("_result = 1 + 1\n'not this'")

    assert (result.outcome, result.result_json, result.error) == (Outcome.FINISHED, b"2", "")


async def test_the_result_is_the_value_of_the_last_expression_where_nothing_sets_it(run):
    assert (await run("x = 20\nx + 1")).result_json == b"21"


async def test_a_semicolon_silences_the_last_expression(run):
    assert (await run("x = 20\nx + 1;  # quiet")).result_json == b"null"


async def test_evaluate_takes_one_expression(run):
    assert (await run(" 2 ** 10 ", mode=Mode.EVALUATE)).result_json == b"1024"


async def test_what_descriptor_one_receives_is_stdout_whoever_writes_it(run):
    result = await run(
        "import os, sys\nprint('python')\nos.write(1, b'descriptor\\n')\nprint('wrong', file=sys.stderr)"
    )

    assert result.stdout == "python\ndescriptor\n"
    assert result.stderr == "wrong\n"


async def test_output_past_the_limit_is_cut_and_says_so(run):
    result = await run("for _ in range(100): print('x' * 1_000_000)", limits=Limits(output_bytes=1000))

    assert result.outcome is Outcome.FINISHED
    assert result.truncated
    assert result.stdout.startswith("x" * 1000 + "\n[stdout cut here: 100000100 bytes were written")
    assert result.stdout_bytes == 100_000_100


async def test_a_traceback_shows_the_scripts_own_lines(run):
    result = await run("def divide(n):\n    return 1 / n\n\ndivide(0)", filename="mine.py")

    assert result.outcome is Outcome.RAISED
    assert result.error == (
        "Traceback (most recent call last):\n"
        '  File "mine.py", line 4, in <module>\n    divide(0)\n'
        '  File "mine.py", line 2, in divide\n    return 1 / n\n           ~~^~~\n'
        "ZeroDivisionError: division by zero\n"
    )


async def test_what_is_too_large_to_be_told_has_a_name(run):
    result = await run("raise ValueError('x' * (80 << 20))", limits=Limits(memory_mib=128))

    assert (result.outcome, result.error) == (Outcome.RAISED, "ValueError, which could not be told: MemoryError\n")


async def test_a_loop_is_interrupted_at_its_deadline_with_its_own_traceback(run):
    result = await run("while True:\n    pass", limits=Limits(timeout_seconds=1))

    assert result.outcome is Outcome.TIMED_OUT
    assert 'File "<glyph>", line' in result.error
    assert result.error.endswith("TimeoutError: the deadline of 1 s passed\n")
    assert (await run("'next'")).result_json == b'"next"'


async def test_code_that_ignores_the_interrupt_is_killed_and_the_error_says_where_it_was(run):
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass"

    result = await run(code, limits=Limits(timeout_seconds=1))

    assert result.outcome is Outcome.TIMED_OUT
    assert "did not react and was killed here" in result.error
    assert 'File "<glyph>", line' in result.error
    assert result.stderr == ""


async def test_code_that_kills_itself_is_killed(run):
    result = await run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n'still here'")

    assert result.outcome in (Outcome.KILLED, Outcome.OUT_OF_MEMORY)
    assert "killed" in result.error
    assert (await run("'next'")).result_json == b'"next"'


async def test_exit_zero_is_success_and_any_other_is_not(run):
    assert (await run("import sys\n_result = 5\nsys.exit(0)")).result_json == b"5"
    assert (await run("import sys\nsys.exit()")).outcome is Outcome.FINISHED
    assert (await run("import sys\nsys.exit('no input')")).error.endswith("SystemExit: no input\n")


async def test_a_worker_that_dies_is_an_answer(run):
    left = await run("import os\nprint('before')\nos._exit(7)")
    crashed = await run("import ctypes\nprint('before')\nctypes.string_at(1)")

    assert (left.outcome, left.stdout) == (Outcome.KILLED, "before\n")
    assert "exit status 7" in left.error
    assert (crashed.outcome, crashed.stdout) == (Outcome.KILLED, "before\n")
    assert "SIGSEGV" in crashed.error
    assert 'File "<glyph>", line 3' in crashed.error


async def test_a_missing_module_is_named(run):
    result = await run("import no_such_thing")

    assert (result.outcome, result.missing_module) == (Outcome.RAISED, "no_such_thing")


async def test_a_function_is_called_once_the_module_has_run(run):
    code = "async def double(n):\n    return 2 * n\n_result = 'not this'"

    assert (await run(code, call="double", call_with=(21,))).result_json == b"42"
    assert "no function 'missing'" in (await run(code, call="missing")).error


async def test_only_the_scripts_own_variables_are_captured(run):
    result = await run("import json\nx = 1\n_y = 2\ns = 'a' * 2000\ndef f(): pass", capture_variables=True)

    assert result.variables == {"x": "1", "s": "'" + "a" * 999 + "..."}


async def test_what_a_finished_script_attested_is_stored_in_order(run, home):
    result = await run("for n in range(5000): attest([f's{n}'], ['p'], ['c'])")

    assert (result.outcome, result.error) == (Outcome.FINISHED, "")
    assert [draft["subjects"] for draft in home.drafts] == [[f"s{n}"] for n in range(5000)]
    assert result.attestations == 5000


async def test_an_attestation_tells_its_id(run):
    assert (await run("attest(['s'], ['p'], ['c'])['id']")).result_json == b'"AS0"'


async def test_a_refused_attestation_fails_the_run_even_where_nobody_looked(run, home):
    home.refuse = "attest: the store is away"

    result = await run("attest(['s'], ['p'], ['c'])\n_result = 1")

    assert result.outcome is Outcome.RAISED
    assert "the store is away" in result.error


async def test_thirty_two_runs_at_once_keep_their_output_apart(run):
    results = await asyncio.gather(*(run(f"print('marker-{n}')\n{n}") for n in range(32)))

    assert [result.stdout for result in results] == [f"marker-{n}\n" for n in range(32)]
    assert [json.loads(result.result_json) for result in results] == list(range(32))


async def test_a_cancelled_run_says_so(pool, home, execution):
    asked = execution("while True:\n    pass")
    under_way = asyncio.create_task(pool.run(asked, home))
    await asyncio.sleep(0.1)

    assert pool.cancel(asked.id)

    result = await under_way
    assert result.outcome is Outcome.CANCELLED
    assert not pool.cancel(asked.id)


async def test_many_attestations_know_their_ids(run, home):
    code = "rows = [{'subjects': [f's{n}'], 'predicates': ['p'], 'contexts': ['c']} for n in range(5000)]\n"

    result = await run(code + "[each['id'] for each in attest_many(rows)]")

    assert json.loads(result.result_json) == [f"AS{n}" for n in range(5000)]


async def test_a_refused_attestation_raises_where_its_id_is_read_and_can_be_caught(run, home):
    home.refuse = "attest: the store is away"

    result = await run("try:\n    attest(['s'], ['p'], ['c'])['id']\nexcept RuntimeError as e:\n    _result = str(e)")

    assert (result.outcome, result.result_json) == (Outcome.FINISHED, b'"attest: the store is away"')


async def test_threads_attest_and_call_at_once(run, home):
    code = (
        "import threading\n"
        "def work(n):\n    for i in range(50):\n"
        "        attest([f'{n}-{i}'], ['p'], ['c'])['id']\n        last(subjects=['x'])\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]\n_result = 'done'"
    )

    result = await run(code)

    assert (result.result_json, result.error) == (b'"done"', "")
    assert len({draft["subjects"][0] for draft in home.drafts}) == 400


async def test_asking_for_input_says_that_nobody_is_there(run):
    result = await run("name = input('Your name? ')")

    assert result.outcome is Outcome.RAISED
    assert result.error.endswith(
        "RuntimeError: input(): nobody is there to type an answer; put the value into the code, "
        "or pass it as upstream\n"
    )
    assert (await run("import sys\nsys.stdin.read()")).result_json == b'""'


async def test_warnings_go_to_stderr_with_the_scripts_line_every_time(run):
    code = "import warnings\ndef old():\n    warnings.warn('use new()', DeprecationWarning, stacklevel=2)\nold()"

    for _ in range(3):
        result = await run(code, filename="mine.py")

        assert (result.outcome, result.stderr) == (
            Outcome.FINISHED,
            "mine.py:4: DeprecationWarning: use new()\n  old()\n",
        )


async def test_a_script_may_turn_warnings_into_errors(run):
    result = await run("import warnings\nwarnings.simplefilter('error')\nwarnings.warn('careful')")

    assert result.error.endswith("UserWarning: careful\n")


async def test_a_warning_of_the_compiler_names_the_scripts_line(run):
    result = await run("x = 1\nif x is 1:\n    pass", filename="mine.py")

    assert result.stderr.startswith('mine.py:2: SyntaxWarning: "is" with')


async def test_a_result_of_more_values_than_are_read_says_so_and_how_it_begins(run):
    result = await run("[[]] * 2_000_000")

    notice = json.loads(result.result_json)
    assert (result.outcome, notice["truncated"], notice["type"]) == (Outcome.FINISHED, True, "list")
    assert notice["bytes"] > 6_000_000
    assert notice["repr"].startswith("[[],")
    assert notice["repr"].endswith("...")
