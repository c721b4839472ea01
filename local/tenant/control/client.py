"""A small synchronous client of the control interface, for tests and the demo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from local.tenant.control.connection import ControlError, Json
from local.tenant.control.files import FileControl
from local.tenant.control.mail import MailControl
from local.tenant.control.mailbox import MailboxControl
from local.tenant.control.sharing import SharingControl
from local.tenant.control.sites import SiteControl
from local.tenant.control.teams import TeamControl

__all__ = ["ControlError", "TenantControl"]


class TenantControl(MailControl, MailboxControl, FileControl, SharingControl, SiteControl, TeamControl):
    """One method for each control call.

    `tenant` is a tenant id, `user` an id or user principal name, a mail `folder` an id, a well-known name or a path
    (`Inbox/Projects`), a drive `path` a text with `/` or a list of names.
    """

    # Tenants, apps, people

    def health(self) -> Json:
        """Return `{"status": "ok", ...}`."""
        return self.call("GET", "health")

    def create_tenant(
        self,
        *,
        secret: str,
        id: str | None = None,
        display_name: str = "Simulated",
        settings: Json | None = None,
        now: str | None = None,
    ) -> Json:
        """Create a tenant with the app `backup-app`, which has every role; return it with its `id`."""
        body = {
            "id": id,
            "display_name": display_name,
            "secret": secret,
            "settings": settings or {},
            "now": now,
        }
        return self.call("POST", "tenants", body)

    def tenant(self, tenant: str) -> Json:
        """Return id, names, clock and settings."""
        return self.call("GET", f"tenants/{tenant}")

    def change_settings(self, tenant: str, **settings: Any) -> Json:
        """Change settings of a tenant (see settings.py for their names)."""
        return self.call("PATCH", f"tenants/{tenant}", {"settings": settings})

    def delete_tenant(self, tenant: str) -> None:
        """Remove a tenant with all it holds."""
        self.call("DELETE", f"tenants/{tenant}")

    def set_clock(self, tenant: str, *, now: str | None = None, advance_s: float = 0.0, frozen: bool = False) -> str:
        """Set or move the tenant's clock and return its new time; ``frozen``, it stands still, without ``now`` where
        it is."""
        body: Json = {"advance_s": advance_s, "frozen": frozen}
        if now is not None:
            body["now"] = now
        return str(self.call("POST", f"tenants/{tenant}/clock", body)["now"])

    def run_clock(self, tenant: str, speed: float) -> None:
        """Let the tenant's clock run ``speed`` times as fast as real time."""
        self.call("POST", f"tenants/{tenant}/clock", {"speed": speed})

    def limits(self, tenant: str) -> Json:
        """Return what the enforced limits (setting ``limits``) have seen: `counted`, `refused` (limit -> count) and
        `most_at_once` for one mailbox."""
        return self.call("GET", f"tenants/{tenant}/limits")

    def add_app(self, tenant: str, client_id: str, secret: str, roles: Sequence[str]) -> None:
        """Add (or replace) an app with exactly these roles."""
        self.call("POST", f"tenants/{tenant}/apps", {"client_id": client_id, "secret": secret, "roles": list(roles)})

    def add_user(
        self,
        tenant: str,
        display_name: str,
        *,
        upn: str | None = None,
        purpose: str = "user",
        mailbox: bool = True,
        drive: bool | None = None,
        licensed: bool | None = None,
        enabled: bool | None = None,
        guest: bool = False,
    ) -> Json:
        """Add a user; return `id`, `upn`, `mailbox_id`, `drive_id`. Drive, licence and sign-in default to yes for
        purpose `user` and to no for shared, room and equipment."""
        body: Json = {
            "display_name": display_name,
            "upn": upn,
            "purpose": purpose,
            "mailbox": mailbox,
            "guest": guest,
        }
        optional = {"drive": drive, "licensed": licensed, "enabled": enabled}
        body |= {name: value for name, value in optional.items() if value is not None}
        return self.call("POST", f"tenants/{tenant}/users", body)

    def change_user(self, tenant: str, user: str, **changes: Any) -> Json:
        """Change display_name, licensed, enabled, purpose or has_archive."""
        return self.call("PATCH", f"tenants/{tenant}/users/{quote(user, safe='')}", changes)

    def users(self, tenant: str) -> list[Json]:
        """Return all users (without mailbox and drive ids)."""
        return list(self.call("GET", f"tenants/{tenant}/users")["users"])

    def delete_user(self, tenant: str, user: str) -> None:
        """Move a user to the deleted items, with mailbox and drive."""
        self.call("DELETE", f"tenants/{tenant}/users/{quote(user, safe='')}")

    def restore_user(self, tenant: str, user_id: str) -> Json:
        """Bring a deleted user back, with mailbox and drive as they were."""
        return self.call("POST", f"tenants/{tenant}/users/{quote(user_id, safe='')}/restore")

    def generate(self, tenant: str, **spec: Any) -> list[str]:
        """Add generated people: users, messages_per_user, events_per_user, contacts_per_user, files_per_user,
        file_size_bytes, compressible, folder_depth, seed, prefix. Return their user ids."""
        return list(self.call("POST", f"tenants/{tenant}/generate", spec)["users"])

    # Truth, faults, log

    def oracle(self, tenant: str, user: str, kind: str = "mailbox") -> Iterator[Json]:
        """Yield the truth about a user's `mailbox` or `drive`, record by record, without ids."""
        return self.lines(f"tenants/{tenant}/oracle?{urlencode({'user': user, 'kind': kind})}")

    def add_fault(
        self,
        *,
        match: Json | None = None,
        action: Json,
        times: int | None = None,
        probability: float = 1.0,
        skip: int = 0,
        seed: int | None = None,
    ) -> int:
        """Add a fault rule and return its id. `match`: method, path_regex, tenant, operation (may end with `*`).
        `action`: status, code, message, inner_code, headers, retry_after_s, delay_s, cut_after_bytes, corrupt_bytes,
        truncate."""
        body: Json = {
            "match": match or {},
            "action": action,
            "times": times,
            "probability": probability,
            "skip": skip,
        }
        if seed is not None:
            body["seed"] = seed
        return int(self.call("POST", "faults", body)["id"])

    def fault_hits(self) -> dict[int, int]:
        """Return how often each rule fired."""
        return {int(key): int(value) for key, value in self.call("GET", "faults")["hits"].items()}

    def remove_fault(self, fault: int) -> int:
        """Remove a rule and return how often it fired."""
        return int(self.call("DELETE", f"faults/{fault}")["hits"])

    def clear_faults(self) -> int:
        """Remove all rules and return how often they fired."""
        return int(self.call("DELETE", "faults")["hits"])

    def log(self, since: int = 0) -> list[Json]:
        """Return the log entries after number `since`."""
        return list(self.lines(f"log?since={since}"))

    def log_position(self) -> int:
        """Return the number of the newest log entry, to be given to `log` later."""
        return int(self.call("GET", "log/last")["n"])

    def log_summary(self) -> dict[str, dict[str, int]]:
        """Return operation -> status -> count."""
        return self.call("GET", "log/summary")

    def clear_log(self) -> None:
        """Forget all log entries."""
        self.call("DELETE", "log")
