"""What a tenant may call its things must never harm the service, nor be harmed by it."""

from __future__ import annotations

from base64 import b64encode
from quopri import encodestring

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

# What follows "Subject: " in a message that a stranger sent.
SUBJECTS = {
    "unencoded Latin-1": b"Gr\xfc\xdfe",
    "unencoded and no text at all": b"\xff\xfe\x00\x80 \x1b[2J",
    "charset that is none": b"=?klingon?q?nuqneH?=",
    "charset that is a transformation": b"=?zlib?b?eJxLBAAAYgBi?= =?idna?q?xn--x?= =?unicode-escape?q?=5Cud800?=",
    "UTF-16 in base64": b"=?utf-16?b?" + b64encode("Grüße".encode("utf-16")) + b"?=",
    "base64 that is none": b"=?utf-8?b?A?= =?utf-8?b?====?=",
    "cut encoded word": b"=?utf-8?q?Gr=C3",
    "half a character in each word": b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=",
    "another header inside": b"=?utf-8?q?a=0D=0ABcc:_everyone@example.com=0D=0A?=",
    "folded": b"one\r\n two\r\n\t=?utf-8?q?three?=",
    "twice": b"first\r\nSubject: second",
    "long": b"x" * 20_000,
    "empty": b"",
}


def subjects_of(name: str) -> list[bytes]:
    """A name as a subject: as raw bytes, and in both encodings of RFC 2047. Raw, it cannot have line ends."""
    raw = name.encode("utf-8", "surrogatepass")
    quoted = encodestring(raw, quotetabs=True, header=True).replace(b"=\n", b"").replace(b"\n", b"=0A")
    return [
        raw.replace(b"\r", b"").replace(b"\n", b""),
        b"=?utf-8?b?" + b64encode(raw) + b"?=",
        b"=?utf-8?q?" + quoted + b"?=",
    ]


def test_hostile_mail_folders_and_subjects_are_stored_and_restored(customer: Customer) -> None:
    user = customer.add_user()
    for name in NAMES.values():
        folder = customer.edit("add_folder", user, path=[name])
        customer.edit("add_event", user, properties={"subject": name})
        for subject in subjects_of(name):
            customer.edit("add_message", user, mime=b"Subject: " + subject + b"\r\n\r\nbody", folder=folder)
    for subject in SUBJECTS.values():
        customer.edit("add_message", user, mime=b"Subject: " + subject + b"\r\n\r\nbody")
    before = customer.oracle(user, "mailbox")
    customer.run()
    shown = _shown_in_the_inbox(customer, customer.resource("mailbox", user))
    assert len(shown) == len(SUBJECTS)
    assert {"Grüße", "ü", "one two three", "first", ""} <= set(shown)
    assert all(name == "" or (name.isprintable() and len(name) <= 1_000) for name in shown), shown
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


def _shown_in_the_inbox(customer: Customer, resource: str) -> list[str]:
    where = f"/resources/{resource}/snapshots/1/items"
    top = customer.get(where, params={"limit": 200})["items"]
    [inbox] = [entry for entry in top if entry["name"] == "Inbox"]
    return [entry["name"] for entry in customer.get(where, params={"limit": 200, "parent": inbox["id"]})["items"]]
