"""The governor carries the decisions out: places, pauses, what instances share."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared_code.errors import ThrottledError
from shared_code.graph.governor import Governor
from shared_code.graph.places import Places
from shared_code.graph.tolls import Service, Toll
from tests.fakes.memory_pace import MemoryPace
from tests.fakes.scaled_clock import SleepClock

FILE, MAIL = Toll(Service.FILES), Toll(Service.OUTLOOK, mailbox="a")


def governor(clock: SleepClock, shared: MemoryPace | None = None) -> Governor:
    return Governor(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep, shared=shared)


async def ask(subject: Governor, *tolls: Toll) -> None:
    async with subject.turn(tolls):
        pass


async def test_places_are_served_in_turn_and_given_back_when_somebody_leaves() -> None:
    places = Places(4)
    order: list[str] = []
    release = asyncio.Event()

    async def use(name: str, width: int) -> None:
        async with places.held({"a": width}):
            order.append(name)
            await release.wait()

    first = asyncio.create_task(use("batch", 4))
    await asyncio.sleep(0)
    second = asyncio.create_task(use("wide", 3))
    third = asyncio.create_task(use("one", 1))
    await asyncio.sleep(0)
    assert order == ["batch"]
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.sleep(0)
    assert order == ["batch", "one"]
    release.set()
    await third
    async with asyncio.timeout(1), places.held({"a": 4, "b": 4}):
        pass


async def test_both_ways_to_a_mailbox_share_its_places() -> None:
    clock = SleepClock()
    subject = governor(clock)
    by_mailbox = Toll(Service.OUTLOOK, mailbox="MBX:1")
    subject.same_mailbox("MBX:1", "a")
    async with subject.turn([MAIL] * 20):
        waiting = asyncio.create_task(ask(subject, by_mailbox))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        await ask(subject, Toll(Service.OUTLOOK, mailbox="b"), FILE)
    await waiting


async def test_a_refusal_of_files_stops_all_files_and_nothing_else() -> None:
    clock = SleepClock()
    shared = MemoryPace(clock.now)
    one, other = governor(clock, shared), governor(clock, shared)
    await one.heard([FILE], 429, {"retry-after": "40"})
    assert shared.pauses == {"files": clock.now() + timedelta(seconds=40)}
    await ask(one, MAIL)
    await ask(other, MAIL)
    assert clock.time_s == 0
    await ask(other, FILE)
    assert clock.time_s >= 40


async def test_a_refusal_of_a_mailbox_concerns_that_mailbox_alone() -> None:
    clock = SleepClock()
    shared = MemoryPace(clock.now)
    subject = governor(clock, shared)
    await subject.heard([MAIL], 429, {"retry-after": "20"})
    await ask(subject, Toll(Service.OUTLOOK, mailbox="b"))
    assert (clock.time_s, shared.pauses) == (0, {})
    await ask(subject, MAIL)
    assert clock.time_s >= 20


async def test_a_long_pause_is_told_instead_of_waited_for() -> None:
    clock = SleepClock()
    subject = governor(clock)
    await subject.heard([FILE], 503, {"retry-after": "3600"})
    with pytest.raises(ThrottledError) as refused:
        await ask(subject, FILE)
    assert refused.value.retry_after_s == pytest.approx(3600)
    assert clock.slept == []


async def test_a_503_without_retry_after_is_no_throttling() -> None:
    clock = SleepClock()
    subject = governor(clock)
    await subject.heard([FILE], 503, {})
    await ask(subject, FILE)
    assert clock.time_s == 0


async def test_the_ledger_is_read_every_few_seconds_and_can_be_away() -> None:
    clock = SleepClock()
    shared = MemoryPace(clock.now)
    subject = governor(clock, shared)
    for _ in range(50):
        await ask(subject, FILE)
    assert shared.reads == 1
    clock.time_s = 3.5
    await ask(subject, FILE)
    assert shared.reads == 2
    shared.broken = True
    clock.time_s = 30.0
    await ask(subject, FILE)
    await subject.heard([FILE], 429, {"retry-after": "5"})
    await subject.note_licences(9_000)
    await ask(subject, FILE)
    assert clock.time_s >= 35


async def test_files_are_asked_for_at_four_fifths_of_the_limit_and_more_with_more_licences() -> None:
    clock = SleepClock()
    subject = governor(clock)
    for _ in range(1000):
        await ask(subject, FILE)
    assert 55 <= clock.time_s <= 65
    clock, shared = SleepClock(), MemoryPace(SleepClock().now, licences=60_000)
    subject = governor(clock, shared)
    for _ in range(1000):
        await ask(subject, FILE)
    assert clock.time_s == 0


async def test_used_up_is_told_and_takes_nothing() -> None:
    clock = SleepClock()
    subject = Governor(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep, share=0.8, most_wait_s=10.0)
    many = [FILE] * 200
    await ask(subject, *many)
    for _ in range(3):
        with pytest.raises(ThrottledError):
            await ask(subject, *many)
    clock.time_s = 15.1
    await ask(subject, *many)
    assert clock.slept == []
