"""`/metrics`: what the host and its plugins count, in the text format Prometheus reads.

Plugins count their own runs; theirs are fetched when asked for and put under the same names, told apart by `plugin`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from qntx import __version__
from qntx.errors import ChassisError
from qntx.host.plugins.client import PluginClient
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.model.job import JobState
from qntx.protocol import domain_pb2

PLUGIN_SECONDS = 3.0
"""A plugin that does not answer by then is left out."""

log = structlog.get_logger("qntx.host")

Count = Callable[[], Awaitable[int]]


class Counted(Collector):
    """Metrics that were gathered already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def router(
    registry: Registry, attestations: Count, capsules: Count, jobs: Callable[[], Awaitable[Mapping[str, int]]]
) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts and durations, of the host and of every plugin that runs."""
        told = await asyncio.gather(*(_of_plugin(plugin) for plugin in registry if plugin.state is State.RUNNING))
        gathered = [*_of_host(registry), *_merged(told)]
        gathered.append(CounterMetricFamily("qntx_stored_attestations", "Attestations stored", await attestations()))
        gathered.append(CounterMetricFamily("qntx_seals", "Records sealed in the audit trail", await capsules()))
        gathered.append(_jobs(await jobs()))
        shown = CollectorRegistry()
        shown.register(Counted(gathered))
        return Response(generate_latest(shown), media_type=CONTENT_TYPE_LATEST)

    return routes


def _of_host(registry: Registry) -> list[Metric]:
    build = GaugeMetricFamily("qntx_host_info", "The host's version", labels=["version"])
    build.add_metric([__version__], 1)
    states = GaugeMetricFamily("qntx_plugin_state", "1 for the state a plugin is in", labels=["plugin", "state"])
    healthy = GaugeMetricFamily("qntx_plugin_healthy", "Whether its Health said so last", labels=["plugin"])
    restarts = CounterMetricFamily("qntx_plugin_restarts", "Times it was started again", labels=["plugin"])
    serving = GaugeMetricFamily("qntx_replica_serving", "Whether it takes work", labels=["plugin", "replica"])
    for plugin in registry:
        for replica in plugin.replicas:
            serving.add_metric([plugin.name, str(replica.address)], replica.serving)
        for state in State:
            states.add_metric([plugin.name, state.value], plugin.state is state)
        healthy.add_metric([plugin.name], plugin.healthy)
        restarts.add_metric([plugin.name], plugin.restarts)
    return [build, states, healthy, restarts, serving]


def _jobs(counts: Mapping[str, int]) -> Metric:
    jobs = GaugeMetricFamily("qntx_jobs", "Jobs in each state", labels=["state"])
    for state in JobState:
        jobs.add_metric([state.value], counts.get(state.value, 0))
    return jobs


async def _of_plugin(plugin: Plugin) -> list[Metric]:
    """What it counts; of one that was attached, what each replica does, under a label of its address."""
    joined = [replica for replica in plugin.replicas if replica.joined]
    told = await asyncio.gather(*(_told(replica.client) for replica in joined))
    if not plugin.replicas:
        return await _told(plugin.client) if plugin.client is not None else []
    for replica, metrics in zip(joined, told, strict=True):
        for metric in metrics:
            named = {"replica": str(replica.address)}
            metric.samples = [sample._replace(labels={**sample.labels, **named}) for sample in metric.samples]
    return [metric for metrics in told for metric in metrics]


async def _told(client: PluginClient) -> list[Metric]:
    """Nothing where it has no /metrics, or says nothing that can be read."""
    request = domain_pb2.HTTPRequest(method="GET", path="/metrics")
    try:
        answer = await asyncio.wait_for(client.handle_http(request), PLUGIN_SECONDS)
        if answer.status_code != 200:
            return []
        return list(text_string_to_metric_families(answer.body.decode()))
    except (ChassisError, TimeoutError, ValueError) as fault:
        log.warning("a plugin's metrics cannot be read", plugin=client.name, reason=str(fault))
        return []


def _merged(told: Sequence[Sequence[Metric]]) -> list[Metric]:
    """One family of each name, with the samples of all."""
    merged: dict[str, Metric] = {}
    for metric in (each for metrics in told for each in metrics):
        if metric.name in merged:
            merged[metric.name].samples.extend(metric.samples)
        else:
            merged[metric.name] = metric
    return list(merged.values())
