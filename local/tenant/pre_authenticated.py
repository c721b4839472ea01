"""URLs that carry their own permission: downloads, uploads, imports. They expire by the tenant's clock."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from local.tenant.answers import Answer, GraphError, Piece, bad_request, json_answer, mail_item_not_found
from local.tenant.call import Call
from local.tenant.directory.report_routes import report_answer
from local.tenant.drives.uploads import answer_upload
from local.tenant.mailboxes.item import MailItem, item_from_native
from local.tenant.mailboxes.mailbox import Mailbox

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
Prepared = tuple[str, Callable[[Call], Answer]]


def prepare(call: Call) -> Prepared:
    """Find the tenant in the URL and return the operation's name with its handler. Raises what the service answers
    for a URL that was changed, has expired, or is of no service."""
    kind, _, rest = call.path.strip("/").partition("/")
    token = rest.partition("/")[0] if kind != "_import" else call.query.get("authtoken", "")
    purpose = {"_download": "download", "_upload": "upload", "_import": "import", "_report": "report"}[kind]
    try:
        sealed = call.simulator.sealer.open(purpose, token)
    except ValueError as error:
        raise GraphError(401, "unauthenticated", "The pre-authenticated URL is not valid.") from error
    call.tenant = call.simulator.tenants.get(sealed[0])
    if call.tenant is None:
        raise GraphError(401, "unauthenticated", "The tenant of the URL is gone.")
    if purpose == "download":
        return "drive.download", lambda each: _download(each, *sealed[1:])
    if purpose == "report":
        return "reports.download", lambda each: report_answer(each, *sealed[1:])
    if purpose == "upload":
        return (
            f"drive.upload{'' if call.method == 'PUT' else '.' + call.method.lower()}",
            lambda each: _upload(each, sealed[1]),
        )
    return "mailbox.import", lambda each: _import(each, *sealed[1:])


def _download(call: Call, drive_id: str, number: int, expires_s: int, version: int = 0) -> Answer:
    if call.method not in ("GET", "HEAD"):
        raise GraphError(405, "invalidRequest", "Only GET is allowed here.")
    if call.home.clock.epoch_s() > expires_s:
        raise GraphError(401, "unauthenticated", "The download URL has expired.")
    drive = call.home.drive_by_id(drive_id)
    item = drive.item(number) if drive else None
    if drive is None or item is None or item.content is None:
        raise GraphError(404, "itemNotFound", "The resource could not be found.")
    if item.malware is not None:
        raise GraphError(403, "accessDenied", "The file is infected with malware.", inner_code="malwareDetected")
    content = item.content
    if version:
        earlier = next((each for each in item.earlier if each.number == version), None)
        if earlier is None:
            raise GraphError(404, "itemNotFound", "The version could not be found.")
        content = earlier.content
    size = content.size_bytes
    headers = {
        "ETag": f'"{{{drive.guid(number)}}},{item.ctag_version}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": "attachment",
    }
    wanted = call.headers.get("Range")
    if not wanted:
        return Answer(200, Piece(content, 0, size), "application/octet-stream", headers)
    start, end = _range(wanted, size)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Answer(206, Piece(content, start, end), "application/octet-stream", headers)


def _range(header: str, size: int) -> tuple[int, int]:
    match = _RANGE.match(header.strip())
    if match is None or (not match[1] and not match[2]):
        raise bad_request("The Range header is malformed.", "invalidRange")
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
    else:
        start, end = max(0, size - int(match[2])), size
    if start >= size or start >= end:
        raise GraphError(
            416,
            "invalidRange",
            "The range is outside the file.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


def _upload(call: Call, number: int) -> Answer:
    session = call.simulator.upload(number)
    if session is None:
        raise GraphError(404, "itemNotFound", "The upload session was not found or has expired.")
    return answer_upload(call, session)


def _import(call: Call, mailbox_id: str, expires_s: int) -> Answer:
    if call.method != "POST":
        raise GraphError(405, "ErrorInvalidRequest", "Only POST is allowed here.")
    if call.home.clock.epoch_s() > expires_s:
        raise GraphError(401, "ErrorTokenExpired", "The import session has expired.")
    mailbox = call.home.mailbox_by_id(mailbox_id)
    if mailbox is None:
        raise GraphError(404, "ErrorNonExistentMailbox", "No mailbox with such guid.")
    body = {name.lower(): value for name, value in call.json_body().items()}
    folder = mailbox.folder_by_key(str(body.get("folderid", "")))
    if folder is None:
        raise mail_item_not_found()
    mode = str(body.get("mode", "")).lower()
    if mode not in ("create", "update"):
        raise bad_request("Mode must be create or update.", "ErrorInvalidRequest")
    try:
        item = item_from_native(base64.b64decode(str(body.get("data", "")), validate=True))
    except (ValueError, KeyError, binascii.Error) as error:
        raise bad_request(f"The data is not a valid FastTransfer stream: {error}.", "ErrorCorruptData") from error
    if mode == "create":
        if body.get("itemid") or body.get("changekey"):
            raise bad_request("ItemId and ChangeKey are not allowed in create mode.", "ErrorInvalidRequest")
        mailbox.add_item(item, folder)
    else:
        _update(mailbox, str(body.get("itemid", "")), str(body.get("changekey", "")), folder.number, item)
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/api/gbeta/$metadata#microsoft.graph.importMailboxItemResponse",
            "itemId": mailbox.ids.item_id(item.number),
            "changeKey": mailbox.ids.change_key(item.seq),
        }
    )


def _update(mailbox: Mailbox, item_id: str, change_key: str, folder: int, item: MailItem) -> None:
    old = mailbox.item_by_id(item_id)
    if old is None or old.folder != folder:
        raise mail_item_not_found()
    if mailbox.ids.change_key(old.seq) != change_key:
        raise GraphError(
            409,
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because "
            "the change key passed in the request does not match the current change key for the item.",
        )
    mailbox.replace_item(old, item)
