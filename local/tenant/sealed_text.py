"""Opaque texts that only the simulator can make: cursors, pre-authenticated URLs, access tokens.

The payload is readable to whoever decodes it, as with many real ones, but a changed one is recognised.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

_TAG_BYTES = 12


class Sealer:
    """Seals small JSON values under a key that lives as long as the process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def seal(self, purpose: str, value: Any) -> str:
        """Return a URL-safe text that `open` with the same purpose turns back into `value`."""
        payload = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(purpose, payload) + payload).rstrip(b"=").decode("ascii")

    def open(self, purpose: str, text: str) -> Any:
        """Return the sealed value. Raises ValueError when the text was not made here for this purpose."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError as error:
            raise ValueError("not a sealed text") from error
        tag, payload = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(purpose, payload)) or self._canonical(raw) != text:
            raise ValueError("the text was changed or made for something else")
        return json.loads(payload)

    def _canonical(self, raw: bytes) -> str:
        # The last base64 digit can vary without changing the bytes: an edit there must be noticed too.
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")

    def _tag(self, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + payload, hashlib.sha256)[:_TAG_BYTES]
