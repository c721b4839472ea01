"""Graph's documented limits, for those who keep below them and those who plan with them.

Sources: "Microsoft Graph service-specific throttling limits" (learn.microsoft.com/graph/throttling-limits) and "Avoid
getting throttled or blocked in SharePoint Online" (both checked 2026-11).
"""

from __future__ import annotations

from bisect import bisect_left

MAILBOX_REQUESTS = 10_000
MAILBOX_WINDOW_S = 600
MAILBOX_AT_ONCE = 4
MAILBOX_UPLOAD_BYTES = 150_000_000
MAILBOX_UPLOAD_WINDOW_S = 300

_TIERS = (1_000, 5_000, 15_000, 50_000)
_UNITS_A_MINUTE = (1_250, 2_500, 3_750, 5_000, 6_250)
_UNITS_A_DAY = (1_200_000, 2_400_000, 3_600_000, 4_800_000, 6_000_000)
FILE_BYTES_AN_HOUR = 400_000_000_000

# The smallest of three sizes of tenant: nothing that is read anyway tells which one it is.
IDENTITY_UNITS = 3_500
IDENTITY_WINDOW_S = 10

CHANNEL_MESSAGES_PER_S = 20
ONE_CHANNEL_PER_S = 1
ONE_TEAM_PER_S = 4
TEAMS_EXPORT_PER_S = 200
TEAMS_OTHER_PER_S = 30


def unit_limits(licences: int | None) -> tuple[int, int]:
    """SharePoint's resource units per app and tenant, a minute and a day; the smallest for an unknown number of
    licences."""
    tier = bisect_left(_TIERS, licences or 0)
    return _UNITS_A_MINUTE[tier], _UNITS_A_DAY[tier]
