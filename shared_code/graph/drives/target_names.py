"""Names at the drive that is restored into. Pure.

"Restrictions and limitations in OneDrive and SharePoint", support.microsoft.com (checked 2026-11). A stored
name that cannot be written again is never a reason to lose the file: it comes back under an escaped name.
"""

from __future__ import annotations

import hashlib

LONGEST_NAME = 255
_FORBIDDEN = frozenset('"*:<>?/\\|')
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", ".lock", "desktop.ini"}
    | {f"{device}{digit}" for device in ("com", "lpt") for digit in range(10)}
)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_()")
_DIGEST_CHARACTERS = 8


def is_writable(name: str) -> bool:
    """Whether SharePoint takes the name, as far as its documentation says."""
    return bool(
        name
        and name == name.strip()
        and not name.endswith(".")
        and _length(name) <= LONGEST_NAME
        and not any(c in _FORBIDDEN or ord(c) < 32 or ord(c) == 0x7F or _is_surrogate(c) for c in name)
        and name.casefold() not in _RESERVED
        and "_vti_" not in name.casefold()
        and not name.startswith("~$")
    )


def escaped(name: str) -> str:
    """A name that is taken everywhere, the same for the same name: other characters than the plainest become
    ``%`` and hexadecimal digits, and the SHA-256 of the name makes it one of its own."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]
    stem, extension = split(name)
    stem, extension = _plain(stem).strip(), _plain(extension.removeprefix("."))
    tail = f" ({digest})" + (f".{extension}" if extension and len(extension) <= 20 else "")
    return stem[: LONGEST_NAME - len(tail)] + tail if stem else tail.strip()


def numbered(name: str, number: int) -> str:
    """``name (restored).ext``, then ``name (restored 2).ext`` and so on, cut where it gets too long."""
    stem, extension = split(name)
    extension = extension if _length(extension) <= 20 else ""
    tail = (" (restored)" if number == 1 else f" (restored {number})") + extension
    while _length(stem) + _length(tail) > LONGEST_NAME:
        stem = stem[:-1]
    return stem.rstrip() + tail


def split(name: str) -> tuple[str, str]:
    """Stem and extension with its dot; a name that only begins with a dot has no extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem and extension else (name, "")


def _plain(text: str) -> str:
    return "".join(c if c in _PLAIN else "".join(f"%{byte:02X}" for byte in _bytes(c)) for c in text)


def _bytes(character: str) -> bytes:
    return character.encode("utf-8", "surrogatepass")


def _is_surrogate(character: str) -> bool:
    return 0xD800 <= ord(character) < 0xE000


def _length(name: str) -> int:
    return len(name.encode("utf-16-le", "surrogatepass")) // 2
