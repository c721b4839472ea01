"""What a copier is told to do, and what it tells of it: both cross a process border as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Uploads(StrEnum):
    """How a copier puts blobs.

    ``SDK``: as one writes it with the libraries of this project and their documentation: the async client of
    azure-storage-blob, opened with the connection string. ``BARE``: requests made by hand, with a SAS; the least that
    an upload can cost.
    """

    SDK = "sdk"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Destination:
    """A container that exists. ``container_url`` and ``container_sas`` are for bare uploads, the rest for the SDK's."""

    uploads: Uploads
    connection_string: str
    container_name: str
    container_url: str
    container_sas: str
    bare_block_bytes: int
    blocks_at_once: int


@dataclass(frozen=True, slots=True)
class Job:
    """``cursors`` (feed address -> delta link) come from an earlier result, and then only changes are copied."""

    graph_url: str
    tenant_id: str
    client_id: str
    client_secret: str
    destination: Destination
    drive_ids: list[str]
    mailboxes: list[list[str]]
    """Pairs of user id and mailbox id."""
    file_select: list[str]
    file_page_size: int
    mail_select: list[str]
    mail_page_size: int
    files_at_once: int
    messages_at_once: int
    stream_from_bytes: int
    cursors: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Result:
    """What was copied, what it cost, and where to go on."""

    items: int = 0
    size_bytes: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    cursors: dict[str, str] = field(default_factory=dict)
