"""Where a machine's QNTX data is kept: `QNTX_HOME`, by default `~/.qntx`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folders and files under one root. Naming them creates nothing."""

    root: Path

    @classmethod
    def find(cls) -> Home:
        """The one that `QNTX_HOME` names, else the default."""
        return cls(Path(os.environ.get("QNTX_HOME") or "~/.qntx").expanduser().absolute())

    def create(self) -> None:
        """Make the folders that are missing, the root for its owner alone: it holds keys and records."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.plugins, self.environments, self.logs):
            folder.mkdir(exist_ok=True)
        self.keys.mkdir(exist_ok=True, mode=0o700)

    @property
    def config(self) -> Path:
        return self.root / "am.toml"

    @property
    def plugins(self) -> Path:
        """Launchers; the QNTX core looks here too."""
        return self.root / "plugins"

    @property
    def environments(self) -> Path:
        """One folder a variant, built by `qntx variant sync`."""
        return self.root / "environments"

    @property
    def attestations(self) -> Path:
        return self.root / "attestations.db"

    @property
    def pulse(self) -> Path:
        return self.root / "pulse.db"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs.db"

    @property
    def watchers(self) -> Path:
        return self.root / "watchers.db"

    @property
    def canvas(self) -> Path:
        return self.root / "canvas.db"

    @property
    def capsules(self) -> Path:
        return self.root / "capsules.db"

    @property
    def shared_runs(self) -> Path:
        """What was started here and has no record yet, where the audit trail is shared."""
        return self.root / "shared-capsules-runs"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def tokens(self) -> Path:
        """Digests of the tokens that let callers in."""
        return self.keys / "tokens.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def presence(self) -> Path:
        """Which host is running, and where it answers."""
        return self.root / "host.json"
