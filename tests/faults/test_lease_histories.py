"""More than a year of a customer's life, over and over, each time another one: whatever happens in it, the restore
points that are promised are there, and what is not needed goes."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from shared_code.backup.budget import SliceBudget
from shared_code.model.lease import LeaseTerms
from tests.fakes.lease_world import LeaseWorld
from tests.fakes.scripted_source import ROOT_FEED

LEAST_DAYS = 400
# HYPOTHESIS_PROFILE=nightly: other histories each time, some eight seconds of one processor each.
IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
HISTORIES = 300 if IS_NIGHTLY else 4
STEPS = 35 if IS_NIGHTLY else 25

SEEDS = st.integers(0, 2**32 - 1)
RETENTIONS = st.sampled_from((7, 14, 30, 60, 90, 120))
BUDGETS = st.sampled_from((SliceBudget(), SliceBudget(), SliceBudget(items=7)))
GAPS = st.sampled_from((2, 7, 14, 25, 35, 60, 100, 140, 200))


class LeaseHistory(RuleBasedStateMachine):
    """A history that Hypothesis makes up. Every rule is some days; every day ends with a look at all that is promised
    (LeaseWorld.check)."""

    lived: list[int] = []  # noqa: RUF012 - how long each history was, for the count at the end

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="lease-history-"))
        self._loop = asyncio.Runner()
        self._world: LeaseWorld | None = None

    @property
    def world(self) -> LeaseWorld:
        assert self._world is not None
        return self._world

    @initialize(retention=RETENTIONS, checkpoint=st.sampled_from((5, 30)), margin=st.sampled_from((3, 7)), seed=SEEDS)
    def first_day(self, retention: int, checkpoint: int, margin: int, seed: int) -> None:
        self._world = LeaseWorld(self._folder, LeaseTerms(retention, checkpoint, margin))
        random = Random(seed)
        for _ in range(10):
            self.world.edit(random)
        self._do(self._days(random, 1, SliceBudget()))

    @rule(seed=SEEDS, days=st.integers(1, 14), budget=BUDGETS)
    def days_of_work(self, seed: int, days: int, budget: SliceBudget) -> None:
        self._do(self._days(Random(seed), days, budget))

    @rule(seed=SEEDS, days=st.integers(1, 5), budget=BUDGETS)
    def days_that_fail(self, seed: int, days: int, budget: SliceBudget) -> None:
        self._do(self._failing_days(Random(seed), days, budget))

    @rule(seed=SEEDS, days=GAPS)
    def days_without_a_run(self, seed: int, days: int) -> None:
        self._do(self._gap(Random(seed), days))

    @rule(days=st.integers(1, 20))
    def clock_jumps(self, days: int) -> None:
        self.world.jump(days)
        self._do(self.world.end_day())

    @rule(retention=RETENTIONS)
    def retention_changes(self, retention: int) -> None:
        self.world.agree(replace(self.world.bench.terms, retention_days=retention))

    @rule(checkpoint=st.sampled_from((1, 5, 30, 45)), margin=st.sampled_from((3, 7, 10)))
    def intervals_change(self, checkpoint: int, margin: int) -> None:
        self.world.agree(replace(self.world.bench.terms, checkpoint_days=checkpoint, margin_days=margin))

    @rule()
    def source_forgets_its_cursors(self) -> None:
        self.world.bench.source.expired.add(ROOT_FEED)

    @precondition(lambda self: self._world and not self.world.is_held)
    @rule()
    def hold_is_set(self) -> None:
        self.world.hold()
        self._do(self.world.end_day())

    @precondition(lambda self: self._world and self.world.is_held)
    @rule()
    def hold_is_lifted(self) -> None:
        self.world.lift()
        self._do(self.world.end_day())

    def teardown(self) -> None:
        """The rest of the year; then the customer leaves, and all of it goes."""
        try:
            if self._world is not None:
                self._do(self._last_days())
        finally:
            if self._world is not None:
                self._world.close()
            self._loop.close()
            left = list(self._folder.iterdir())
            shutil.rmtree(self._folder)
        assert not left, "temporary files are left"

    # ---- behind the rules

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        self._loop.run(what)

    async def _days(self, random: Random, days: int, budget: SliceBudget) -> None:
        world, every = self.world, random.choice((1, 2, 3))
        for day in range(days):
            if day % every == 0:
                for _ in range(random.choice((0, 0, 1, 2, 3))):
                    world.edit(random)
                jump_in = random.randrange(1, 40) if random.random() < 0.05 else None
                await world.back_up(budget, jump_in=jump_in)
            await world.end_day()
        await world.check_restores(random, 2)

    async def _failing_days(self, random: Random, days: int, budget: SliceBudget) -> None:
        world = self.world
        for _ in range(days):
            for _ in range(random.choice((0, 1, 3))):
                world.edit(random)
            await world.back_up(budget, cut_in=random.choice((random.randrange(1, 12), random.randrange(1, 80))))
            await world.end_day(cut_in=random.randrange(1, 40))

    async def _gap(self, random: Random, days: int) -> None:
        for _ in range(days):
            await self.world.end_day()
        await self.world.check_restores(random, 2)

    async def _last_days(self) -> None:
        world, random = self.world, Random(self.world.days)
        while world.days < LEAST_DAYS:
            world.edit(random)
            await world.back_up(SliceBudget())
            for _ in range(random.randrange(1, 20)):
                await world.end_day()
        await world.check_restores(random, 5)
        world.lift()
        while world.store.blobs:
            await world.end_day()
            if world.days % 20 == 0:
                await world.check_restores(random, 2)
        self.lived.append(world.days)


def test_what_is_promised_is_kept_whatever_happens() -> None:
    LeaseHistory.lived.clear()
    run_state_machine_as_test(
        LeaseHistory,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not IS_NIGHTLY,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert len(LeaseHistory.lived) >= HISTORIES
    assert min(LeaseHistory.lived) >= LEAST_DAYS


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param([LeaseTerms(90, 30, 7), LeaseTerms(30, 30, 7), LeaseTerms(60, 30, 7)], id="lowered, then raised"),
        pytest.param([LeaseTerms(90, 30, 7), LeaseTerms(90, 60, 7)], id="rarer checkpoints"),
    ],
)
async def test_a_mark_vouches_for_no_more_than_was_leased(terms: list[LeaseTerms], tmp_path: Path) -> None:
    """Such histories were found by the one above."""
    world = LeaseWorld(tmp_path, terms[0])
    for number, some in enumerate(terms):
        world.agree(some)
        world.bench.source.put(f"i{number}", bytes([number]) * 100)
        await world.back_up(SliceBudget())
        await world.end_day()
    for _ in range(45):
        await world.back_up(SliceBudget())
        await world.end_day()
    assert [point.seq for point in world.points][-1] == len(terms) + 45
    world.close()
