"""Tenants that a benchmark works on. Their content is computed by the simulator, so it costs no memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from local.product_settings import APP_CLIENT_ID, APP_CLIENT_SECRET
from local.tenant.app_roles import ALL_ROLES
from local.tenant.control.client import TenantControl


@dataclass(frozen=True, slots=True)
class Load:
    """One user's drive with files, or one user's mailbox with messages. File bytes do not compress."""

    files: int = 0
    file_bytes: int = 0
    messages: int = 0

    @property
    def items(self) -> int:
        """Files and messages."""
        return self.files + self.messages


@dataclass(frozen=True, slots=True)
class LoadedTenant:
    """A tenant that holds a Load, and the ids by which the copier finds it."""

    tenant_id: str
    load: Load
    drive_ids: tuple[str, ...]
    mailboxes: tuple[tuple[str, str], ...]


def create(control: TenantControl, load: Load, seed: str) -> LoadedTenant:
    """Make a tenant with that load. Another ``seed`` gives other bytes."""
    tenant_id = str(control.create_tenant(secret=APP_CLIENT_SECRET)["id"])
    control.add_app(tenant_id, APP_CLIENT_ID, APP_CLIENT_SECRET, sorted(ALL_ROLES))
    wants_drive, wants_mailbox = load.files > 0, load.messages > 0
    user = control.add_user(tenant_id, "Bench User", mailbox=wants_mailbox, drive=wants_drive)
    if load.files == 1:
        name = f"large-{seed}.bin"
        control.put_generated_file(tenant_id, user["id"], name, load.file_bytes, seed=seed, with_hash=True)
    elif load.files:
        control.generate_files(tenant_id, user["id"], load.files, load.file_bytes, seed=seed)
    if load.messages:
        control.generate_items(tenant_id, user["id"], load.messages, seed=seed)
    if wants_drive:
        _list_once(control.url, tenant_id, user["drive_id"])
    return LoadedTenant(
        tenant_id,
        load,
        (user["drive_id"],) if wants_drive else (),
        ((user["id"], user["mailbox_id"]),) if wants_mailbox else (),
    )


def _list_once(graph_url: str, tenant_id: str, drive_id: str) -> None:
    """The service has the hashes of its files at hand; the simulator works each out when it is first listed. That is
    nobody's cost."""
    form = {"grant_type": "client_credentials", "client_id": APP_CLIENT_ID, "client_secret": APP_CLIENT_SECRET}
    token = _json(Request(f"{graph_url}/{tenant_id}/oauth2/v2.0/token", urlencode(form).encode()))["access_token"]
    link: str | None = f"{graph_url}/v1.0/drives/{quote(drive_id)}/root/delta?$select=id,file&$top=1000"
    while link:
        page = _json(Request(link, headers={"Authorization": f"Bearer {token}"}))
        link = page.get("@odata.nextLink")


def _json(request: Request) -> dict[str, Any]:
    with urlopen(request, timeout=120) as answer:
        return dict(json.load(answer))
