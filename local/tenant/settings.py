"""What can be set for one tenant."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """Behaviour of one tenant. Times are tenant time.

    Lifetimes of delta cursors are not fixed by Microsoft for Outlook and drives; 30 days is an assumption. Download
    URLs live about an hour ("driveItem: get content", checked 2026-11).
    """

    outlook_delta_lifetime_days: float = 30.0
    drive_delta_lifetime_days: float = 30.0
    download_url_lifetime_s: float = 3600.0
    import_session_lifetime_s: float = 3600.0
    upload_session_lifetime_s: float = 24 * 3600.0
    access_token_lifetime_s: float = 3599.0
    ids_change_on_move: bool = False
    drive_delta_includes_parents: bool = True
    drive_delta_duplicates: bool = False
    drive_delta_children_first: bool = False
    report_deleted_descendants: bool = True
    sharing_shows_in_delta: bool = True
    anonymous_links: bool = True
    group_ids: tuple[str, ...] = ()
    batch_shuffle: bool = True
    resync_code: str = "resyncChangesApplyDifferences"
    outlook_expired_status: int = 410
    outlook_page_size: int = 100
    drive_page_size: int = 200
    channel_replies_expanded: int = 1000
    language: str = "en-US"
    # Throttling, see service_limits.py. Without a number of licences the licensed people are counted;
    # ``request_duration_s`` is how long each request is under way, so that there can be too many at once.
    limits: bool = False
    licences: int | None = None
    request_duration_s: float = 0.0
    conceal_names_in_reports: bool = False

    def changed(self, values: dict[str, Any]) -> TenantSettings:
        """Return a copy with `values`. Raises ValueError for an unknown name."""
        unknown = sorted(set(values) - {each.name for each in fields(self)})
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        return replace(self, **values)
