"""The host's own log lines: for people on a terminal, JSON everywhere else."""

from __future__ import annotations

import logging
import sys

import structlog


class _StandardError:
    """Whatever sys.stderr is when a line is written: a live display may have put itself in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(level: str) -> None:
    """Send what is at least that severe to standard error, the libraries' warnings included."""
    number = logging.getLevelNamesMapping()[level.upper()]
    person = sys.stderr.isatty()
    last = structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer()
    processors = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if person else "iso", utc=not person),
        *([] if person else [structlog.processors.format_exc_info]),
        last,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(_StandardError()),  # type: ignore[arg-type]
    )
    logging.basicConfig(level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s")
