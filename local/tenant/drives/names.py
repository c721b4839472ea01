"""Which names SharePoint takes.

Source: "Restrictions and limitations in OneDrive and SharePoint", support.microsoft.com (checked 2026-11). The
control interface does not ask here: a tenant can hold names that the API would refuse.
"""

from __future__ import annotations

from local.tenant.answers import GraphError

_FORBIDDEN = frozenset('"*:<>?/\\|')
_RESERVED = {"con", "prn", "aux", "nul", ".lock", "desktop.ini"} | {
    f"{device}{digit}" for device in ("com", "lpt") for digit in range(10)
}
LONGEST_NAME = 255


def check_name(name: str) -> None:
    """Raise the error that the API gives for a name that SharePoint does not take."""
    problem = (
        not name.strip()
        or name != name.strip(" ")
        or name.endswith(".")
        or len(name) > LONGEST_NAME
        or any(character in _FORBIDDEN or ord(character) < 32 for character in name)
        or name.casefold() in _RESERVED
        or "_vti_" in name
        or name.startswith("~$")
    )
    if problem:
        raise GraphError(400, "invalidRequest", "The provided name cannot contain these characters or is not allowed.")


def numbered(name: str, number: int, *, is_folder: bool) -> str:
    """Return `name 1.ext`, the way a conflict is renamed."""
    stem, dot, extension = name.rpartition(".")
    if is_folder or not dot or not stem:
        return f"{name} {number}"
    return f"{stem} {number}.{extension}"
