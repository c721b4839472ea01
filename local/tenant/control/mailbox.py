"""What tests and the demo do to a mailbox as a whole: one method for each edit operation."""

from __future__ import annotations

from local.tenant.control.connection import ControlConnection, Json, Path, plain_path


class MailboxControl(ControlConnection):
    """Settings, rules, Recoverable Items, and a delta that does not work."""

    def change_mailbox_settings(self, tenant: str, user: str, **settings: object) -> None:
        """Change settings by their names in Graph (`timeZone`, `automaticRepliesSetting`, ...)."""
        self.edit(tenant, "change_settings", user=user, settings=settings)

    def mailbox_settings(self, tenant: str, user: str) -> Json:
        """Return the truth about `settings` and `rules`, without ids: folders stand by their paths."""
        return self.edit(tenant, "show_settings", user=user)

    def add_rule(self, tenant: str, user: str, rule: Json, *, move_to: Path | None = None) -> str:
        """Add a rule to the inbox (Graph schema), with a folder that it moves mail to; return its id."""
        place = None if move_to is None else plain_path(move_to)
        return str(self.edit(tenant, "add_rule", user=user, rule=rule, move_to=place)["rule"])

    def change_rule(self, tenant: str, user: str, rule_id: str, rule: Json) -> None:
        """Change properties of a rule."""
        self.edit(tenant, "change_rule", user=user, rule_id=rule_id, rule=rule)

    def delete_rule(self, tenant: str, user: str, rule_id: str) -> None:
        """Remove a rule."""
        self.edit(tenant, "delete_rule", user=user, rule_id=rule_id)

    def rule_ids(self, tenant: str, user: str) -> dict[str, str]:
        """Return the ids of all rules by their names."""
        return dict(self.edit(tenant, "rule_ids", user=user)["rules"])

    def break_delta(self, tenant: str, user: str, status: int | None = 403, code: str = "ErrorQuotaExceeded") -> None:
        """Let every delta of a mailbox fail, as where it is over its quota ("mailFolder: delta", checked 2026-11); None
        mends it. Listings go on working."""
        self.edit(tenant, "break_delta", user=user, status=status, code=code)

    def soft_delete_item(self, tenant: str, user: str, item: str, *, part: str = "deletions") -> str:
        """Let an item go to a folder of Recoverable Items (`deletions`, `versions`, `purges`); return its id there."""
        return str(self.edit(tenant, "soft_delete_item", user=user, item=item, part=part)["item"])
