"""Real messages, events, contacts and files go through everything and come back equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.service import Customer

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not there: no folder {DATA.name} beside")


def _raw(folder: str, pattern: str) -> list[tuple[str, bytes]]:
    found = [(path.name, path.read_bytes()) for path in sorted((DATA / folder).glob(pattern))]
    assert found, f"{folder} is empty"
    return found


def _bag(records: Iterable[dict[str, Any]]) -> Counter[str]:
    return Counter(repr(sorted(record.items())) for record in records)


def test_mail_events_and_contacts_come_back_equal(customer: Customer) -> None:
    user = customer.add_user()
    for name, raw in _raw("mail", "*.eml"):
        customer.edit("load_eml", user, raw=raw, folder=f"inbox/{name[:4]}")
    for _, raw in _raw("calendar", "*.ics"):
        customer.edit("load_ics", user, raw=raw)
    for _, raw in _raw("contacts", "*.vcf"):
        customer.edit("load_vcf", user, raw=raw)
    before = customer.oracle(user, "mailbox")
    items = [record for record in before if record["record"] == "item"]
    run = customer.run()
    assert run["counts"]["stored"] == len(items) + 1  # the mailbox's settings

    for folder in customer.edit("folders", user):
        for item in customer.edit("items", user, folder=folder["folder"], limit=100_000):
            customer.edit("delete_item", user, item=item["item"])
    assert not [record for record in customer.oracle(user, "mailbox") if record["record"] == "item"]

    restore = customer.restore(customer.resource("mailbox", user), seq=1, selection={"everything": True})
    assert restore["counts"]["restored"] == len(items)
    assert _bag(customer.oracle(user, "mailbox")) == _bag(before)


def test_files_come_back_equal(customer: Customer) -> None:
    user = customer.add_user()
    for name, raw in _raw("files", "*"):
        customer.edit("put_file", user, path=f"Documents/{name[:3]}/{name}", data=raw)
    for folder, pattern in (("mail", "*.eml"), ("calendar", "*.ics"), ("contacts", "*.vcf")):
        for name, raw in _raw(folder, pattern):
            customer.edit("put_file", user, path=f"Mail/{folder}/{name}", data=raw)
    before = customer.oracle(user, "drive")
    customer.run()

    customer.edit("delete_file", user, path="Documents")
    customer.edit("delete_file", user, path="Mail")
    assert customer.oracle(user, "drive") == []

    customer.restore(customer.resource("drive", user), seq=1, selection={"everything": True})
    assert _bag(customer.oracle(user, "drive")) == _bag(before)


def test_files_attached_to_mail_come_back_equal(customer: Customer) -> None:
    user = customer.add_user()
    for name, raw in _raw("files", "*"):
        message = EmailMessage()
        message["Subject"], message["From"] = name, "ada@example.com"
        message.set_content("With a file.")
        message.add_attachment(raw, maintype="application", subtype="octet-stream", filename=name)
        customer.edit("load_eml", user, raw=message.as_bytes(), folder="inbox")
    before = customer.oracle(user, "mailbox")
    customer.run()
    for item in customer.edit("items", user, folder="inbox", limit=1_000):
        customer.edit("delete_item", user, item=item["item"])
    restore = customer.restore(customer.resource("mailbox", user), seq=1, selection={"everything": True})
    assert restore["counts"]["restored"] == len(_raw("files", "*"))
    assert _bag(customer.oracle(user, "mailbox")) == _bag(before)
