"""The file system's times of a drive item, as a client sets them."""

from __future__ import annotations

from local.tenant.answers import Json, bad_request
from local.tenant.clock import parse_time
from local.tenant.drives.item import DriveItem


def apply_times(item: DriveItem, info: Json | None) -> None:
    """Set an item's file system times from a fileSystemInfo. Raises 400 for times that cannot be read."""
    if not info:
        return
    try:
        for key, attribute in (("createdDateTime", "created"), ("lastModifiedDateTime", "modified")):
            if info.get(key):
                moment = parse_time(str(info[key]))
                setattr(item, attribute, moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    except ValueError as error:
        raise bad_request("The fileSystemInfo holds a time that cannot be read.", "invalidRequest") from error
