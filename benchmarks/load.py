"""Tenants that a benchmark works on. Their content is computed by the simulator, so it costs no memory."""

from __future__ import annotations

from dataclasses import dataclass

from local.product_settings import APP_CLIENT_ID, APP_CLIENT_SECRET
from local.tenant.app_roles import ALL_ROLES
from local.tenant.control_client import TenantControl


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
    return LoadedTenant(
        tenant_id,
        load,
        (user["drive_id"],) if wants_drive else (),
        ((user["id"], user["mailbox_id"]),) if wants_mailbox else (),
    )
