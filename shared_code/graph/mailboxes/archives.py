"""Who has an archive mailbox, so that it can be named as not covered.

Graph v1.0 tells of no archive where it tells of mailboxes: ``exchangeSettings`` has ``primaryMailboxId`` alone
(``inPlaceArchiveMailboxId`` is beta; learn.microsoft.com/graph/api/resources/exchangesettings, checked 2026-11). The
usage report of mailboxes has a column for it (learn.microsoft.com/graph/api/reportroot-getmailboxusagedetail, checked
2026-11; the column's name is from captured reports).
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from io import StringIO

from shared_code.errors import SourceError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.model.census import Census, NotCoveredCause
from shared_code.model.resource import ResourceKind
from shared_code.model.run import NotCovered

_ASKED = Asked("read the usage report of mailboxes", "Reports.Read.All")
_PERIOD = "D7"  # days that the report is over; the shortest there is
_MOST_BYTES = 64 * 1024 * 1024
_ALL = "archive mailboxes"
_log = logging.getLogger(__name__)


class ArchiveListing:
    """Names the archive mailboxes of a tenant. It lists no resources."""

    kinds: tuple[ResourceKind, ...] = ()

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def census(self) -> Census:
        """Each archive by its owner's principal name. Where the tenant conceals names in reports, how many there are;
        where the report cannot be had, that nobody knows. The report may be two days old. Raises nothing: no backup
        waits for it."""
        try:
            return Census(not_covered=tuple(_archives(await self._report())))
        except (SourceError, UnicodeDecodeError, csv.Error) as error:
            _log.warning("no report on archive mailboxes: %s", type(error).__name__)
            return Census(not_covered=(NotCovered(_ALL, NotCoveredCause.ARCHIVES_UNTOLD),))

    async def _report(self) -> str:
        """The report as CSV: it comes from a pre-authenticated URL that Graph redirects to."""
        reports = self._client.graph.reports
        request = reports.get_mailbox_usage_detail_with_period(_PERIOD).to_get_request_information()
        answer = await self._client.send(request, _ASKED)
        location = answer.headers.get("location", "")
        if location:
            download = await self._client.open_download(location)
            return (await download.read(_MOST_BYTES)).decode("utf-8-sig")
        return answer.body.decode("utf-8-sig")


def _archives(report: str) -> Iterator[NotCovered]:
    rows = csv.DictReader(StringIO(report))
    if not {"User Principal Name", "Has Archive"} <= set(rows.fieldnames or ()):
        raise SourceUnavailableError("The usage report of mailboxes has other columns than it is known to have.")
    concealed = 0
    for row in rows:
        if (row["Has Archive"] or "").lower() != "true" or (row.get("Is Deleted") or "").lower() == "true":
            continue
        name = row["User Principal Name"] or ""
        if "@" in name:
            yield NotCovered(f"archive mailbox of {name}", NotCoveredCause.ARCHIVE)
        else:
            concealed += 1
    if concealed:
        yield NotCovered(f"{concealed} {_ALL} (the tenant conceals names in reports)", NotCoveredCause.ARCHIVE)
