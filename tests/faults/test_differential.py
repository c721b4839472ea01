"""Random edits for many days, a backup after each: the newest snapshot equals a fresh full listing of the source, but
for what its outcome list names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.model.outcome import SkipCause
from tests.fakes.differential import Differential, Workload
from tests.fakes.differential_drive import DriveWorkload
from tests.fakes.differential_mailbox import MailboxWorkload
from tests.fakes.differential_site import SiteWorkload
from tests.fakes.differential_team import TeamWorkload
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

# HYPOTHESIS_PROFILE=nightly takes some minutes, and other edits each time.
IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
DAYS = 120 if IS_NIGHTLY else 12
SEEDS = [Random().getrandbits(32) for _ in range(5)] if IS_NIGHTLY else [20261124]
# One entry for each workload.
WORKLOADS: list[Callable[[SimulatedTenant], Workload]] = [
    DriveWorkload,
    MailboxWorkload,
    SiteWorkload,
    TeamWorkload,
]
# Content that cannot be read for a while: what fails of a day is named, and made up for later.
CONTENT = {
    DriveWorkload: "drive.download",
    MailboxWorkload: "mailbox.export*",
    SiteWorkload: "drive.download",
    TeamWorkload: "hostedContents.value",
}


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("made", WORKLOADS)
async def test_every_day_the_newest_snapshot_is_the_source(
    tenant: SimulatedTenant, made: Callable[[SimulatedTenant], Workload], seed: int
) -> None:
    random = Random(seed)
    clock = [datetime(2026, 3, 1, 21, 0, tzinfo=UTC)]
    with tempfile.TemporaryDirectory() as folder:
        bench = Differential(tenant, made(tenant), Path(folder), random, lambda: clock[0])
        compared = 0
        for day in range(DAYS):
            bench.edit(random.choice([0, 5, 12]))
            # Once in a while nobody backs up for so long that every cursor has expired.
            pause = timedelta(days=random.choices([1, 31], [12, 1])[0])
            clock[0] += pause
            tenant.control.set_clock(tenant.id, advance_s=pause.total_seconds())
            is_troubled = random.random() < 0.3
            if is_troubled:
                tenant.control.add_fault(
                    match={"operation": CONTENT[made]},  # type: ignore[index]
                    action={"status": random.choice([500, 503])},
                    probability=0.5,
                    times=20,
                    seed=day,
                )
            async with tenant.client() as client:
                snapshot = await bench.back_up(client, f"day{day}")
            tenant.control.clear_faults()
            assert snapshot.seq == day + 1
            assert await bench.differences(snapshot) == [], f"day {day} of seed {seed}"
            assert is_troubled or not snapshot.failures, f"day {day} of seed {seed}"
            compared += 1
        assert compared == DAYS


async def test_a_poison_item_is_named_every_day_and_hides_no_other(tenant: SimulatedTenant) -> None:
    random = Random(7)
    clock = [datetime(2026, 3, 1, 21, 0, tzinfo=UTC)]
    mailbox = MailboxWorkload(tenant)
    with tempfile.TemporaryDirectory() as folder:
        bench = Differential(tenant, mailbox, Path(folder), random, lambda: clock[0])
        mailbox.poison()
        states = []
        for day in range(9):
            bench.edit(2)
            clock[0] += timedelta(days=1)
            async with tenant.client() as client:
                snapshot = await bench.back_up(client, f"day{day}")
            assert await bench.differences(snapshot) == []
            states.append((len(snapshot.failures), [skip.cause for skip in snapshot.skips]))
    assert states == [(1, [])] * 6 + [(0, [SkipCause.GIVEN_UP])] * 3
