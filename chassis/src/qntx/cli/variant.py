"""Variants: what there is, and an environment for each."""

from __future__ import annotations

import click


@click.group("variant")
def command() -> None:
    """List, build and start variants of the plugin family."""
