"""What the zygote made stays as it is: its objects count no references any more.

Python writes to an object whenever it is looked at: it counts who refers to it. In a worker each such write makes the
kernel copy a page of the zygote's, and most pages that a worker copied were copied for that alone. Since Python 3.12
there are objects that count nothing (PEP 683), None among them. Making the zygote's the same halves what a worker owns
and what its start costs. Where Python has no such objects, workers are only heavier.

Such an object is never freed, which a worker is too short-lived to notice.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import sysconfig
from types import CodeType, FunctionType

_IMMORTAL = 0xFFFFFFFF
_count_at = ctypes.c_uint32.from_address


def immortalize() -> None:
    """Everything that lives now; called before gc.freeze(), which hides it."""
    if not _possible():
        return
    everything = gc.get_objects()
    codes: list[CodeType] = []
    for each in everything:
        _count_at(id(each)).value = _IMMORTAL
        if type(each) is FunctionType:
            codes.append(each.__code__)
    # The collector does not know code and what it holds.
    while codes:
        code = codes.pop()
        for each in (code, code.co_consts, *code.co_consts):
            _count_at(id(each)).value = _IMMORTAL
        codes += [each for each in code.co_consts if type(each) is CodeType]


def _possible() -> bool:
    """Is the count where we look for it, and does it stand still at that value?"""
    if sys.implementation.name != "cpython" or sys.byteorder != "little":
        return False
    if hasattr(sys, "getobjects") or sysconfig.get_config_var("Py_GIL_DISABLED"):
        # Builds whose objects begin with something else.
        return False
    probe = object()
    _count_at(id(probe)).value = _IMMORTAL
    before = sys.getrefcount(probe)
    references = [probe] * 3
    return sys.getrefcount(probe) == before and len(references) == 3
