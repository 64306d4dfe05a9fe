"""Every error the chassis raises.

A script that raises, overruns or is killed is not here: that is an Outcome, and the call that ran it succeeded.

ChassisError
    Refused                     the caller's fault; the same call fails again
        Conflict
        InvalidConfig
        InvalidManifest
        InvalidRequest
        InvalidScript
            MissingField
        NotFound
            NoIngestScript
            UnknownGlyph
            UnknownHandler
        NotPermitted
    Unavailable                 nobody's fault; the same call may succeed later
        Busy
        HostUnavailable
        PluginUnavailable
        WorkerLost
    CapsuleError                a record is wrong or cannot be kept; stop
        SealError
        ChainError
            ChainConflictError
        StorageError
        KeyringError
"""

from __future__ import annotations

from collections.abc import Collection


class ChassisError(Exception):
    """Something the chassis could not do. Its text is written for the person who asked."""


class Refused(ChassisError):
    """The request itself is at fault; sent again, it fails again."""


class Conflict(Refused):
    """It was changed meanwhile: what the caller would change is not there any more."""


class InvalidConfig(Refused):
    """A key of the configuration is unknown, or its value cannot be."""

    def __init__(self, where: str, fault: str) -> None:
        super().__init__(f"{where}: {fault}")
        self.where = where
        self.fault = fault


class InvalidManifest(Refused):
    """A variant's manifest says something that cannot be."""

    def __init__(self, where: str, fault: str) -> None:
        super().__init__(f"{where}: {fault}")
        self.where = where
        self.fault = fault


class InvalidRequest(Refused):
    """A field of a request is missing or wrong."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}")
        self.field = field
        self.fault = fault


class MissingField(InvalidRequest):
    """A field that must be there is not. Said as QNTX's own plugins say it."""

    def __init__(self, field: str, also: str = "") -> None:
        super().__init__(field, "missing")
        self.args = (f"Missing '{field}' field{also}",)


class InvalidScript(Refused):
    """A script, or something that it declares, cannot be read."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"line {line}: {fault}")
        self.line = line
        self.fault = fault


class NotFound(Refused):
    """There is no such thing."""


class NoIngestScript(NotFound):
    """No script takes this type of input, and no handler has that name."""

    def __init__(self, type_: str, near: Collection[str] = ()) -> None:
        nearest = f" Nearest: {', '.join(near)}." if near else ""
        super().__init__(f"No ingest script '{type_}' found. Create one using Python glyph.{nearest}")
        self.type = type_
        self.near = tuple(near)


class UnknownGlyph(NotFound):
    """No running plugin provides this glyph."""

    def __init__(self, glyph: str, provided: Collection[str]) -> None:
        known = ", ".join(sorted(provided)) or "none"
        super().__init__(f"no plugin provides glyph {glyph!r} (provided: {known})")
        self.glyph = glyph


class UnknownHandler(NotFound):
    """This plugin has no handler of that name."""

    def __init__(self, handler: str) -> None:
        super().__init__(f"Unknown handler: {handler}")
        self.handler = handler


class NotPermitted(Refused):
    """The caller may not do this."""


class Unavailable(ChassisError):
    """Nothing is wrong with the request; it may succeed later."""


class Busy(Unavailable):
    """As much is running and waiting as is allowed."""


class HostUnavailable(Unavailable):
    """The host, or a service of it, does not answer."""


class PluginUnavailable(Unavailable):
    """The plugin is starting, restarting or gone."""


class WorkerLost(Unavailable):
    """The machinery around a run broke, not the run."""


class CapsuleError(ChassisError):
    """An audit record is wrong, or could not be kept."""


class SealError(CapsuleError):
    """A record cannot be signed, or its signature cannot be checked."""


class ChainError(CapsuleError):
    """The order of the records is not what it was."""


class ChainConflictError(ChainError):
    """A sealed record's place in the chain is taken."""


class StorageError(CapsuleError):
    """The records cannot be read or kept."""


class KeyringError(CapsuleError):
    """The signing keys cannot be read or kept."""
