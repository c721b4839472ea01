"""What tests do to the sharing, the history and the check-outs of files: one method for each edit operation."""

from __future__ import annotations

from typing import Any

from local.tenant.control.connection import ControlConnection, Json, Path, base64_text, plain_path


class SharingControl(ControlConnection):
    """The drive of a user, beyond its files."""

    def share(self, tenant: str, user: str, path: Path, **terms: Any) -> None:
        """Open an item: `people` (one) or `group` or `email` (a guest) with `role`; or `link_type` with `link_scope`,
        `people` for a link for named people; `password`, `expires`."""
        self.edit(tenant, "share", user=user, path=plain_path(path), **terms)

    def unshare(self, tenant: str, user: str, path: Path) -> None:
        """Take every permission of the item's own away."""
        self.edit(tenant, "unshare", user=user, path=plain_path(path))

    def check_out(self, tenant: str, user: str, path: Path, draft: bytes = b"") -> None:
        """Check a file out to its owner, who may have changed it already: nobody else sees the draft."""
        more: Json = {"data_base64": base64_text(draft)} if draft else {}
        self.edit(tenant, "check_out", user=user, path=plain_path(path), **more)

    def check_in(self, tenant: str, user: str, path: Path) -> None:
        """Check a file in: its draft, if there is one, is what everybody sees."""
        self.edit(tenant, "check_in", user=user, path=plain_path(path))

    def file_details(self, tenant: str, user: str) -> dict[str, Json]:
        """By path: the `grants`, the SHA-256 of the earlier `versions`, and whether it is `checked_out`; of items
        that have any of it."""
        return dict(self.edit(tenant, "file_details", user=user)["details"])
