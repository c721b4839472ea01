"""One file or folder of a drive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from local.tenant.drives.content import Content
from local.tenant.drives.grants import Grant

Kind = Literal["folder", "file", "package"]
HASHED_UP_TO_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """What a file was before its content changed. `modified` is the service's time."""

    number: int
    content: Content
    modified: str


@dataclass(slots=True)
class DriveItem:
    """`created` and `modified` are the file system's times, `made_at` and `changed_at` the service's."""

    number: int
    name: str
    parent: int | None
    kind: Kind
    created: str
    modified: str
    made_at: str
    changed_at: str
    content: Content | None = None
    etag_version: int = 1
    ctag_version: int = 1
    seq: int = 0
    malware: str | None = None
    package_type: str = "oneNote"
    shared_scope: str | None = None
    hash_wanted: bool = False
    without_hash: bool = False
    known_hash: str | None = field(default=None, repr=False)
    earlier: list[EarlierVersion] = field(default_factory=list, repr=False)
    version_number: int = 1
    grants: list[Grant] = field(default_factory=list, repr=False)
    checked_out_by: str = ""
    draft: Content | None = field(default=None, repr=False)

    @property
    def size_bytes(self) -> int:
        """Size of the content; 0 for folders and packages."""
        return self.content.size_bytes if self.content is not None else 0
