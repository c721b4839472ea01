"""What a tenant may call its things must never harm the service, nor be harmed by it."""

from __future__ import annotations

from tests.end_to_end.service import Customer

NAMES = {
    "dots": "..",
    "path": "../../../etc/passwd",
    "windows": "C:\\Windows\\system32",
    "control": "a\x00b\x01c\r\nSet-Cookie: x\x1b[2J",
    "emoji": "\U0001f600" * 400,
    "sql": "'; DROP TABLE items; --",
    "html": "<script>alert(1)</script>",
    "rtl": "invoice\u202efdp.exe",
    "surrogate": "lone \ud83d half",
    "percent": "100%25 %2e%2e %00",
    "blank": "   ",
}


def test_hostile_mail_folders_and_subjects_are_stored_and_restored(customer: Customer) -> None:
    user = customer.add_user()
    for name in NAMES.values():
        folder = customer.edit("add_folder", user, path=[name])
        customer.edit("add_event", user, properties={"subject": name})
        subject = name.encode("utf-8", "surrogatepass").hex()
        customer.edit("add_message", user, mime=f"Subject: {subject}\r\n\r\nbody".encode(), folder=folder)
    before = customer.oracle(user, "mailbox")
    customer.run()
    for folder in customer.edit("folders", user):
        for item in customer.edit("items", user, folder=folder["folder"]):
            customer.edit("delete_item", user, item=item["item"])
    customer.restore(customer.resource("mailbox", user), seq=1, selection={"everything": True})
    assert customer.oracle(user, "mailbox") == before


def test_hostile_file_names_are_stored_and_their_content_restored(customer: Customer) -> None:
    user = customer.add_user()
    contents = {key: f"content of {key}".encode() for key in NAMES}
    for key, name in NAMES.items():
        customer.edit("put_file", user, path=["Folder", name], data=contents[key])
    before = {record["sha256"] for record in customer.oracle(user, "drive") if record["record"] == "file"}
    customer.run()
    resource = customer.resource("drive", user)
    listing = customer.get(f"/resources/{resource}/snapshots/1/items", params={"limit": 100})
    [folder] = [entry for entry in listing["items"] if entry["name"] == "Folder"]
    children = customer.get(f"/resources/{resource}/snapshots/1/items", params={"limit": 100, "parent": folder["id"]})
    assert {entry["name"] for entry in children["items"]} == set(NAMES.values())
    customer.edit("delete_file", user, path="Folder")
    restore = customer.restore(resource, seq=1, selection={"everything": True})
    assert restore["counts"]["restored"] == len(NAMES)
    after = {record["sha256"] for record in customer.oracle(user, "drive") if record["record"] == "file"}
    assert after == before
