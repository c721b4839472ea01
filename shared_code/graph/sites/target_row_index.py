"""Which rows a list at the target has, by their values. Holds a digest a row, so a large list fits into memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared_code.graph.sites.columns import CONTENT_TYPE


class RowIndex:
    """Rows of one list. A row is known by its number."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, list[str]] = {}
        self._digests: dict[str, bytes] = {}
        self._lone: dict[str, dict[str, Any]] = {}

    def put(self, number: str, values: Mapping[str, Any]) -> None:
        """Take note of a row, or of its new values."""
        digest = _digest(values)
        old = self._digests.get(number)
        if old is not None and old != digest:
            self._numbers[old].remove(number)
        if old != digest:
            self._numbers.setdefault(digest, []).append(number)
            self._digests[number] = digest
        self._lone.pop(number, None)
        own = {name: value for name, value in values.items() if name != CONTENT_TYPE}
        if len(own) == 1:
            self._lone[number] = own

    def equal(self, values: Mapping[str, Any]) -> list[str]:
        """Rows with exactly these values, in the order in which they were noted."""
        return list(self._numbers.get(_digest(values), ()))

    def begun(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Rows that hold nothing but one of these values: they were made for a lookup."""
        own = {name: value for name, value in values.items() if name != CONTENT_TYPE}
        for number, held in list(self._lone.items()):
            if held != own and all(values.get(name) == value for name, value in held.items()):
                yield number


def _digest(values: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()[:16]
