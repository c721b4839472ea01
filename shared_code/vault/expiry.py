"""Expiry without the right to delete: what has run out is tagged, the platform's lifecycle rules delete what is tagged
(infra/lifecycle.json), and what they should have deleted and did not is found here.

A lease that has run out proves that no restore point in retention needs the blob (docs/design.md), so nothing else is
looked at. A tag is only a request: while a lease runs, WORM refuses the deletion whatever the tags say.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from shared_code.errors import BlobLockedError, BlobNotFoundError
from shared_code.model.retention import MAX_NAMES_LISTED, ExpiryReport
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.leases import EXPIRED_TAGS
from shared_code.vault.whole_container import every_version, for_each, resource_of

EXPIRED_ON_TAG = "expired_on"
"""The day on which a blob was tagged as expired, ``YYYY-MM-DD`` in UTC."""

# Lifecycle rules take up to 24 hours to act ("Lifecycle management policies", checked 2026-11-24); a blob may need two
# rounds of them, one as the current version and one as a previous one.
GRACE = timedelta(days=3)
_log = logging.getLogger(__name__)


class LeaseState(StrEnum):
    """What a version of a blob is waiting for."""

    LEASED = "leased"
    HELD = "held"
    UNLEASED = "unleased"
    EXPIRED = "expired"
    OVERDUE = "overdue"


class TagStep(StrEnum):
    """What to do with the tags of a blob."""

    NONE = "none"
    TAG = "tag"
    RETRY = "retry"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a version is, and, unless ``step`` is none, which tags it has to have from now on."""

    state: LeaseState
    step: TagStep = TagStep.NONE
    tags: Mapping[str, str] = field(default_factory=dict)


def judge(info: BlobInfo, *, is_current: bool, is_held: bool, now: datetime) -> Verdict:
    """Pure. ``info`` is from a detailed listing; ``is_held``: its resource is on legal hold.

    Only current versions have tags set: lifecycle rules delete previous ones as soon as their leases allow it. A tag
    that is older than the end of the lease, or from the future, is nobody's word and is set anew.
    """
    others = {name: value for name, value in info.tags.items() if name not in EXPIRED_TAGS and name != EXPIRED_ON_TAG}
    is_tagged = EXPIRED_TAGS.items() <= info.tags.items()
    kept = _kept_by(info, is_held, now)
    if kept:
        return Verdict(kept, TagStep.CLEAR, others) if is_tagged and is_current else Verdict(kept)
    assert info.leased_until is not None  # noqa: S101 - else it is kept as unleased
    tagged_on = _tagged_on(info, now) if is_tagged else None
    if not is_current:
        is_overdue = _is_past(tagged_on, now) if tagged_on else now > info.leased_until + GRACE
        return Verdict(LeaseState.OVERDUE if is_overdue else LeaseState.EXPIRED)
    if tagged_on is None:
        return Verdict(LeaseState.EXPIRED, TagStep.TAG, _expired_tags(others, _day(now)))
    if _is_past(tagged_on, now):
        return Verdict(LeaseState.OVERDUE, TagStep.RETRY, _expired_tags(others, tagged_on))
    return Verdict(LeaseState.EXPIRED)


def _kept_by(info: BlobInfo, is_held: bool, now: datetime) -> LeaseState | None:
    if info.leased_until is None:
        return LeaseState.UNLEASED
    if is_held or info.legal_hold:
        return LeaseState.HELD
    return LeaseState.LEASED if info.leased_until > now else None


def _expired_tags(others: Mapping[str, str], since: date) -> dict[str, str]:
    return {**others, **EXPIRED_TAGS, EXPIRED_ON_TAG: since.isoformat()}


def _tagged_on(info: BlobInfo, now: datetime) -> date | None:
    try:
        tagged_on = date.fromisoformat(info.tags.get(EXPIRED_ON_TAG, ""))
    except ValueError:
        return None
    assert info.leased_until is not None  # noqa: S101 - only asked of what had a lease
    return tagged_on if _day(info.leased_until) <= tagged_on <= _day(now) else None


def _is_past(tagged_on: date, now: datetime) -> bool:
    return _day(now) - tagged_on > GRACE


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


async def expire(store: BlobStore, now: datetime, held_resources: Collection[str]) -> ExpiryReport:
    """One pass over a customer's container: tag what has run out, take the tags off what is leased or held again, tell
    what should be gone and is not. Deletes nothing.

    Safe to repeat, to cut at any point, and to run beside backups and itself: each blob is judged by what it is alone.
    Raises VaultUnavailableError.
    """
    tally = _Tally(now)
    held = frozenset(held_resources)

    async def steps() -> AsyncIterator[tuple[BlobInfo, Verdict]]:
        async for info, is_current in every_version(store):
            verdict = judge(info, is_current=is_current, is_held=resource_of(info.name) in held, now=now)
            tally.add(info, verdict.state)
            if verdict.step is not TagStep.NONE:
                yield info, verdict

    async def act(step: tuple[BlobInfo, Verdict]) -> None:
        info, verdict = step
        try:
            await store.set_tags(info.name, verdict.tags)
        except BlobNotFoundError:
            return  # the platform has just deleted it
        except BlobLockedError:
            _log.warning("the tags of %s cannot be set to %s", info.name, verdict.step)
            tally.refused += verdict.step is not TagStep.CLEAR  # else its lease or hold keeps it whatever its tags
            return
        tally.steps[verdict.step] += 1

    await for_each(steps(), act)
    report = tally.report()
    if report.needs_attention:
        _log.error("%d blobs should be gone and are not; %d could not be marked", report.overdue, report.refused)
    return report


class _Tally:
    """The report in the making."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._states = dict.fromkeys(LeaseState, 0)
        self._names: dict[LeaseState, list[str]] = {LeaseState.OVERDUE: [], LeaseState.UNLEASED: []}
        self.steps = dict.fromkeys(TagStep, 0)
        self.refused = 0

    def add(self, info: BlobInfo, state: LeaseState) -> None:
        self._states[state] += 1
        names = self._names.get(state)
        if names is not None and len(names) < MAX_NAMES_LISTED and info.name not in names[-1:]:
            names.append(info.name)

    def report(self) -> ExpiryReport:
        return ExpiryReport(
            at=self._now,
            leased=self._states[LeaseState.LEASED],
            held=self._states[LeaseState.HELD],
            unleased=self._states[LeaseState.UNLEASED],
            expired=self._states[LeaseState.EXPIRED],
            overdue=self._states[LeaseState.OVERDUE],
            tagged=self.steps[TagStep.TAG],
            cleared=self.steps[TagStep.CLEAR],
            retried=self.steps[TagStep.RETRY],
            refused=self.refused,
            overdue_names=tuple(self._names[LeaseState.OVERDUE]),
            unleased_names=tuple(self._names[LeaseState.UNLEASED]),
        )
