"""The schedules a plugin declares at Initialize, as ours."""

from __future__ import annotations

import json
from collections.abc import Iterable

from qntx.model.schedule import ScheduleDraft, ScheduleState
from qntx.protocol import domain_pb2
from qntx.wire.caller import of_handler


def declared(plugin: str, schedules: Iterable[domain_pb2.ScheduleInfo]) -> list[ScheduleDraft]:
    """Those without an interval are left out: they are offers, and nothing fires them."""
    return [
        ScheduleDraft(
            handler_name=f"{plugin}/{one.handler_name}",
            interval_seconds=one.interval_seconds,
            payload_json=b"null",
            ats_code=one.ats_code,
            metadata_json=json.dumps({"plugin": plugin, "description": one.description}),
            declared_by=plugin,
            principal=of_handler(plugin, one.handler_name),
            state=ScheduleState.ACTIVE if one.enabled_by_default else ScheduleState.PAUSED,
        )
        for one in schedules
        if one.interval_seconds > 0
    ]
