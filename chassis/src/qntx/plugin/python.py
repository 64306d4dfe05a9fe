"""PythonService: QNTX's one call to run code."""

from __future__ import annotations

from typing import Any

from qntx.errors import MissingField
from qntx.model.execution import Execution
from qntx.plugin.executor import Executor
from qntx.protocol import python_pb2
from qntx.wire.execution import record, upstream_from_json


class PythonServicer:
    """`result` holds the whole record, since it is what QNTX's page parses."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def Execute(
        self, request: python_pb2.PythonExecuteRequest, _context: Any
    ) -> python_pb2.PythonExecuteResponse:
        result = await self._executor.run(self._asked(request))
        return python_pb2.PythonExecuteResponse(
            success=result.success, output=result.stdout, error=result.error, result=record(result)
        )

    def _asked(self, request: python_pb2.PythonExecuteRequest) -> Execution:
        if not request.code:
            raise MissingField("code")
        return Execution(
            code=request.code,
            id=self._executor.new_id(),
            limits=self._executor.limits,
            glyph_id=request.glyph_id,
            upstream=upstream_from_json(request.upstream_attestation),
        )
