"""The watchers a plugin declares at Initialize, as ours."""

from __future__ import annotations

import json
from collections.abc import Iterable

from qntx.model.attestation import Filter
from qntx.model.watcher import Action, Watcher
from qntx.protocol import domain_pb2
from qntx.wire.caller import of_handler


def declared(plugin: str, registrations: Iterable[domain_pb2.WatcherRegistration]) -> list[Watcher]:
    """Ids and names as QNTX forms them; whose they are is recorded, and not guessed from the id later."""
    return [
        Watcher(
            id=f"{plugin}-{one.id}",
            name=f"{plugin}/{one.id}",
            wanted=Filter(tuple(one.subjects), tuple(one.predicates), tuple(one.contexts), tuple(one.actors)),
            action=Action.PLUGIN_EXECUTE,
            action_data=json.dumps({"plugin_name": plugin, "handler_name": one.handler_name}),
            max_fires_per_second=one.max_fires_per_second,
            plugin=plugin,
            principal=of_handler(plugin, one.handler_name),
        )
        for one in registrations
    ]
