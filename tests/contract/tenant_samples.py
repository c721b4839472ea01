"""Every kind of answer that the tenant simulator gives, with the entity that it claims to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from local.tenant.plain_client import PlainClient
from local.tenant.server import SimulatorThread
from tests.contract.site_samples import add_site_samples
from tests.contract.team_samples import add_team_samples

SECRET = "s3cret"
MIME = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@partner.example>\r\nTo: Ada <ada@x.example>, b@x.example\r\n"
    b"Cc: c@x.example\r\n"
    b"Reply-To: r@x.example\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0100\r\n"
    b"X-Priority: 1\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hi</p>\r\n"
)
EVENT: dict[str, Any] = {
    "subject": "Review",
    "body": {"contentType": "html", "content": "<p>x</p>"},
    "start": {"dateTime": "2026-03-01T09:00:00.0000000", "timeZone": "UTC"},
    "end": {"dateTime": "2026-03-01T10:00:00.0000000", "timeZone": "UTC"},
    "location": {"displayName": "Room 1", "locationType": "default"},
    "attendees": [
        {
            "type": "required",
            "status": {"response": "accepted", "time": "2026-02-01T00:00:00Z"},
            "emailAddress": {"name": "Ben", "address": "ben@x.example"},
        }
    ],
    "recurrence": {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "sunday"},
        "range": {"type": "endDate", "startDate": "2026-03-01", "endDate": "2026-06-01", "recurrenceTimeZone": "UTC"},
    },
    "type": "seriesMaster",
    "isAllDay": False,
}
CONTACT: dict[str, Any] = {
    "givenName": "Cleo",
    "surname": "Dorn",
    "displayName": "Cleo Dorn",
    "emailAddresses": [{"name": "Cleo", "address": "cleo@x.example"}],
    "businessPhones": ["+49 30 1"],
    "homeAddress": {"street": "Weg 1", "city": "Berlin", "postalCode": "10115", "countryOrRegion": "DE"},
}
ICS = (
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:S\r\nDTSTART:20260101T100000Z\r\n"
    b"ATTENDEE:mailto:a@x.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
VCF = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Alder\r\nN:Alder;Ada;;;\r\nEMAIL:a@x.example\r\nORG:Org\r\nEND:VCARD\r\n"


def _add_sharing_and_versions(add: Any, control: Any, tenant: str, key: str, drive: str) -> None:
    """Answers about who may see a file, and about what it was."""
    docs, file = f"{drive}/root:/Docs:", f"{drive}/root:/Docs/a.txt:"
    other = control.add_user(tenant, "Ben")["id"]
    control.share(tenant, key, "/Docs", email="guest@partner.example", role="read")
    control.share(tenant, key, "/Docs", link_type="view", link_scope="anonymous", password=True)
    control.share(tenant, key, "/Docs/a.txt", people=[key], link_type="view", link_scope="users")
    body = {"recipients": [{"objectId": other}], "roles": ["read"], "requireSignIn": True, "sendInvitation": False}
    add("invited", "permission", f"{docs}/invite", many=True, method="POST", body=body)
    link = {"type": "edit", "scope": "organization", "expirationDateTime": "2030-01-01T00:00:00Z"}
    add("link", "permission", f"{docs}/createLink", method="POST", body=link)
    add("permissions", "permission", f"{docs}/permissions", many=True)
    add("permissions, inherited", "permission", f"{file}/permissions", many=True)
    versions = add("versions", "driveItemVersion", f"{file}/versions", many=True)["value"]
    assert len(versions) == 2
    add("version", "driveItemVersion", f"{file}/versions/{versions[1]['id']}")
    control.check_out(tenant, key, "/Docs/a.txt")
    add("checked out", "driveItem", f"{drive}/root:/Docs/a.txt?$select=id,name,publication")


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer; `entity` is the type in Graph's metadata, `is_collection` whether it is a list of them."""

    name: str
    entity: str
    is_collection: bool
    body: Any
    raw: bytes


def collect_samples(simulator: SimulatorThread) -> list[Sample]:
    """Fill a tenant with one of everything and ask for it all."""
    control = simulator.control
    tenant = control.create_tenant(secret=SECRET, display_name="Samples")["id"]
    user = control.add_user(tenant, "Ada Alder")
    control.add_user(tenant, "Room 1", purpose="room")
    generated = control.generate(tenant, users=1, messages_per_user=3, events_per_user=2, contacts_per_user=2)[0]
    key, mailbox, drive = user["id"], quote(user["mailbox_id"], safe=""), user["drive_id"]
    extended = {"String {00020329-0000-0000-C000-000000000046} Name x": "y"}
    message = control.add_message(tenant, key, MIME, categories=["Red"], flag=True, extended=extended)
    event = control.add_event(tenant, key, EVENT)
    contact = control.add_contact(tenant, key, CONTACT)
    loaded_event = control.load_ics(tenant, key, ICS)[0]
    loaded_contact = control.load_vcf(tenant, key, VCF)[0]
    control.add_task(tenant, key, {"subject": "Task"})
    control.put_file(tenant, key, "/Docs/a.txt", b"abc")
    control.put_file(tenant, key, "/Docs/bad.exe", b"abc")
    control.mark_malware(tenant, key, "/Docs/bad.exe")
    control.put_file(tenant, key, "/Notebook", b"")
    control.mark_package(tenant, key, "/Notebook")
    control.mark_shared(tenant, key, "/Docs")
    control.put_file(tenant, key, "/gone.txt", b"abc")
    client = PlainClient(simulator.url, tenant, SECRET)
    samples: list[Sample] = []

    def add(name: str, entity: str, target: str, *, many: bool = False, method: str = "GET", body: Any = None) -> Any:
        reply = client.send(method, target, body)
        assert reply.status in (200, 201), (name, reply)
        samples.append(Sample(name, entity, many, reply.json(), reply.body))
        return reply.json()

    boxes = f"/admin/exchange/mailboxes/{mailbox}"
    people = f"/users/{key}"
    add("organization", "organization", "/organization", many=True)
    add("users", "user", "/users?$count=true&$top=1", many=True)
    everything = (
        "id,displayName,mail,accountEnabled,userType,assignedLicenses,assignedPlans,createdDateTime,usageLocation,"
        "proxyAddresses,mailNickname"
    )
    add("user", "user", f"{people}?$select={everything}")
    control.delete_user(tenant, control.add_user(tenant, "Gone Again")["id"])
    add("deleted users", "user", "/directory/deletedItems/microsoft.graph.user", many=True)
    add("mailbox settings", "mailboxSettings", f"{people}/mailboxSettings")
    patch = {"timeZone": "UTC", "workingHours": {"startTime": "07:00:00.0000000"}}
    add("changed mailbox settings", "mailboxSettings", f"{people}/mailboxSettings", method="PATCH", body=patch)
    inbox = add("inbox", "mailFolder", f"{people}/mailFolders/inbox")
    rule = {
        "displayName": "Partners",
        "sequence": 1,
        "isEnabled": True,
        "conditions": {"senderContains": ["partner"], "withinSizeRange": {"minimumSize": 1, "maximumSize": 9}},
        "actions": {"moveToFolder": inbox["id"], "markImportance": "high", "stopProcessingRules": True},
        "exceptions": {"fromAddresses": [{"emailAddress": {"name": "B", "address": "b@x.example"}}]},
    }
    rules = f"{people}/mailFolders/inbox/messageRules"
    made = add("new rule", "messageRule", rules, method="POST", body=rule)
    add("changed rule", "messageRule", f"{rules}/{made['id']}", method="PATCH", body={"isEnabled": False})
    add("rules", "messageRule", rules, many=True)
    add("rule", "messageRule", f"{rules}/{made['id']}")
    add("exchange settings", "exchangeSettings", f"{people}/settings/exchange")
    add("own drive", "drive", f"{people}/drive")
    add("own drives", "drive", f"{people}/drives", many=True)
    add("folders", "mailboxFolder", f"{boxes}/folders?$top=3&$count=true", many=True)
    add("folder", "mailboxFolder", f"{boxes}/folders/inbox")
    hidden = quote("singleValueExtendedProperties($filter=id eq 'Boolean 0x10F4')")
    add("folder, hidden or not", "mailboxFolder", f"{boxes}/folders/inbox?$expand={hidden}")
    add("child folders", "mailboxFolder", f"{boxes}/folders/msgfolderroot/childFolders", many=True)
    add("new folder", "mailboxFolder", f"{boxes}/folders", method="POST", body={"displayName": "N", "type": "IPF.Note"})
    made = add(
        "new child folder",
        "mailboxFolder",
        f"{boxes}/folders/inbox/childFolders",
        method="POST",
        body={"displayName": "C"},
    )
    add("renamed", "mailboxFolder", f"{boxes}/folders/{made['id']}", method="PATCH", body={"displayName": "D"})
    page = add("folder delta", "mailboxFolder", f"{boxes}/folders/delta()?$select=displayName,type", many=True)
    assert client.send("DELETE", f"{boxes}/folders/{made['id']}").status == 204
    add("folder delta, removed", "mailboxFolder", page["@odata.deltaLink"], many=True)
    page = add("item delta", "mailboxItem", f"{boxes}/folders/inbox/items/delta()", many=True)
    add("item delta, first page", "mailboxItem", f"{boxes}/folders/calendar/items/delta?$top=1", many=True)
    expand = quote(
        "singleValueExtendedProperties($filter=id eq 'String {00020329-0000-0000-C000-000000000046} Name x')"
    )
    add("items", "mailboxItem", f"{boxes}/folders/inbox/items?$expand={expand}&$top=1&$count=true", many=True)
    add("item", "mailboxItem", f"{boxes}/folders/inbox/items/{message}?$expand={expand}")
    exported = add(
        "export",
        "exportItemResponse",
        f"{boxes}/exportItems",
        many=True,
        method="POST",
        body={"itemIds": [message, "x"]},
    )
    assert {"itemId", "changeKey", "data"} <= set(exported["value"][0])
    add("import session", "mailboxItemImportSession", f"{boxes}/createImportSession", method="POST")
    add("message", "message", f"{people}/messages/{message}?$expand={expand}")
    add("messages", "message", f"{people}/mailFolders/inbox/messages", many=True)
    for name in (event, loaded_event):
        add("event", "event", f"{people}/events/{name}")
    for name in (contact, loaded_contact):
        add("contact", "contact", f"{people}/contacts/{name}")
    for kind, entity in (("messages", "message"), ("events", "event"), ("contacts", "contact")):
        add(f"generated {kind}", entity, f"/users/{generated}/{kind}", many=True)
    add("calendar", "calendar", f"{people}/calendar")
    add("mail folders", "mailFolder", f"{people}/mailFolders?includeHiddenFolders=true&$top=50", many=True)
    add("mail folder", "mailFolder", f"{people}/mailFolders/inbox")
    add("drive", "drive", f"/drives/{drive}")
    root = add("root", "driveItem", f"/drives/{drive}/root")
    page = add("drive delta", "driveItem", f"/drives/{drive}/root/delta()", many=True)
    control.delete_file(tenant, key, "/gone.txt")
    control.put_file(tenant, key, "/Docs/a.txt", b"abcd")
    add("drive delta, changes", "driveItem", page["@odata.deltaLink"], many=True)
    add("children", "driveItem", f"/drives/{drive}/root:/Docs:/children", many=True)
    add("item by path", "driveItem", f"/drives/{drive}/root:/Docs/a.txt")
    folder = add(
        "new drive folder",
        "driveItem",
        f"/drives/{drive}/root/children",
        method="POST",
        body={"name": "New", "folder": {}},
    )
    add("put", "driveItem", f"/drives/{drive}/items/{folder['id']}:/e.bin:/content", method="PUT", body=b"")
    session = add(
        "upload session",
        "uploadSession",
        f"/drives/{drive}/items/{root['id']}:/up.bin:/createUploadSession",
        method="POST",
    )
    reply = client.send("PUT", session["uploadUrl"], b"abc", {"Content-Range": "bytes 0-2/3"}, signed=False)
    assert reply.status == 201, reply
    samples.append(Sample("uploaded", "driveItem", False, reply.json(), reply.body))
    _add_sharing_and_versions(add, control, tenant, key, f"/drives/{drive}")
    add("patched", "driveItem", f"/drives/{drive}/items/{folder['id']}", method="PATCH", body={"name": "Newer"})
    add_site_samples(control, tenant, add)
    add_team_samples(control, client, tenant, key, add)
    client.close()
    return samples
