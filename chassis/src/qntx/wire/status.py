"""What each error is as a gRPC status and as an HTTP status.

Every branch of qntx.errors has one of each; an error takes that of its nearest ancestor.
"""

from __future__ import annotations

from typing import NamedTuple

import grpc

from qntx import errors


class Status(NamedTuple):
    grpc: grpc.StatusCode
    http: int


STATUSES: dict[type[errors.ChassisError], Status] = {
    errors.Refused: Status(grpc.StatusCode.INVALID_ARGUMENT, 400),
    errors.Conflict: Status(grpc.StatusCode.ABORTED, 409),
    errors.NotFound: Status(grpc.StatusCode.NOT_FOUND, 404),
    errors.NotPermitted: Status(grpc.StatusCode.PERMISSION_DENIED, 403),
    errors.Unavailable: Status(grpc.StatusCode.UNAVAILABLE, 503),
    errors.Busy: Status(grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    errors.CapsuleError: Status(grpc.StatusCode.DATA_LOSS, 500),
}


def status_of(error: errors.ChassisError) -> Status:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
