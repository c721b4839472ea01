"""The usage report of mailboxes: a redirect to a pre-authenticated URL with CSV."""

from __future__ import annotations

import csv
from hashlib import md5
from io import StringIO

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, bad_request
from local.tenant.call import Call
from local.tenant.routing import Route, RouteTable

_PERIODS = ("D7", "D30", "D90", "D180")
_LIFETIME_S = 600
_COLUMNS = (
    "Report Refresh Date",
    "User Principal Name",
    "Display Name",
    "Is Deleted",
    "Deleted Date",
    "Created Date",
    "Last Activity Date",
    "Item Count",
    "Storage Used (Byte)",
    "Issue Warning Quota (Byte)",
    "Prohibit Send Quota (Byte)",
    "Prohibit Send/Receive Quota (Byte)",
    "Deleted Item Count",
    "Deleted Item Size (Byte)",
    "Deleted Item Quota (Byte)",
    "Has Archive",
    "Report Period",
)


def add_report_routes(table: RouteTable) -> None:
    """Add what is served below /reports."""
    table.add(
        "GET",
        Route("/reports/getMailboxUsageDetail", "reports.mailboxUsageDetail", roles.REPORTS, "directory", _redirect),
    )


def _redirect(call: Call) -> Answer:
    period = call.query.get("period", "")
    if period not in _PERIODS:
        raise bad_request(f"Invalid period value specified: {period}")
    token = call.simulator.sealer.seal("report", [call.home.tenant_id, period, call.home.clock.epoch_s() + _LIFETIME_S])
    return Answer(302, headers={"Location": f"{call.base_url}/_report/{token}"})


def report_answer(call: Call, period: str, expires_s: int) -> Answer:
    """The report itself, for whoever has its URL."""
    tenant = call.home
    if tenant.clock.epoch_s() > expires_s:
        raise GraphError(401, "unauthenticated", "The report URL has expired.")
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    day = tenant.clock.stamp()[:10]
    for person in tenant.people.values():
        if not person.has_mailbox:
            continue
        upn, name = person.upn, person.display_name
        if tenant.settings.conceal_names_in_reports:
            upn, name = (md5(each.encode(), usedforsecurity=False).hexdigest().upper() for each in (upn, name))
        row = [day, upn, name, False, "", tenant.created[:10], day, 0, 0, 0, 0, 0, 0, 0, 0, person.has_archive]
        rows.writerow([*row, period.removeprefix("D")])
    return Answer(200, b"\xef\xbb\xbf" + text.getvalue().encode(), "application/octet-stream")
