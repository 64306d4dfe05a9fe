"""The audit record: what ran, sealed and chained."""

from __future__ import annotations

from typing import Any

from qp_capsule import __version__
from qp_capsule.capsule import (
    ADDED_CONTENT_DEFAULTS,
    AuthoritySection,
    Capsule,
    CapsuleType,
    ContextSection,
    ExecutionSection,
    OutcomeSection,
    ReasoningOption,
    ReasoningSection,
    ToolCall,
    TriggerSection,
    attach_stored_document,
    content_for_hash,
    stored_document,
    to_stored_sealed_dict,
)
from qp_capsule.keyring import Epoch
from qp_capsule.validation import CapsuleValidationResult, validate_capsule, validate_capsule_dict

from qntx.capsules.audit import Capsules
from qntx.capsules.chain import CapsuleChain
from qntx.capsules.fastapi import mount_capsules
from qntx.capsules.keyring import Keyring
from qntx.capsules.recorder import Recorder, Run
from qntx.capsules.seal import Seal, SealVerificationResult, SealVerifyCode, compute_hash
from qntx.capsules.storage import postgres_storage
from qntx.capsules.storage.base import CapsuleStorageProtocol
from qntx.capsules.storage.memory import MemoryStorage
from qntx.capsules.storage.sqlite import CapsuleStorage
from qntx.capsules.verify import ChainVerificationResult, Level
from qntx.errors import CapsuleError, ChainConflictError, ChainError, KeyringError, SealError, StorageError

__all__ = [
    "ADDED_CONTENT_DEFAULTS",
    "AuthoritySection",
    "Capsule",
    "CapsuleChain",
    "CapsuleError",
    "CapsuleStorage",
    "CapsuleStorageProtocol",
    "CapsuleType",
    "CapsuleValidationResult",
    "Capsules",
    "ChainConflictError",
    "ChainError",
    "ChainVerificationResult",
    "ContextSection",
    "Epoch",
    "ExecutionSection",
    "Keyring",
    "KeyringError",
    "Level",
    "MemoryStorage",
    "OutcomeSection",
    "ReasoningOption",
    "ReasoningSection",
    "Recorder",
    "Run",
    "Seal",
    "SealError",
    "SealVerificationResult",
    "SealVerifyCode",
    "StorageError",
    "ToolCall",
    "TriggerSection",
    "__version__",
    "attach_stored_document",
    "compute_hash",
    "content_for_hash",
    "mount_capsules",
    "stored_document",
    "to_stored_sealed_dict",
    "validate_capsule",
    "validate_capsule_dict",
]


def __getattr__(name: str) -> Any:
    """The PostgreSQL storage under the names that users of the protocol know, without psycopg until it is asked for."""
    if name in ("PostgresCapsuleStorage", "CapsuleStoragePG"):
        return postgres_storage()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
