"""Whether a restore can be asked for like this. Pure: the snapshot itself is asked elsewhere."""

from __future__ import annotations

from shared_code.errors import InvalidSelectionError
from shared_code.model.resource import ResourceKind, check_resource_id
from shared_code.model.restore import RestoreRequest, Selection, TargetKind

MOST_IDS = 1_000
# 255 characters: the most of a mail folder's display name that Exchange takes, and of a SharePoint item's
# name. "Restrictions and limitations in OneDrive and SharePoint", support.microsoft.com, checked 2026-11. It does not
# say what counts as one. UTF-16 units, as .NET and Windows count, are the stricter reading: what passes fits anyway.
LONGEST_FOLDER_NAME = 255
_LONGEST_ID = 1_024
_DRIVE_FORBIDDEN = frozenset('"*:<>?/\\|')
_DRIVE_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", ".lock", "desktop.ini"}
    | {f"{device}{digit}" for device in ("com", "lpt") for digit in range(10)}
)


def kind_of(resource_id: str) -> ResourceKind:
    """The kind in a resource id. Raises InvalidIdError."""
    return ResourceKind(check_resource_id(resource_id).partition(".")[0])


def check_id(value: str) -> str:
    """Return ``value`` when it can be an id of Graph's, else raise InvalidSelectionError; anything else
    cannot be in a snapshot and is not put into queries."""
    if not (0 < len(value) <= _LONGEST_ID and value.isascii() and value.isprintable()):
        raise InvalidSelectionError("An item id is 1 to 1024 plain characters, as browsing a snapshot shows it.")
    return value


def check_request(request: RestoreRequest) -> None:
    """Raise InvalidSelectionError or InvalidIdError, saying what is expected, for a request that cannot be
    meant."""
    kind = kind_of(request.resource_id)
    _check_selection(request.selection)
    if request.target is TargetKind.ORIGINAL:
        if request.folder_name:
            raise InvalidSelectionError("'folder_name' goes with target 'folder' alone.")
        return
    _check_folder_name(request.folder_name)
    if kind is ResourceKind.DRIVE:
        _check_drive_folder_name(request.folder_name)


def _check_selection(selection: Selection) -> None:
    selection.check()
    ids = (*selection.folder_ids, *selection.item_ids)
    if len(ids) > MOST_IDS:
        raise InvalidSelectionError(
            f"One restore takes at most {MOST_IDS} ids; select folders or split it, {len(ids)} are too many."
        )
    for entry in ids:
        check_id(entry)


def _check_folder_name(name: str) -> None:
    if not name.strip():
        raise InvalidSelectionError("Target 'folder' needs a 'folder_name' that is not blank.")
    if len(name.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_FOLDER_NAME:
        raise InvalidSelectionError(
            f"'folder_name' has at most {LONGEST_FOLDER_NAME} characters in UTF-16; an emoji counts as two at least."
        )
    if "/" in name or any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in name):
        raise InvalidSelectionError(
            "'folder_name' is one plain name: no '/', no control characters, no broken Unicode."
        )


def _check_drive_folder_name(name: str) -> None:
    if any(c in _DRIVE_FORBIDDEN for c in name):
        raise InvalidSelectionError("SharePoint takes none of \" * : < > ? / \\ | in 'folder_name'.")
    if name != name.strip() or name.endswith("."):
        raise InvalidSelectionError(
            "SharePoint takes no 'folder_name' that begins or ends with a space or ends with a dot."
        )
    if name.casefold() in _DRIVE_RESERVED or "_vti_" in name.casefold() or name.startswith("~$"):
        raise InvalidSelectionError("That 'folder_name' is reserved by SharePoint; take another.")
