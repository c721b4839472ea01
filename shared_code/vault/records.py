"""The form of every small record: canonical JSON with the SHA-256 of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shared_code.errors import IntegrityError, InvalidIdError

T = TypeVar("T")

_DIGEST = "sha256"


def encode_record(record: Mapping[str, Any]) -> bytes:
    """ASCII JSON of ``record`` with its own digest; the same record gives the same bytes."""
    return _canonical({**record, _DIGEST: hashlib.sha256(_canonical(record)).hexdigest()})


def decode_record(name: str, data: bytes) -> Mapping[str, Any]:
    """Inverse of encode_record. Raises IntegrityError naming ``name`` for what is no intact record, or names no format
    version."""
    try:
        record: dict[str, Any] = json.loads(data)
        digest = record.pop(_DIGEST)
        is_intact = hashlib.sha256(_canonical(record)).hexdigest() == digest
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise IntegrityError(f"The record {name} is not readable.", name=name) from error
    if not is_intact:
        raise IntegrityError(f"The record {name} is damaged: it does not hash to what it says.", name=name)
    if not isinstance(record.get("format"), int):
        raise IntegrityError(f"The record {name} names no format version.", name=name)
    return record


def parse_record(name: str, data: bytes, parse: Callable[[Mapping[str, Any]], T]) -> T:
    """``parse`` what decode_record returns. What hashes to what it says may still be no record, for anybody can hash.
    Raises IntegrityError, UnsupportedFormatError."""
    record = decode_record(name, data)
    try:
        return parse(record)
    except (InvalidIdError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise IntegrityError(f"The record {name} is not what it should be.", name=name) from error


def _canonical(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), sort_keys=True).encode("ascii")
