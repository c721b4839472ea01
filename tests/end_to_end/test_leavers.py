"""People who come, leave, come back and change their names, over HTTP."""

from __future__ import annotations

from typing import Any

from local.product_settings import APP_CLIENT_SECRET
from local.tenant.app_roles import ALL_ROLES, FILES_READ
from tests.end_to_end.service import Customer

MAIL = b"From: a@x.example\r\nSubject: Minutes\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n"


def _ids(customer: Customer, user: dict[str, Any]) -> set[str]:
    return {customer.resource(kind, user) for kind in ("mailbox", "drive")}


def _resources(customer: Customer) -> dict[str, dict[str, Any]]:
    return {entry["resource_id"]: entry for entry in customer.get("/resources")["resources"]}


def test_who_leaves_keeps_their_restore_points_and_goes_on_when_they_are_back(customer: Customer) -> None:
    ada, ben = customer.add_user("Ada"), customer.add_user("Ben")
    for user in (ada, ben):
        customer.edit("add_message", user, mime=MAIL)
        customer.edit("put_file", user, path="/a.txt", data=b"abc")
    first = customer.run()
    assert (first["departed"], first["new"], first["unseen"]) == ([], [], [])

    customer.edit("delete_user", ben)
    cleo = customer.add_user("Cleo")
    customer.edit("change_user", ada, display_name="Ada Newname")
    second = customer.run()
    assert {entry["resource_id"] for entry in second["departed"]} == _ids(customer, ben)
    assert all(entry["last_snapshot_at"] < entry["since"] for entry in second["departed"])
    assert all(entry["account_deleted_at"] for entry in second["departed"])
    assert {entry["resource_id"] for entry in second["new"]} == _ids(customer, cleo)
    assert {entry["resource_id"] for entry in second["resources"]} == _ids(customer, ada) | _ids(customer, cleo)

    listed = _resources(customer)
    mailbox, drive = customer.resource("mailbox", ben), customer.resource("drive", ben)
    assert {key for key, entry in listed.items() if entry["departed_since"]} == {mailbox, drive}
    assert listed[customer.resource("drive", ada)]["display_name"] == "Ada Newname"
    assert listed[customer.resource("drive", ada)]["last_seq"] == 2
    [point] = customer.get(f"/resources/{drive}/snapshots")["snapshots"]
    assert point["promised"] is True
    [file] = customer.get(f"/resources/{drive}/snapshots/1/items")["items"]
    assert file["name"] == "a.txt"

    customer.control.restore_user(customer.tenant_id, str(ben["id"]))
    customer.edit("put_file", ben, path="/b.txt", data=b"later")
    third = customer.run()
    assert (third["departed"], third["new"], third["counts"]["stored"]) == ([], [], 1)
    assert not any(entry["departed_since"] for entry in _resources(customer).values())
    assert [entry["seq"] for entry in customer.get(f"/resources/{drive}/snapshots")["snapshots"]] == [2, 1]
    customer.edit("delete_file", ben, path="/a.txt")
    restored = customer.restore(drive, seq=1, selection={"everything": True})
    assert (restored["counts"]["restored"], restored["counts"]["failed"]) == (1, 0)
    assert {record["path"] for record in customer.oracle(ben, "drive")} == {"/a.txt", "/b.txt"}


def test_a_withdrawn_permission_makes_nobody_depart_and_the_rest_is_backed_up(customer: Customer) -> None:
    ada = customer.add_user("Ada")
    customer.edit("add_message", ada, mime=MAIL)
    customer.run()
    customer.control.add_app(customer.tenant_id, "backup-app", APP_CLIENT_SECRET, sorted(ALL_ROLES - FILES_READ))
    run = customer.run(expect="partial")
    assert "Files.Read.All" in run["error"]
    assert (run["departed"], run["new"]) == ([], [])
    assert [(entry["kind"], entry["state"]) for entry in run["resources"]] == [("mailbox", "complete")]
    assert not any(entry["departed_since"] for entry in _resources(customer).values())
    customer.control.add_app(customer.tenant_id, "backup-app", APP_CLIENT_SECRET, sorted(ALL_ROLES))
    assert customer.run()["totals"]["done"] == 2


def test_an_archive_mailbox_is_named_in_the_run(customer: Customer) -> None:
    ada = customer.add_user("Ada")
    customer.edit("change_user", ada, has_archive=True)
    [entry] = customer.run()["not_covered"]
    assert entry["what"] == f"archive mailbox of {ada['upn']}"
    assert "archive" in entry["cause"]


def test_what_a_restore_point_lacks_is_named_by_item(customer: Customer) -> None:
    ada = customer.add_user("Ada")
    message = customer.edit("add_message", ada, mime=MAIL)
    customer.edit("break_export", ada, item=message, code="ErrorInternalServerError")
    customer.edit("put_file", ada, path="/bad.exe", data=b"abc")
    customer.edit("mark_malware", ada, path="/bad.exe")
    customer.run(expect="partial")
    mail, drive = (
        customer.get(f"/resources/{customer.resource(kind, ada)}/snapshots/1/missing") for kind in ("mailbox", "drive")
    )
    assert [(entry["item_id"], entry["attempts"]) for entry in mail["failed"]] == [(message, 1)]
    assert "ErrorInternalServerError" in mail["failed"][0]["error"]
    assert mail["skipped"] == drive["failed"] == []
    assert [(entry["name"], entry["cause"]) for entry in drive["skipped"]] == [("bad.exe", "malware")]
