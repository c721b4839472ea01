"""Upload sessions: fragments in order, kept until the last one makes the file.

Source: api-reference/v1.0/api/driveitem-createuploadsession.md (checked 2026-11): fragments are a multiple of 320 KiB
except for the last, under 60 MiB, sequential; a repeated or early fragment is answered with 416.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.clock import format_time
from local.tenant.drives.content import IN_MEMORY_LIMIT_BYTES, Content, MemoryContent, SpooledContent
from local.tenant.drives.drive import Drive
from local.tenant.drives.item import DriveItem
from local.tenant.drives.schema import item_json
from local.tenant.drives.times import apply_times
from local.tenant.tenant import Tenant

FRAGMENT_STEP_BYTES = 320 * 1024
LARGEST_FRAGMENT_BYTES = 60 * 1024 * 1024
_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+)$")
_BEHAVIOURS = {"fail", "replace", "rename"}


@dataclass(slots=True)
class UploadSession:
    """One upload on its way."""

    tenant: Tenant
    drive: Drive
    parent: int
    name: str
    behaviour: str
    file_system_info: Json
    expires_s: float
    total_bytes: int | None = None
    received_bytes: int = 0
    fragments: list[tuple[int, int]] = field(default_factory=list)
    memory: list[bytes] = field(default_factory=list)

    def status(self) -> Json:
        """Return the uploadSession that says what is still missing."""
        end = "" if self.total_bytes is None else str(self.total_bytes - 1)
        return {
            "expirationDateTime": format_time(int(self.expires_s)),
            "nextExpectedRanges": [f"{self.received_bytes}-{end}"],
        }


def create_session(call: Call, drive: Drive, parent: DriveItem, name: str, properties: Json) -> Answer:
    """Open a session for a file of that name in that folder."""
    behaviour = str(properties.get("@microsoft.graph.conflictBehavior", "fail"))
    if behaviour not in _BEHAVIOURS:
        raise bad_request("The conflict behavior is not known.", "invalidRequest")
    if behaviour == "fail" and drive.child_named(parent.number, name) is not None:
        raise GraphError(409, "nameAlreadyExists", "An item with the same name already exists under the parent.")
    tenant = call.home
    session = UploadSession(
        tenant,
        drive,
        parent.number,
        name,
        behaviour,
        member(properties, "fileSystemInfo", dict) or {},
        tenant.clock.epoch_s() + tenant.settings.upload_session_lifetime_s,
    )
    number = call.simulator.open_upload(session)
    token = call.simulator.sealer.seal("upload", [tenant.tenant_id, number])
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#microsoft.graph.uploadSession",
            "uploadUrl": f"{call.base_url}/_upload/{token}",
            **session.status(),
        }
    )


def answer_upload(call: Call, session: UploadSession) -> Answer:
    """Answer a PUT, GET or DELETE on an upload URL."""
    if session.tenant.clock.epoch_s() > session.expires_s:
        raise GraphError(404, "itemNotFound", "The upload session was not found or has expired.")
    if call.method == "GET":
        return json_answer(session.status())
    if call.method == "DELETE":
        call.simulator.close_upload(session)
        return Answer(204)
    if call.method != "PUT":
        raise GraphError(405, "invalidRequest", "The method is not allowed on an upload session.")
    _take_fragment(call, session)
    if session.received_bytes != session.total_bytes:
        return json_answer(session.status(), 202)
    item, status = _commit(call, session)
    call.simulator.close_upload(session)
    return json_answer(item_json(call, session.drive, item), status)


def _take_fragment(call: Call, session: UploadSession) -> None:
    match = _RANGE.match(call.headers.get("Content-Range", ""))
    if match is None:
        raise bad_request("The Content-Range header is missing or malformed.", "invalidRequest")
    start, last, total = (int(part) for part in match.groups())
    size = last - start + 1
    if size != len(call.body) or last >= total:
        raise bad_request("The Content-Range header does not fit the body.", "invalidRequest")
    if session.total_bytes not in (None, total):
        raise bad_request("The total size differs from that of an earlier fragment.", "invalidRequest")
    if start != session.received_bytes:
        raise GraphError(
            416,
            "invalidRange",
            "The uploaded fragment has already been received or is out of order.",
            inner_code="fragmentOverlap",
        )
    if size >= LARGEST_FRAGMENT_BYTES:
        raise GraphError(413, "invalidRequest", "The fragment must be smaller than 60 MiB.")
    if last + 1 < total and size % FRAGMENT_STEP_BYTES:
        raise bad_request("The fragment size must be a multiple of 320 KiB.", "invalidRequest")
    session.total_bytes = total
    if total <= IN_MEMORY_LIMIT_BYTES:
        session.memory.append(call.body)
    else:
        session.fragments.append((call.simulator.spool.append(call.body), size))
    session.received_bytes += size


def _commit(call: Call, session: UploadSession) -> tuple[DriveItem, int]:
    drive = session.drive
    content: Content = (
        SpooledContent(call.simulator.spool, session.fragments)
        if session.fragments
        else MemoryContent(b"".join(session.memory))
    )
    parent = drive.item(session.parent)
    if parent is None:
        raise GraphError(404, "itemNotFound", "The parent folder of the upload is gone.")
    stamp = session.tenant.clock.stamp()
    name = session.name
    existing = drive.child_named(parent.number, name)
    if existing is not None and session.behaviour == "replace":
        if existing.content is None:
            raise GraphError(409, "nameAlreadyExists", "A folder of that name exists.")
        drive.set_content(existing, content, stamp)
        apply_times(existing, session.file_system_info)
        return existing, 200
    if existing is not None:
        if session.behaviour == "fail":
            session.received_bytes = session.total_bytes or 0
            raise GraphError(
                409, "nameAlreadyExists", "Another file exists with the same name as the uploaded session."
            )
        name = drive.free_name(parent, name, is_folder=False)
    item = drive.add(parent, name, "file", content, stamp)
    apply_times(item, session.file_system_info)
    return item, 201
