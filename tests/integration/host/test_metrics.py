"""`/metrics` of a real host: what happened is counted, and can be read by what reads such things."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def counted(host) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and the values of its labels."""
    answer = host.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def test_runs_are_counted_by_plugin_and_outcome(host):
    before = counted(host)

    host.execute("1 + 1")
    host.execute("1 / 0")
    host.execute("attest(['x'], ['metered'], contexts=['c'])['id']", glyph="py:bio")

    after = counted(host)
    key = "qntx_executions_total"
    assert after[key, "finished", "python"] - before[key, "finished", "python"] == 1
    assert after[key, "raised", "python"] - before[key, "raised", "python"] == 1
    assert after[key, "finished", "bio"] - before[key, "finished", "bio"] == 1
    stored = ("qntx_stored_attestations_total",)
    assert after[stored] - before[stored] == 1
    # A record is sealed after its run was answered.
    host.until(lambda: counted(host)["qntx_seals_total",] - before["qntx_seals_total",] >= 3)
    assert after["qntx_execution_seconds_count", "python"] - before["qntx_execution_seconds_count", "python"] == 2


def test_plugins_queues_workers_and_jobs_are_told(host):
    told = counted(host)

    for plugin in ("bio", "data", "python"):
        assert told["qntx_plugin_state", plugin, "running"] == 1
        assert told["qntx_plugin_healthy", plugin] == 1
        assert told["qntx_plugin_restarts_total", plugin] >= 0
        assert told["qntx_queued", plugin] == 0
        assert told["qntx_running_max", plugin] >= 1
        assert ("qntx_idle_workers", plugin) in told
        assert ("qntx_zygote_restarts_total", plugin) in told


def test_nothing_that_is_to_be_watched_is_missing(host):
    """Of the host and of each plugin, by name: what dashboards and alarms are made of."""
    host.execute("1")
    told = counted(host)
    names = {key[0] for key in told}

    assert names >= {
        "qntx_executions_total",
        "qntx_execution_seconds_bucket",
        "qntx_execution_seconds_sum",
        "qntx_execution_seconds_count",
        "qntx_queued",
        "qntx_queued_max",
        "qntx_running",
        "qntx_running_max",
        "qntx_idle_workers",
        "qntx_sessions",
        "qntx_zygote_restarts_total",
        "qntx_attestations_total",
        "qntx_host_info",
        "qntx_plugin_state",
        "qntx_plugin_healthy",
        "qntx_plugin_restarts_total",
        "qntx_stored_attestations_total",
        "qntx_seals_total",
        "qntx_jobs",
    }
    outcomes = {key[1] for key in told if key[0] == "qntx_executions_total"}
    assert outcomes == {"finished", "raised", "timed_out", "cancelled", "out_of_memory", "killed"}
    assert {key[1] for key in told if key[0] == "qntx_jobs"} >= {"queued", "running", "completed", "failed"}
