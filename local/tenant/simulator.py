"""The simulator as a whole: tenants and what every request passes through: route, token, roles, faults, log."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from local.tenant import pre_authenticated
from local.tenant.answers import Answer, GraphError, Piece, error_answer
from local.tenant.call import Call
from local.tenant.clock import format_time
from local.tenant.directory.deleted_account_routes import add_deleted_account_routes
from local.tenant.directory.report_routes import add_report_routes
from local.tenant.directory.routes import add_directory_routes
from local.tenant.drives.content import Spool
from local.tenant.drives.routes import add_drive_routes
from local.tenant.drives.uploads import UploadSession
from local.tenant.faults import FaultAction, FaultRules
from local.tenant.mailboxes.outlook_routes import add_outlook_routes
from local.tenant.mailboxes.routes import add_mailbox_routes
from local.tenant.mailboxes.settings_routes import add_settings_routes
from local.tenant.request_log import RequestLog
from local.tenant.routing import Handler, RouteTable, UnhurriedHandler
from local.tenant.sealed_text import Sealer
from local.tenant.sign_in import SignIn
from local.tenant.sites.file_field_routes import add_file_field_routes
from local.tenant.sites.list_routes import add_list_routes
from local.tenant.sites.page_routes import add_page_routes
from local.tenant.sites.routes import add_site_routes
from local.tenant.teams.routes import add_team_routes
from local.tenant.tenant import Tenant

_VERSION = "/v1.0"
_REFUSALS = {
    "outlook": ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    "directory": ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    "files": ("accessDenied", "Access denied"),
    "teams": ("Forbidden", "Missing role permissions on the request."),
}
_FAULT_CODES = {
    401: "InvalidAuthenticationToken",
    403: "accessDenied",
    404: "itemNotFound",
    423: "resourceLocked",
    429: "TooManyRequests",
    500: "generalException",
    502: "BadGateway",
    503: "serviceNotAvailable",
    504: "UnknownError",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer on its way out, with what a fault does to it on the wire."""

    call: Call
    answer: Answer
    fault: FaultAction | None
    began_s: float

    @property
    def body_size_bytes(self) -> int:
        """Size of the body before any fault."""
        body = self.answer.body
        return body.size_bytes if isinstance(body, Piece) else len(body)


class Simulator:
    """State of all tenants, and the way of a request through it. Limits (service_limits.py) are looked at once tenant,
    app and operation are known and nothing has been done yet."""

    def __init__(self) -> None:
        self.tenants: dict[str, Tenant] = {}
        self.sealer = Sealer()
        self.sign_in = SignIn(self.sealer)
        self.faults = FaultRules()
        self.log = RequestLog()
        self.spool = Spool()
        self._uploads: dict[int, UploadSession] = {}
        self._next_upload = 1
        self.routes = RouteTable()
        add_directory_routes(self.routes)
        add_mailbox_routes(self.routes)
        add_outlook_routes(self.routes)
        add_settings_routes(self.routes)
        add_drive_routes(self.routes)
        add_site_routes(self.routes)
        add_list_routes(self.routes)
        add_page_routes(self.routes)
        add_file_field_routes(self.routes)
        add_team_routes(self.routes)
        add_deleted_account_routes(self.routes)
        add_report_routes(self.routes)
        from local.tenant.batch import add_batch_route

        add_batch_route(self.routes)

    def close(self) -> None:
        """Release what is held outside memory."""
        self.spool.close()

    def open_upload(self, session: UploadSession) -> int:
        """Keep an upload session and return its number."""
        number = self._next_upload
        self._next_upload += 1
        self._uploads[number] = session
        return number

    def upload(self, number: int) -> UploadSession | None:
        """Return an open upload session."""
        return self._uploads.get(number)

    def close_upload(self, session: UploadSession) -> None:
        """Forget an upload session."""
        self._uploads = {number: each for number, each in self._uploads.items() if each is not session}

    def make_call(
        self,
        base_url: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        in_batch: bool = False,
    ) -> Call:
        """Return the call of a raw request target (path and query)."""
        path, _, raw_query = target.partition("?")
        query: dict[str, str] = {}
        for part in raw_query.split("&") if raw_query else ():
            name, _, value = part.partition("=")
            name = unquote_plus(name)
            query[name.lower() if name.startswith("$") else name] = unquote_plus(value)
        return Call(
            self,
            base_url,
            method,
            path,
            raw_query,
            query,
            headers,
            body,
            in_batch,
            request_id=str(uuid.uuid4()),
        )

    async def deliver(self, call: Call) -> Delivery:
        """Work out what a request is answered. Never raises for what a client did."""
        began_s = time.perf_counter()
        fault: FaultAction | None = None
        try:
            handler = self._admit(call)
            if len(self.faults):
                tenant_id = call.tenant.tenant_id if call.tenant else ""
                target = f"{call.path}?{call.raw_query}" if call.raw_query else call.path
                fault = self.faults.pick(call.method, target, tenant_id, call.operation)
                if fault is not None and fault.delay_s:
                    await asyncio.sleep(fault.delay_s)
            if fault is not None and (fault.status or fault.retry_after_s is not None):
                raise _fault_error(call, fault)
            if call.operation == "batch" and not call.in_batch:
                from local.tenant.batch import answer_batch

                answer = await answer_batch(call)
            elif call.tenant is not None and call.operation != "token" and call.tenant.settings.limits:
                async with call.tenant.limits.admission(call) as headers:
                    answer = await _answered(handler, call)
                    answer.headers.update(headers)
                if call.operation == "drive.download":
                    size = answer.body.size_bytes if isinstance(answer.body, Piece) else len(answer.body)
                    call.tenant.limits.downloaded(call, size)
            else:
                answer = await _answered(handler, call)
        except GraphError as error:
            answer = error_answer(error, self._now(call), call.request_id, _client_request_id(call))
        answer.headers.setdefault("request-id", call.request_id)
        answer.headers.setdefault("client-request-id", _client_request_id(call))
        if call.preferences_applied:
            answer.headers["Preference-Applied"] = ", ".join(dict.fromkeys(call.preferences_applied))
        return Delivery(call, answer, fault, began_s)

    def record(self, delivery: Delivery, bytes_out: int, status: int | None = None) -> None:
        """Write a delivered answer to the request log."""
        call = delivery.call
        self.log.add(
            self._now(call),
            call.tenant.tenant_id if call.tenant else "",
            call.app_id,
            call.method,
            call.path,
            call.raw_query,
            call.operation,
            delivery.answer.status if status is None else status,
            bytes_out,
            call.in_batch,
            round((time.perf_counter() - delivery.began_s) * 1000, 3),
        )

    def _admit(self, call: Call) -> Handler | UnhurriedHandler:
        """Return who answers the call, once it is known that it may be asked."""
        if not call.path.startswith(_VERSION):
            if call.path.startswith(("/_download/", "/_upload/", "/_import/", "/_report/")):
                call.operation = call.path.split("/")[1].lstrip("_")
                call.operation, handler = pre_authenticated.prepare(call)
                return handler
            parts = call.path.strip("/").split("/")
            if len(parts) == 4 and parts[1:] == ["oauth2", "v2.0", "token"] and call.method == "POST":
                call.operation = "token"
                call.tenant = self.tenants.get(parts[0])
                return lambda each: self.sign_in.token_answer(self.tenants, parts[0], each.body)
            raise GraphError(400, "BadRequest", "Invalid version.")
        call.tenant, app = self.sign_in.authorize(self.tenants, call.headers.get("Authorization"))
        call.app_id = app.client_id
        raw_path = call.path[len(_VERSION) :]
        if raw_path.lower().startswith("/users/"):
            raw_path = self._through_own_drive(call, raw_path)
        if "/chats" in raw_path.lower():
            call.operation = "chats.refused"
            code, message = _REFUSALS["teams"]
            raise GraphError(403, code, message)
        route = self.routes.resolve(call, raw_path)
        call.operation = route.operation
        if route.service != "any" and not route.roles & app.roles:
            code, message = _REFUSALS[route.service]
            raise GraphError(403, code, message)
        return route.handler

    def _through_own_drive(self, call: Call, raw_path: str) -> str:
        """Turn /users/{user}/drive/... into /drives/{id}/..."""
        parts = raw_path.split("/")
        if len(parts) < 5 or parts[3].lower() != "drive":
            return raw_path
        person = call.tenant.person(unquote_plus(parts[2])) if call.tenant else None
        drive = call.tenant.drive(person) if call.tenant and person else None
        return raw_path if drive is None else f"/drives/{drive.drive_id}/{'/'.join(parts[4:])}"

    def _now(self, call: Call) -> str:
        return call.tenant.clock.stamp() if call.tenant else format_time(int(time.time()))


async def _answered(handler: Handler | UnhurriedHandler, call: Call) -> Answer:
    answer = handler(call)
    return answer if isinstance(answer, Answer) else await answer


def _client_request_id(call: Call) -> str:
    return call.headers.get("client-request-id") or call.request_id


def _fault_error(call: Call, fault: FaultAction) -> GraphError:
    status = fault.status or 429
    code, inner_code, headers = fault.code, fault.inner_code, dict(fault.headers)
    if fault.retry_after_s is not None:
        headers["Retry-After"] = f"{fault.retry_after_s:g}"
    if status == 410 and call.operation.endswith("delta"):
        headers.setdefault("Location", f"{call.base_url}{call.path}")
        if call.operation == "drive.delta":
            code, inner_code = code or "resyncRequired", inner_code or call.home.settings.resync_code
        code = code or "syncStateNotFound"
    code = code or _FAULT_CODES.get(status, "UnknownError")
    return GraphError(status, code, fault.message or f"Injected: {code}.", inner_code=inner_code, headers=headers)
