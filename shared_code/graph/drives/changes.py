"""What the drive API says of files and folders, as changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared_code.graph.drives.quickxor import PREFIX
from shared_code.graph.odata import size_of, text_of, time_of
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause

# The annotation is selected by the name of the stream property that it belongs to:
# ``@microsoft.graph.downloadUrl`` itself is not accepted everywhere (OneDrive/onedrive-api-docs issue 606,
# checked 2026-11).
ITEM_SELECT = (
    "id",
    "name",
    "size",
    "eTag",
    "cTag",
    "file",
    "folder",
    "package",
    "root",
    "deleted",
    "malware",
    "shared",
    "publication",
    "parentReference",
    "fileSystemInfo",
    "createdDateTime",
    "lastModifiedDateTime",
    "createdBy",
    "lastModifiedBy",
    "content.downloadUrl",
)
DOWNLOAD_URL = "download_url"
_URL_ANNOTATION = "@microsoft.graph.downloadUrl"


def drive_change(value: Mapping[str, Any]) -> Change | None:
    """A driveItem as a change; None for one without an id. The root is a folder with the parent ""."""
    item_id = text_of(value.get("id"))
    if not item_id:
        return None
    kind = _kind(value)
    if value.get("deleted") is not None:
        return Change(item_id, kind, deleted=True)
    is_root = value.get("root") is not None
    is_file = kind is ItemKind.FILE
    url = value.get(_URL_ANNOTATION)
    file_times = _object(value.get("fileSystemInfo"))
    return Change(
        item_id,
        kind,
        parent_id="" if is_root else text_of(_object(value.get("parentReference")).get("id")),
        name=text_of(value.get("name")),
        time=time_of(file_times.get("lastModifiedDateTime")) or time_of(value.get("lastModifiedDateTime")),
        size_bytes=size_of(value.get("size")) if is_file else 0,
        etag=text_of(value.get("eTag")),
        content_hash=_content_hash(value) if is_file else "",
        skip_cause=_skip_cause(value),
        properties=_properties(value, is_root=is_root),
        transient={DOWNLOAD_URL: url} if isinstance(url, str) and url else {},
    )


def _kind(value: Mapping[str, Any]) -> ItemKind:
    # A package (a OneNote notebook) is a folder that shows itself as one thing.
    return ItemKind.FILE if value.get("file") is not None else ItemKind.FOLDER


def _skip_cause(value: Mapping[str, Any]) -> str:
    if value.get("malware") is not None:
        return SkipCause.MALWARE
    return SkipCause.NOTEBOOK_PACKAGE if value.get("package") is not None else ""


def _is_checked_out(value: Mapping[str, Any]) -> bool:
    """What is read of such a file is what was last checked in; the draft is for its author alone."""
    return text_of(_object(value.get("publication")).get("level")) == "checkout"


def _content_hash(value: Mapping[str, Any]) -> str:
    hashes = _object(_object(value.get("file")).get("hashes"))
    quick_xor = text_of(hashes.get("quickXorHash"))
    return PREFIX + quick_xor if quick_xor else ""


def _properties(value: Mapping[str, Any], *, is_root: bool) -> dict[str, Any]:
    """What a restore or a report needs besides; only what is there."""
    file_times = _object(value.get("fileSystemInfo"))
    found: dict[str, Any] = {
        "cTag": text_of(value.get("cTag")),
        "mimeType": text_of(_object(value.get("file")).get("mimeType")),
        "createdDateTime": text_of(value.get("createdDateTime")),
        "lastModifiedDateTime": text_of(value.get("lastModifiedDateTime")),
        "fileSystemInfo": {
            name: text_of(file_times.get(name))
            for name in ("createdDateTime", "lastModifiedDateTime")
            if file_times.get(name)
        },
        "createdBy": _actor(value.get("createdBy")),
        "lastModifiedBy": _actor(value.get("lastModifiedBy")),
        "shared": value.get("shared") is not None,
        "withheld": SkipCause.CHECKED_OUT_DRAFT if _is_checked_out(value) else "",
        "root": is_root,
        "packageType": text_of(_object(value.get("package")).get("type")),
    }
    return {name: entry for name, entry in found.items() if entry}


def _actor(identity_set: object) -> str:
    identities = _object(identity_set)
    for kind in ("user", "application", "device"):
        actor_id = text_of(_object(identities.get(kind)).get("id"))
        if actor_id:
            return f"{kind}:{actor_id}"
    return ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
