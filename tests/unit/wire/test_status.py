"""Every error of the chassis has a status on both wires."""

from __future__ import annotations

import grpc
import pytest

from qntx import errors
from qntx.wire.status import STATUSES, status_of


def _every(kind: type[errors.ChassisError]) -> list[type[errors.ChassisError]]:
    return [kind, *(deeper for direct in kind.__subclasses__() for deeper in _every(direct))]


def test_every_branch_has_a_status():
    assert set(errors.ChassisError.__subclasses__()) <= set(STATUSES)


@pytest.mark.parametrize("kind", [kind for kind in _every(errors.ChassisError) if kind is not errors.ChassisError])
def test_every_error_finds_its_status(kind):
    status = status_of(kind.__new__(kind))

    assert status.grpc is not grpc.StatusCode.OK
    assert 400 <= status.http <= 599


@pytest.mark.parametrize(
    ("error", "code", "http"),
    [
        (errors.InvalidRequest("timeout_secs", "negative"), grpc.StatusCode.INVALID_ARGUMENT, 400),
        (errors.MissingField("code"), grpc.StatusCode.INVALID_ARGUMENT, 400),
        (errors.Conflict("changed"), grpc.StatusCode.ABORTED, 409),
        (errors.UnknownHandler("x"), grpc.StatusCode.NOT_FOUND, 404),
        (errors.NotPermitted("no"), grpc.StatusCode.PERMISSION_DENIED, 403),
        (errors.Busy("full"), grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (errors.WorkerLost("gone"), grpc.StatusCode.UNAVAILABLE, 503),
        (errors.SealError("broken"), grpc.StatusCode.DATA_LOSS, 500),
    ],
)
def test_an_error_takes_the_status_of_its_nearest_ancestor(error, code, http):
    assert status_of(error) == (code, http)
