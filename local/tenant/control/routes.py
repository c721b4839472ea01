"""The control interface below /_control: no token, loopback only. For tests and demos, never for the product."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from local.tenant.answers import Json
from local.tenant.clock import parse_time
from local.tenant.drives.edits import FILE_OPS
from local.tenant.drives.sharing_edits import SHARING_OPS
from local.tenant.mailboxes.edits import MAIL_OPS, EditError
from local.tenant.mailboxes.state_edits import MAILBOX_STATE_OPS
from local.tenant.oracle import drive_truth, mailbox_truth
from local.tenant.population import generate_people
from local.tenant.settings import TenantSettings
from local.tenant.simulator import Simulator
from local.tenant.sites.edits import SITE_OPS
from local.tenant.sites.truth import answer_site_oracle
from local.tenant.teams.edits import TEAM_OPS
from local.tenant.teams.truth import team_truth
from local.tenant.tenant import PURPOSES, App, Person, Tenant

_LINES_AT_ONCE = 200


class ControlInterface:
    """Answers control requests. Every mistake is a 400 with a sentence."""

    def __init__(self, state: Simulator) -> None:
        self._state = state

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """Answer one control request."""
        parts = request.path.strip("/").split("/")[1:]
        query = dict(request.query)
        if len(parts) == 3 and parts[0] == "tenants" and parts[2] == "oracle":
            return await self._oracle(request, parts[1], query)
        if parts == ["log"] and request.method == "GET":
            return await _stream(request, self._state.log.since(int(query.get("since", "0"))))
        try:
            result = self._dispatch(request.method, parts, query, json.loads(body) if body else {})
        except (ValueError, KeyError, TypeError, EditError) as error:
            message = f"{type(error).__name__}: {error}"
            return web.json_response({"error": message}, status=400)
        return web.json_response(result)

    def _dispatch(self, method: str, parts: list[str], query: dict[str, str], body: Any) -> Any:
        match (method, *parts):
            case ("GET", "health"):
                return {"status": "ok", "tenants": len(self._state.tenants)}
            case ("POST", "faults"):
                return {"id": self._state.faults.add(body)}
            case ("GET", "faults"):
                return {"hits": {str(key): value for key, value in self._state.faults.hits().items()}}
            case ("DELETE", "faults"):
                return {"hits": self._state.faults.remove()}
            case ("DELETE", "faults", rule_id):
                return {"hits": self._state.faults.remove(int(rule_id))}
            case ("GET", "log", "summary"):
                return self._state.log.summary()
            case ("GET", "log", "last"):
                return {"n": self._state.log.last_number}
            case ("DELETE", "log"):
                self._state.log.clear()
                return {}
            case ("POST", "tenants"):
                return self._create_tenant(body)
            case (_, "tenants", tenant_id, *rest):
                tenant = self._state.tenants.get(tenant_id)
                if tenant is None:
                    raise EditError(f"no tenant {tenant_id!r}")
                return self._for_tenant(method, tenant, rest, query, body)
        raise EditError(f"the control interface knows no {method} {'/'.join(parts)}")

    def _for_tenant(self, method: str, tenant: Tenant, rest: list[str], query: dict[str, str], body: Json) -> Any:
        match (method, *rest):
            case ("GET",):
                return _tenant_json(tenant)
            case ("PATCH",):
                tenant.settings = tenant.settings.changed(body.get("settings") or {})
                return _tenant_json(tenant)
            case ("DELETE",):
                del self._state.tenants[tenant.tenant_id]
                return {}
            case ("POST", "clock"):
                if "now" in body or body.get("frozen"):
                    moment = parse_time(body["now"]) if "now" in body else tenant.clock.now()
                    tenant.clock.set(moment, frozen=bool(body.get("frozen")))
                tenant.clock.advance(float(body.get("advance_s", 0)))
                tenant.clock.run_at(float(body.get("speed", tenant.clock.speed)))
                return {"now": tenant.clock.stamp()}
            case ("GET", "limits"):
                return tenant.limits.to_json()
            case ("POST", "apps"):
                app = App(str(body["client_id"]), str(body["secret"]), frozenset(body["roles"]))
                tenant.apps[app.client_id] = app
                return {"client_id": app.client_id}
            case ("POST", "users"):
                return _person_json(tenant, _add_person(tenant, body))
            case ("GET", "users"):
                return {"users": [_person_json(tenant, person, light=True) for person in tenant.people.values()]}
            case ("PATCH", "users", key):
                return _person_json(tenant, _change_person(tenant, key, body))
            case ("DELETE", "users", key):
                tenant.remove_person(_person(tenant, key))
                return {}
            case ("POST", "users", key, "restore"):
                return _person_json(tenant, tenant.restore_person(key))
            case ("POST", "edits"):
                operations = body if isinstance(body, list) else body["edits"]
                return {"results": [_edit(tenant, op) for op in operations]}
            case ("POST", "generate"):
                people = generate_people(tenant, body)
                return {"users": [person.user_id for person in people]}
        raise EditError(f"the control interface knows no {method} on a tenant's {'/'.join(rest)}")

    def _create_tenant(self, body: Json) -> Json:
        tenant_id = str(body.get("id") or uuid.uuid4())
        if tenant_id in self._state.tenants:
            raise EditError(f"tenant {tenant_id!r} exists")
        settings = TenantSettings().changed(body.get("settings") or {})
        tenant = Tenant(tenant_id, str(body.get("display_name", "Simulated")), str(body["secret"]), settings)
        if body.get("now"):
            tenant.clock.set(parse_time(body["now"]))
            tenant.created = tenant.clock.stamp()
        self._state.tenants[tenant_id] = tenant
        return _tenant_json(tenant)

    async def _oracle(self, request: web.BaseRequest, tenant_id: str, query: dict[str, str]) -> web.StreamResponse:
        tenant = self._state.tenants.get(tenant_id)
        if tenant is not None and query.get("kind") == "team" and query.get("team", "") in tenant.team_book.teams:
            return await _stream(request, team_truth(tenant, tenant.team_book.teams[query["team"]]))
        person = tenant.person(query.get("user", "")) if tenant else None
        if tenant is None or person is None:
            return web.json_response({"error": "no such tenant or user"}, status=400)
        if query.get("kind", "mailbox") == "mailbox":
            mailbox = tenant.mailbox(person)
            return await _stream(request, mailbox_truth(mailbox) if mailbox else iter(()))
        drive = tenant.drive(person)
        return await _stream(request, drive_truth(drive) if drive else iter(()))


def _edit(tenant: Tenant, op: Json) -> Json:
    name = op.get("op", "")
    if name in MAIL_OPS:
        return MAIL_OPS[name](tenant, op)
    if name in MAILBOX_STATE_OPS:
        return MAILBOX_STATE_OPS[name](tenant, op)
    if name in SHARING_OPS:
        return SHARING_OPS[name](tenant, op)
    if name in FILE_OPS:
        return FILE_OPS[name](tenant, op)
    if name in SITE_OPS:
        return SITE_OPS[name](tenant, op)
    if name == "site_oracle":
        return answer_site_oracle(tenant, op)
    if name in TEAM_OPS:
        return TEAM_OPS[name](tenant, op)
    raise EditError(f"no edit operation {name!r}")


def _person(tenant: Tenant, key: str) -> Person:
    person = tenant.person(key)
    if person is None:
        raise EditError(f"no user {key!r}")
    return person


def _add_person(tenant: Tenant, body: Json) -> Person:
    purpose = str(body.get("purpose", "user"))
    if purpose not in PURPOSES:
        raise EditError(f"purpose must be one of {PURPOSES}")
    upn = str(body.get("upn") or f"{body['display_name'].replace(' ', '.').lower()}@{tenant.domain}")
    return tenant.add_person(
        Person(
            user_id=str(body.get("id") or tenant.new_user_id(upn)),
            display_name=str(body["display_name"]),
            upn=upn,
            purpose=purpose,
            has_mailbox=bool(body.get("mailbox", True)),
            has_drive=bool(body.get("drive", purpose == "user")),
            licensed=bool(body.get("licensed", purpose == "user")),
            enabled=bool(body.get("enabled", purpose == "user")),
            is_guest=bool(body.get("guest", False)),
        )
    )


def _change_person(tenant: Tenant, key: str, body: Json) -> Person:
    person = _person(tenant, key)
    for name in ("display_name", "licensed", "enabled", "purpose", "has_archive"):
        if name in body:
            setattr(person, name, body[name])
    return person


def _person_json(tenant: Tenant, person: Person, *, light: bool = False) -> Json:
    result: Json = {
        "id": person.user_id,
        "upn": person.upn,
        "display_name": person.display_name,
        "purpose": person.purpose,
    }
    if light:
        return result
    mailbox, drive = tenant.mailbox(person), tenant.drive(person)
    return {
        **result,
        "mailbox_id": mailbox.mailbox_id if mailbox else None,
        "drive_id": drive.drive_id if drive else None,
    }


def _tenant_json(tenant: Tenant) -> Json:
    return {
        "id": tenant.tenant_id,
        "display_name": tenant.display_name,
        "domain": tenant.domain,
        "now": tenant.clock.stamp(),
        "users": len(tenant.people),
        "settings": {name: getattr(tenant.settings, name) for name in TenantSettings.__dataclass_fields__},
    }


async def _stream(request: web.BaseRequest, records: Iterator[Any]) -> web.StreamResponse:
    """Send records as JSON lines."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    lines: list[bytes] = []
    for record in records:
        lines.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        if len(lines) >= _LINES_AT_ONCE:
            await response.write(b"".join(lines))
            lines.clear()
    if lines:
        await response.write(b"".join(lines))
    await response.write_eof()
    return response
