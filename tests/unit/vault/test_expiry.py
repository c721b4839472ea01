"""Expiry by tags, the deployed lifecycle rules behind it, and the purge job, on a clock that moves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shared_code.errors import BlobLockedError, VaultUnavailableError
from shared_code.model.lease import LeaseTerms
from shared_code.model.retention import ExpiryReport
from shared_code.vault.blob_store import BlobInfo
from shared_code.vault.expiry import LeaseState, TagStep, expire, judge
from shared_code.vault.holds import apply_holds, release_holds
from shared_code.vault.leases import EXPIRED_TAGS, LeasedStore
from shared_code.vault.memory_blob import MemoryBlobStore, Moment
from shared_code.vault.memory_lifecycle import apply_lifecycle
from shared_code.vault.purge import purge

START = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = LeaseTerms(retention_days=20, checkpoint_days=10, margin_days=3)
LEASE = timedelta(days=TERMS.lease_days)
POLICY: dict[str, Any] = json.loads((Path(__file__).parents[3] / "infra" / "lifecycle.json").read_text())
ONE = "drive.one/packs/A"


class Platform:
    """A customer's container, with the account's lifecycle rules."""

    def __init__(self) -> None:
        self.now = START
        self.store = MemoryBlobStore(lambda: self.now)
        self.leased = LeasedStore(self.store, TERMS, lambda: self.now)
        self.held: set[str] = set()
        self.rules_run = True

    async def day(self, days: int = 1) -> ExpiryReport:
        """Days go by; on each the holds, the expiry, and the rules run in turn. The report of the last."""
        for _ in range(days):
            self.now += DAY
            await apply_holds(self.store, self.held)
            report = await expire(self.store, self.now, self.held)
            if self.rules_run:
                apply_lifecycle(self.store, POLICY, "vault-acme", self.now)
        return report

    async def pass_over(self) -> ExpiryReport:
        return await expire(self.store, self.now, self.held)

    async def tags(self, name: str = ONE) -> dict[str, str]:
        [info] = [info async for info in self.store.list(name, details=True)]
        return dict(info.tags)


@pytest.fixture
def platform() -> Platform:
    return Platform()


def _expired(on: datetime) -> dict[str, str]:
    return {"retention": "expired", "expired_on": on.date().isoformat()}


def test_the_rules_that_are_deployed_delete_what_is_tagged() -> None:
    matches = [rule["definition"]["filters"].get("blobIndexMatch", []) for rule in POLICY["rules"]]
    assert [{"name": name, "op": "==", "value": value} for name, value in EXPIRED_TAGS.items()] in matches


@pytest.mark.parametrize(
    ("lease_days", "tags", "is_current", "is_held", "state", "step"),
    [
        (1, {}, True, False, LeaseState.LEASED, TagStep.NONE),
        (1, _expired(START), True, False, LeaseState.LEASED, TagStep.CLEAR),
        (1, _expired(START), False, False, LeaseState.LEASED, TagStep.NONE),
        (0, {}, True, False, LeaseState.EXPIRED, TagStep.TAG),
        (0, {"retention": "expired"}, True, False, LeaseState.EXPIRED, TagStep.TAG),
        (0, {"retention": "expired", "expired_on": "soon"}, True, False, LeaseState.EXPIRED, TagStep.TAG),
        (-9, _expired(START + DAY), True, False, LeaseState.EXPIRED, TagStep.TAG),
        (-1, _expired(START - 9 * DAY), True, False, LeaseState.EXPIRED, TagStep.TAG),
        (-9, _expired(START - 3 * DAY), True, False, LeaseState.EXPIRED, TagStep.NONE),
        (-9, _expired(START - 4 * DAY), True, False, LeaseState.OVERDUE, TagStep.RETRY),
        (-9, _expired(START - 4 * DAY), True, True, LeaseState.HELD, TagStep.CLEAR),
        (-9, {}, True, True, LeaseState.HELD, TagStep.NONE),
        (None, {}, True, False, LeaseState.UNLEASED, TagStep.NONE),
        (None, _expired(START - 9 * DAY), True, False, LeaseState.UNLEASED, TagStep.CLEAR),
        (-3, {}, False, False, LeaseState.EXPIRED, TagStep.NONE),
        (-4, {}, False, False, LeaseState.OVERDUE, TagStep.NONE),
        (-4, {}, False, True, LeaseState.HELD, TagStep.NONE),
        (-90, _expired(START - 3 * DAY), False, False, LeaseState.EXPIRED, TagStep.NONE),
        (-90, _expired(START - 4 * DAY), False, False, LeaseState.OVERDUE, TagStep.NONE),
    ],
)
def test_the_verdict_on_one_version(
    lease_days: int | None, tags: dict[str, str], is_current: bool, is_held: bool, state: LeaseState, step: TagStep
) -> None:
    leased_until = None if lease_days is None else START + lease_days * DAY
    info = BlobInfo(ONE, "v1", 1, START - 99 * DAY, leased_until, {**tags, "other": "1"})
    verdict = judge(info, is_current=is_current, is_held=is_held, now=START)
    assert (verdict.state, verdict.step) == (state, step)
    if step is TagStep.CLEAR:
        assert verdict.tags == {"other": "1"}
    if step is TagStep.TAG:
        assert verdict.tags == {**_expired(START), "other": "1"}
    if step is TagStep.RETRY:
        assert verdict.tags == {**tags, "other": "1"}, "it stays overdue since the day it was"


def test_a_hold_that_only_the_store_knows_counts_too() -> None:
    info = BlobInfo(ONE, "v1", 1, START, START - 9 * DAY, {}, legal_hold=True)
    assert judge(info, is_current=True, is_held=False, now=START).state is LeaseState.HELD


async def test_what_has_run_out_is_tagged_once_and_what_is_leased_never(platform: Platform) -> None:
    await platform.leased.create(ONE, b"one")
    platform.now += DAY
    await platform.leased.create("drive.one/packs/B", b"two")
    platform.now = START + LEASE - timedelta(seconds=1)
    assert await platform.pass_over() == ExpiryReport(platform.now, leased=2)
    platform.now += timedelta(seconds=1)
    assert await platform.pass_over() == ExpiryReport(platform.now, leased=1, expired=1, tagged=1)
    assert await platform.tags() == _expired(platform.now)
    platform.now += timedelta(hours=1)
    assert await platform.pass_over() == ExpiryReport(platform.now, leased=1, expired=1)
    assert platform.store.operations["set_tags"] == 1


async def test_a_raised_retention_takes_the_tags_off(platform: Platform) -> None:
    await platform.leased.create(ONE, b"one")
    platform.now = START + LEASE
    await platform.pass_over()
    await platform.store.extend_lease(ONE, "", platform.now + 50 * DAY)
    assert (await platform.pass_over()).cleared == 1
    assert await platform.tags() == {}
    assert (await platform.day(49)).leased == 1
    await platform.day(4)
    assert platform.store.blobs == {}


async def test_a_blob_without_a_lease_is_never_expired_and_always_told(platform: Platform) -> None:
    await platform.store.create(ONE, b"foreign")
    report = await platform.day(500)
    assert (report.unleased, report.unleased_names, report.expired) == (1, (ONE,), 0)
    assert not report.needs_attention
    assert set(platform.store.blobs) == {ONE}


async def test_what_the_platform_leaves_behind_is_overdue_and_tried_again(platform: Platform) -> None:
    for number in range(120):
        await platform.leased.create(f"drive.one/packs/{number:03d}", b"x")
    platform.rules_run = False
    platform.now = START + LEASE - DAY
    tagged = await platform.day()
    assert (tagged.tagged, tagged.needs_attention) == (120, False)
    assert not (await platform.day(3)).needs_attention
    late = await platform.day()
    assert late.needs_attention
    assert (late.overdue, late.retried, len(late.overdue_names)) == (120, 120, 100)
    assert await platform.day() == ExpiryReport(
        platform.now, overdue=120, retried=120, overdue_names=late.overdue_names
    ), "it stays overdue until it is gone"
    platform.rules_run = True
    await platform.day(2)
    assert await platform.day() == ExpiryReport(platform.now)


async def test_previous_versions_are_watched_too(platform: Platform) -> None:
    await platform.leased.create(ONE, b"one")
    platform.store.retire(ONE)
    platform.rules_run = False
    platform.now = START + LEASE
    assert (await platform.day(3)).expired == 1
    late = await platform.day()
    assert (late.overdue, late.overdue_names, late.retried) == (1, (ONE,), 0)
    assert platform.store.operations["set_tags"] == 0
    platform.rules_run = True
    await platform.day()
    assert platform.store.blobs == {}


async def test_a_lifted_hold_raises_no_false_alarm(platform: Platform) -> None:
    await platform.leased.create(ONE, b"one")
    await platform.leased.create("drive.two/packs/A", b"two")
    platform.held = {"drive.one"}
    report = await platform.day(TERMS.lease_days + 200)
    assert (report.held, report.expired, set(platform.store.blobs)) == (1, 0, {ONE})
    platform.held = set()
    await release_holds(platform.store, {"drive.one"}, is_last=True)
    for _ in range(3):
        assert not (await platform.day()).needs_attention
    assert platform.store.blobs == {}
    assert platform.store.operations["delete"] == 0


async def test_a_hold_after_the_tag_takes_it_off(platform: Platform) -> None:
    await platform.leased.create(ONE, b"one")
    platform.now = START + LEASE
    await platform.pass_over()
    platform.held = {"drive.one"}
    report = await platform.day(30)
    assert (report.held, await platform.tags()) == (1, {})


@pytest.mark.parametrize("seed", range(8))
async def test_nothing_leased_is_touched_and_all_else_is_gone_in_eight_days(platform: Platform, seed: int) -> None:
    """Blobs are written and renewed as backups do it, and deleted and written over as a thief might."""
    random = Random(seed)
    last_use: dict[tuple[str, str], datetime] = {}
    tampered: set[str] = set()
    for day in range(160):
        is_active = day < 110
        platform.now = START + DAY * day + timedelta(hours=random.randrange(20))
        for number in range(random.randrange(3) if is_active else 0):
            info = await platform.leased.create(f"drive.{random.randrange(3)}/packs/{day}-{number}", b"x")
            last_use[info.name, info.version_id] = platform.now
        for (name, version_id), used_at in list(last_use.items()):
            if not is_active or platform.now >= used_at + LEASE - timedelta(days=TERMS.margin_days):
                continue
            if random.random() < 0.03:
                await platform.leased.extend_lease(name, version_id, TERMS.until(platform.now))
                last_use[name, version_id] = platform.now
            if random.random() < 0.01 and name not in tampered:
                tampered.add(name)
                platform.store.retire(name) if random.random() < 0.5 else platform.store.overwrite(name, b"?")
        assert not (await platform.pass_over()).needs_attention
        platform.now += timedelta(hours=random.randrange(4))
        apply_lifecycle(platform.store, POLICY, "vault-acme", platform.now)
        there = {(name, version_id) for name, blob in platform.store.blobs.items() for version_id in blob.versions}
        for version, used_at in last_use.items():
            if platform.now < used_at + LEASE:
                assert version in there, "deleted while leased"
            if platform.now >= used_at + LEASE + 8 * DAY:
                assert version not in there, "left behind"
    assert tampered
    assert not there & set(last_use)
    assert platform.store.operations["delete"] == 0


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_pass_that_is_cut_anywhere_is_made_good_by_the_next(platform: Platform, moment: Moment) -> None:
    names = [f"drive.one/packs/{number:02d}" for number in range(40)]
    for name in names:
        await platform.leased.create(name, b"x")
    platform.now = START + LEASE
    for cut_at in range(42):
        for name in names:
            await platform.store.set_tags(name, {})
        left = cut_at

        def hook(operation: str, name: str, at: Moment) -> None:
            nonlocal left
            if at is moment:
                left -= 1
                if left < 0:
                    raise VaultUnavailableError("The process is gone.")

        platform.store.hook = hook
        with pytest.raises(VaultUnavailableError):
            await platform.pass_over()
        platform.store.hook = None
        await platform.pass_over()
        assert [await platform.tags(name) for name in names] == [_expired(platform.now)] * 40


async def test_blobs_that_vanish_or_refuse_do_not_stop_a_pass(platform: Platform) -> None:
    for name in ("drive.one/packs/A", "drive.one/packs/B", "drive.one/packs/C"):
        await platform.leased.create(name, b"x")
    platform.now = START + LEASE

    def hook(operation: str, name: str, at: Moment) -> None:
        if operation == "set_tags" and at is Moment.BEFORE:
            if name.endswith("A"):
                platform.store.retire(name)
            if name.endswith("B"):
                raise BlobLockedError("no")

    platform.store.hook = hook
    report = await platform.pass_over()
    assert (report.tagged, report.refused, report.needs_attention) == (1, 1, True)


async def test_without_a_container_there_is_nothing_to_do() -> None:
    store = MemoryBlobStore(lambda: START, exists=False)
    assert await expire(store, START, ()) == ExpiryReport(START)
    assert await apply_holds(store, {"drive.one"}) == {"drive.one": 0}
    assert (await purge(store, store, START, ())).deleted == 0


async def test_the_purge_job_deletes_what_is_overdue_and_nothing_else(platform: Platform) -> None:
    platform.rules_run = False
    for name in ("drive.one/packs/A", "drive.two/packs/A", "drive.three/packs/retired", "drive.four/packs/A"):
        await platform.leased.create(name, b"12345")
    platform.store.retire("drive.three/packs/retired")
    await platform.store.create("drive.one/packs/unleased", b"x")
    platform.now += DAY * 10
    await platform.leased.create("drive.one/packs/young", b"x")
    # Somebody who can set tags asks for the deletion of what is leased.
    await platform.store.set_tags("drive.one/packs/young", _expired(START))
    platform.now = START + LEASE - DAY
    for _ in range(4):
        await platform.day()
        report = await purge(platform.store, platform.store, platform.now, {"drive.two"})
        assert (report.deleted, report.locked) == (0, 0)
    await platform.day()
    await platform.store.set_legal_hold("drive.four/packs/A", "", True)
    platform.held = {"drive.two"}
    report = await purge(platform.store, platform.store, platform.now, platform.held)
    assert (report.deleted, report.deleted_bytes, report.locked) == (2, 10, 0)
    assert set(platform.store.blobs) == {
        "drive.two/packs/A",
        "drive.four/packs/A",
        "drive.one/packs/unleased",
        "drive.one/packs/young",
    }
    assert platform.store.operations["delete"] == 2


async def test_the_purge_job_counts_what_the_store_locks(platform: Platform) -> None:
    await platform.leased.create(ONE, b"x")
    platform.rules_run = False
    platform.now = START + LEASE - DAY
    await platform.day(5)

    def renewed_meanwhile(operation: str, name: str, at: Moment) -> None:
        if operation == "delete":
            [version] = platform.store.blobs[ONE].versions.values()
            version.info = BlobInfo(ONE, version.info.version_id, 1, START, platform.now + DAY)

    platform.store.hook = renewed_meanwhile
    report = await purge(platform.store, platform.store, platform.now, ())
    assert (report.deleted, report.locked, set(platform.store.blobs)) == (0, 1, {ONE})


def test_a_report_survives_its_json() -> None:
    report = ExpiryReport(START, 1, 2, 3, 4, 5, 6, 7, 8, 9, ("a",), ("b", "c"))
    assert ExpiryReport.from_json(json.loads(json.dumps(report.to_json()))) == report
