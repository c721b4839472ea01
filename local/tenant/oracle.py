"""The full truth about a mailbox or a drive, without ids, in an order that depends on the content alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from local.tenant.answers import Json
from local.tenant.drives.content import quick_xor_of, sha256_of
from local.tenant.drives.drive import Drive
from local.tenant.mailboxes.mailbox import Mailbox


def mailbox_truth(mailbox: Mailbox) -> Iterator[Json]:
    """Yield one record for each folder and each item, folders in order of their paths."""
    folders = [folder for folder in mailbox.subtree(mailbox.root) if folder.parent is not None]
    for folder in sorted(folders, key=mailbox.path_of):
        path = mailbox.path_of(folder)
        yield {
            "record": "folder",
            "path": path,
            "type": folder.folder_type,
            "hidden": folder.hidden,
            "well_known": folder.well_known,
            "count": folder.count,
        }
        lines: list[str] = []
        for item in mailbox.items_in(folder):
            mime = item.mime
            record = {
                "record": "item",
                "folder": path,
                **item.describe(),
                "mime_sha256": None if mime is None else hashlib.sha256(mime).hexdigest(),
            }
            lines.append(json.dumps(record, sort_keys=True))
        lines.sort()
        for line in lines:
            yield json.loads(line)


def drive_truth(drive: Drive) -> Iterator[Json]:
    """Yield one record for each item below the root, in order of their paths."""
    items = [(drive.path_of(item), item) for item in drive.subtree(drive.root) if item.parent is not None]
    for path, item in sorted(items, key=lambda pair: pair[0]):
        content = item.content
        yield {
            "record": item.kind,
            "path": path,
            "size_bytes": item.size_bytes,
            "sha256": None if content is None else sha256_of(content),
            "quick_xor_hash": None if content is None else quick_xor_of(content),
            "created": item.created,
            "modified": item.modified,
            "malware": item.malware,
        }
