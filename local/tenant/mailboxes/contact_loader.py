"""From vCard to contacts. Nothing is refused: a file that cannot be read becomes a contact that holds the raw text."""

from __future__ import annotations

import re
from typing import Any

import vobject  # type: ignore[import-untyped]

from local.tenant.answers import Json
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mime_reader import clean

RAW_VCARD = "String {00020329-0000-0000-C000-000000000046} Name raw-vcard"
_CARD = re.compile(r"BEGIN:VCARD.*?END:VCARD", re.DOTALL | re.IGNORECASE)


def contacts_from_vcf(raw: bytes, stamp: str) -> list[MailItem]:
    """Return one contact for each vCard of a file, or a single one that keeps the whole text."""
    whole = clean(raw.decode("utf-8", "replace"))
    texts = _CARD.findall(whole) or [whole]
    return [
        MailItem("IPM.Contact", _properties(text), None, created=stamp, modified=stamp, extended={RAW_VCARD: text})
        for text in texts
    ]


def _properties(text: str) -> Json:
    properties: Json = {
        "displayName": "",
        "givenName": "",
        "surname": "",
        "emailAddresses": [],
        "businessPhones": [],
    }
    try:
        card: Any = vobject.readOne(text, allowQP=True, ignoreUnreadable=True)
    except Exception:  # noqa: BLE001 - hostile input: whatever the parser stumbles over, the text is kept
        return properties
    contents: dict[str, list[Any]] = getattr(card, "contents", None) or {}

    def values(name: str) -> list[Any]:
        return [each.value for each in contents.get(name, [])]

    for name in values("fn")[:1]:
        properties["displayName"] = _flat(name)
    for name in values("n")[:1]:
        properties["givenName"] = _flat(getattr(name, "given", ""))
        properties["surname"] = _flat(getattr(name, "family", ""))
    properties["emailAddresses"] = [{"name": _flat(each), "address": _flat(each)} for each in values("email")][:3]
    properties["businessPhones"] = [_flat(each) for each in values("tel")][:2]
    for each in values("org")[:1]:
        properties["companyName"] = _flat(each)
    for each in values("note")[:1]:
        properties["personalNotes"] = _flat(each)
    return properties


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return clean(" ".join(str(each) for each in value))
    return clean(str(value))
