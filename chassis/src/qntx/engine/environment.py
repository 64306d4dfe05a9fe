"""What workers see of the plugin's environment: an allowlist, and what makes them fork well."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
# A library that starts threads when it is imported could not be preloaded: what has threads cannot be forked.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
# Arrow's own allocator takes a GiB at once, whatever it needs; a run's memory limit would refuse that.
FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
HUGE_PAGES = "glibc.malloc.hugetlb=1"


def worker_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The zygote's environment, which its workers inherit."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**ONE_THREAD, **FRUGAL, **_allocator(), **inherited, **given}


def _allocator() -> dict[str, str]:
    """mimalloc, where Python brings it, forks cheaper than the default and is as fast for scripts."""
    if sys.version_info < (3, 13):
        return {}
    return {"PYTHONMALLOC": "mimalloc", "GLIBC_TUNABLES": HUGE_PAGES}
