"""What requests count for."""

from __future__ import annotations

import pytest

from shared_code.graph.tolls import Service, Toll, toll_of, transfer_toll, widths_of

ROOT = "https://graph.microsoft.com/v1.0"
MBX = "MBX:11111111-2222-3333-4444-555555555555@66666666-7777-8888-9999-000000000000"
OUTLOOK, FILES, TEAMS, IDENTITY = Service.OUTLOOK, Service.FILES, Service.TEAMS, Service.IDENTITY


@pytest.mark.parametrize(
    ("method", "path", "toll"),
    [
        ("GET", f"/admin/exchange/mailboxes/{MBX}/folders/delta", Toll(OUTLOOK, mailbox=MBX)),
        ("POST", f"/admin/exchange/mailboxes/{MBX}/exportItems", Toll(OUTLOOK, mailbox=MBX)),
        ("POST", "/users/u1/messages", Toll(OUTLOOK, mailbox="u1", upload_bytes=7)),
        ("GET", "/users/u1/messages/AA%2FBB/$value", Toll(OUTLOOK, mailbox="u1")),
        ("GET", "/users/u1/mailboxSettings?$select=userPurpose", Toll(OUTLOOK, mailbox="u1")),
        ("GET", "/users/u1/drive?$select=id", Toll(FILES, 1)),
        ("GET", "/drives/d1/items/root/delta?$select=id&$top=500", Toll(FILES, 2)),
        ("GET", "/drives/d1/root/delta?token=abc", Toll(FILES, 1)),
        ("GET", "/drives('d1')/root/delta(token='abc')", Toll(FILES, 1)),
        ("GET", "/sites/s1/lists/l1/items/delta?%24skiptoken=abc", Toll(FILES, 1)),
        ("GET", "/drives/d1/items/i1?$select=id", Toll(FILES, 1)),
        ("GET", "/drives/d1/items/i1/children", Toll(FILES, 2)),
        ("GET", "/drives/d1/items/i1/permissions", Toll(FILES, 5)),
        ("GET", "/drives/d1/items/i1?$expand=permissions", Toll(FILES, 5)),
        ("DELETE", "/drives/d1/items/i1/permissions/p1", Toll(FILES, 5)),
        ("POST", "/drives/d1/items/i1/createUploadSession", Toll(FILES, 2)),
        ("PATCH", "/sites/s1/lists/l1/items/3/fields", Toll(FILES, 2)),
        ("GET", "/sites/getAllSites", Toll(FILES, 2)),
        ("GET", "/teams/t1", Toll(TEAMS, team="t1")),
        ("GET", "/teams/t1/channels", Toll(TEAMS, team="t1")),
        ("GET", "/teams/t1/channels/c1/messages/delta", Toll(TEAMS, team="t1", channel="c1", is_message=True)),
        ("GET", "/teams('t1')/channels('c1')/messages/m/replies", Toll(TEAMS, 1, "", "t1", "c1", is_message=True)),
        ("GET", "/teams/t1/channels/getAllMessages", Toll(TEAMS, team="t1", is_export=True)),
        ("GET", "/groups/g1/sites/root", Toll(FILES, 1)),
        ("GET", "/groups/g1/drive/root/children", Toll(FILES, 2)),
        ("PUT", "/groups/g1/team", Toll(TEAMS)),
        ("GET", "/groups/g1/members", Toll(IDENTITY, 3)),
        ("GET", "/users?$select=id&$top=999", Toll(IDENTITY, 1)),
        ("GET", "/users", Toll(IDENTITY, 2)),
        ("GET", "/organization", Toll(IDENTITY, 2)),
        ("GET", "/users/u1/settings/exchange", Toll(IDENTITY, 3)),
        ("GET", "", Toll(IDENTITY, 2)),
    ],
)
def test_a_request_counts_where_it_goes(method: str, path: str, toll: Toll) -> None:
    assert toll_of(method, ROOT + path, 7) == toll
    assert toll_of(method, path, 7) == toll


def test_transfers_count_as_files_or_for_their_mailbox() -> None:
    assert transfer_toll("GET", "https://contoso.sharepoint.com/_layouts/download.aspx?x=1") == Toll(FILES, 1)
    assert transfer_toll("PUT", "https://contoso.sharepoint.com/upload?x=1", 5) == Toll(FILES, 2)
    imported = f"https://outlook.office365.com/api/gbeta/Mailboxes('{MBX}')/importItem?authtoken=x"
    assert transfer_toll("POST", imported, 5) == Toll(OUTLOOK, mailbox=MBX, upload_bytes=5)


def test_a_batch_takes_at_most_four_places_at_each_mailbox() -> None:
    tolls = [Toll(OUTLOOK, mailbox="a")] * 9 + [Toll(OUTLOOK, mailbox="b")] * 2 + [Toll(FILES)]
    assert widths_of(tolls, 4) == {"a": 4, "b": 2}
