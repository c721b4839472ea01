"""What Graph's JSON becomes, hostile JSON included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared_code.errors import SourceUnavailableError
from shared_code.graph.drives.changes import drive_change
from shared_code.graph.mailboxes.changes import (
    folder_change,
    folder_of_feed,
    item_change,
    items_feed,
    kind_of,
    without_duplicates,
)
from shared_code.graph.mailboxes.fetch import groups_of
from shared_code.graph.odata import next_cursor, size_of, text_of, time_of, values_of
from shared_code.model.item import Change, ItemKind

ODD: list[Any] = [None, 1, True, 1.5, "x", [], {}, [1], {"id": 1}]


@pytest.mark.parametrize(
    ("message_class", "kind"),
    [
        ("IPM.Note", ItemKind.MESSAGE),
        ("ipm.note", ItemKind.MESSAGE),
        ("IPM.Note.SMIME", ItemKind.MESSAGE),
        ("IPM.Schedule.Meeting.Request", ItemKind.MESSAGE),
        ("REPORT.IPM.Note.NDR", ItemKind.MESSAGE),
        ("IPM.Appointment", ItemKind.EVENT),
        ("IPM.Appointment.Custom", ItemKind.EVENT),
        ("IPM.Contact", ItemKind.CONTACT),
        ("IPM.DistList", ItemKind.CONTACT),
        ("IPM.Task", ItemKind.TASK),
        ("IPM.TaskRequest", ItemKind.OTHER_MAIL_ITEM),
        ("IPM.StickyNote", ItemKind.NOTE),
        ("IPM.Notebook", ItemKind.OTHER_MAIL_ITEM),
        ("", ItemKind.OTHER_MAIL_ITEM),
    ],
)
def test_kinds(message_class: str, kind: ItemKind) -> None:
    assert kind_of(message_class) is kind


def test_the_root_of_a_mailbox_is_no_item_and_its_children_have_no_parent() -> None:
    child = {"id": "f", "displayName": "F", "parentFolderId": "root", "type": "IPF.Note"}
    assert folder_change({"id": "root", "parentFolderId": None}, "root", {}) is None
    change = folder_change(child, "root", {"f": "inbox"})
    assert change == Change(
        "f",
        ItemKind.MAIL_FOLDER,
        name="F",
        opens_feed="items:f",
        properties={"type": "IPF.Note", "wellKnownName": "inbox"},
    )
    nested = folder_change({**child, "parentFolderId": "other"}, "root", {})
    assert nested is not None
    assert nested.parent_id == "other"


def test_feeds_name_their_folder() -> None:
    assert folder_of_feed(items_feed("a:b")) == "a:b"
    with pytest.raises(ValueError, match="no feed"):
        folder_of_feed("folders")


def test_the_last_word_on_an_item_wins() -> None:
    values = [{"id": "a", "changeKey": "1"}, {"id": "b"}, {"id": "a", "@removed": {"reason": "deleted"}}]
    changes = without_duplicates([change for value in values if (change := item_change(value, "f"))])
    assert [(change.item_id, change.deleted) for change in changes] == [("a", True), ("b", False)]


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_never_raise(odd: Any) -> None:
    names = ("displayName", "parentFolderId", "type", "size", "changeKey", "categories", "createdDateTime")
    assert item_change({"id": "a", **dict.fromkeys(names, odd)}, "f") is not None
    assert folder_change({"id": "a", **dict.fromkeys(names, odd)}, "root", {}) is not None
    facets = ("file", "folder", "parentReference", "fileSystemInfo", "createdBy", "size", "name", "eTag")
    change = drive_change({"id": "a", **dict.fromkeys(facets, odd)})
    assert change is not None
    assert Change.from_json(change.to_json()) == change
    assert item_change({"id": odd if odd != "x" else ""}, "f") is None
    assert drive_change({"id": odd if odd != "x" else ""}) is None


def test_files_folders_and_deletions_of_a_drive() -> None:
    file = drive_change(
        {
            "id": "f",
            "name": "n",
            "size": "7",
            "eTag": "e",
            "cTag": "c",
            "file": {"hashes": {"quickXorHash": "h"}, "mimeType": "text/plain"},
            "parentReference": {"id": "p"},
            "lastModifiedDateTime": "2026-01-01T00:00:00Z",
            "@microsoft.graph.downloadUrl": "https://x",
        }
    )
    assert file == Change(
        "f",
        ItemKind.FILE,
        parent_id="p",
        name="n",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        size_bytes=7,
        etag="e",
        content_hash="quickXorHash:h",
        properties={"cTag": "c", "mimeType": "text/plain", "lastModifiedDateTime": "2026-01-01T00:00:00Z"},
    )
    assert file is not None
    assert file.transient == {"download_url": "https://x"}
    folder = drive_change({"id": "d", "folder": {}, "size": 99, "parentReference": {"id": "p"}})
    assert folder is not None
    assert (folder.kind, folder.size_bytes) == (ItemKind.FOLDER, 0)
    gone = drive_change({"id": "f", "deleted": {}, "file": {}})
    assert gone == Change("f", ItemKind.FILE, deleted=True)


def test_groups_are_bounded_by_number_and_size() -> None:
    mib = 1024 * 1024
    sizes = [10] * 45 + [3 * mib] * 7 + [5 * mib, 10]
    changes = [Change(str(n), ItemKind.MESSAGE, size_bytes=size) for n, size in enumerate(sizes)]
    groups = list(groups_of(changes))
    assert sorted(change.item_id for group in groups for change in group) == sorted(str(n) for n in range(54))
    for group in groups:
        assert len(group) <= 20
        assert sum(change.size_bytes for change in group) <= 16 * mib
    assert [len(group) for group in groups if any(change.size_bytes == 5 * mib for change in group)] == [1]
    assert list(groups_of([])) == []


def test_pages() -> None:
    assert next_cursor({"@odata.nextLink": "n"}, None) == ("n", False)
    assert next_cursor({"@odata.deltaLink": "d"}, None) == ("d", True)
    assert next_cursor({"@odata.deltaLink": "same"}, "same") == ("same", True)
    for page in ({}, {"@odata.nextLink": ""}, {"@odata.deltaLink": 1}, {"@odata.nextLink": "same"}):
        with pytest.raises(SourceUnavailableError):
            next_cursor(page, "same")
    assert values_of({"value": [{"a": 1}, 2, None]}) == [{"a": 1}]
    assert values_of({"value": "x"}) == []


def test_values() -> None:
    assert time_of("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)
    assert time_of("2026-01-01T00:00:00") == datetime(2026, 1, 1, tzinfo=UTC)
    assert time_of("0001-01-01T00:00:00+14:00") is None
    assert time_of("x") is None
    assert size_of(-1) == size_of("-1") == size_of(True) == size_of("1" * 30) == 0
    assert size_of("12") == size_of(12) == 12
    assert text_of("a\ud800b") == "a\ud800b"


def test_search_folders_are_left_out_for_what_they_show_lies_elsewhere() -> None:
    well_known = {"finder": "searchfolders", "inbox": "inbox"}
    unread = {"id": "unread", "displayName": "Unread mail", "parentFolderId": "finder", "type": "IPF.Note"}
    assert folder_change(unread, "root", well_known) is None
    assert folder_change({**unread, "id": "finder", "parentFolderId": "top"}, "root", well_known) is None
    assert folder_change({**unread, "parentFolderId": "inbox"}, "root", well_known) is not None
