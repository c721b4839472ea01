from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from shared_code.errors import BlobExistsError, VaultError, VaultUnavailableError
from shared_code.model.item import Change, Form, ItemKind, ItemVersion
from shared_code.model.snapshot import SegmentKind
from shared_code.vault.memory_blob import Moment
from shared_code.vault.pack import read_footer
from tests.unit.vault.conftest import DRIVE, Ledger, World

MIB = 1024 * 1024
FILE = Change("i", ItemKind.FILE)
RANDOM = Random(3)


def item(item_id: str) -> Change:
    return replace(FILE, item_id=item_id)


async def test_items_of_every_size_come_back(world: World) -> None:
    sizes = [0, 1, 1000, MIB - 1, MIB, MIB + 1, 5 * MIB, 20 * MIB]
    contents = {str(size): RANDOM.randbytes(size) for size in sizes}
    segment = await world.write(
        [("f", item(name), {Form.NATIVE: data, Form.READABLE: b"r" + data[:9]}) for name, data in contents.items()]
    )
    for version in await world.versions([segment], [("f", name) for name in contents]):
        data = contents[version.change.item_id]
        native, readable = version.representation(Form.NATIVE), version.representation(Form.READABLE)
        assert native is not None
        assert native.size_bytes == len(data)
        assert (len(native.chunks) <= 1) is (len(data) < MIB)
        assert await world.read(native) == data
        assert await world.read(readable) == b"r" + data[:9]
    assert segment.rows == len(sizes)
    packs = [info async for info in world.store.list("drive.d1/packs/")]
    assert sorted(info.size_bytes >= 16 * MIB for info in packs) == [False, True]
    assert all(info.size_bytes < 21 * MIB for info in packs)
    assert world.leftovers() == []


async def test_an_empty_form_has_no_chunks(world: World) -> None:
    (version,) = await world.versions([await world.write([("f", FILE, {Form.NATIVE: b""})])], [("f", "i")])
    native = version.representation(Form.NATIVE)
    assert native is not None
    assert (native.size_bytes, native.chunks) == (0, ())
    assert await world.read(native) == b""
    assert await world.names("drive.d1/packs/") == []


async def test_a_slice_without_rows_writes_nothing(world: World) -> None:
    writer = world.vault.open_slice(DRIVE, 1, 1)
    assert await writer.close(SegmentKind.DELTA) is None
    assert await world.names() == []
    assert world.leftovers() == []


async def test_the_same_bytes_are_stored_once(world: World) -> None:
    data = RANDOM.randbytes(3 * MIB)
    small = RANDOM.randbytes(5000)
    writer = world.vault.open_slice(DRIVE, 1, 1)
    await writer.add("f", item("a"), {Form.NATIVE: data, Form.READABLE: small})
    await writer.add("f", item("b"), {Form.NATIVE: data, Form.READABLE: small})
    segment = await writer.close(SegmentKind.DELTA)
    assert segment is not None
    assert len(data) + len(small) <= writer.written_bytes <= len(data) + len(small) + 2000
    one, two = await world.versions([segment], [("f", "a"), ("f", "b")])
    assert one.representations == two.representations


async def test_what_an_earlier_version_holds_is_referred_to(world: World) -> None:
    data = RANDOM.randbytes(6 * MIB)
    first = await world.write([("f", FILE, {Form.NATIVE: data})])
    (known,) = await world.versions([first], [("f", "i")])
    changed = data[: 3 * MIB] + b"!" + data[3 * MIB :]
    writer = world.vault.open_slice(DRIVE, 2, 1)
    await writer.add("f", FILE, {Form.NATIVE: changed}, [known])
    await writer.add("f", item("j"), {Form.NATIVE: data[:1000]}, [known])
    second = await writer.close(SegmentKind.DELTA)
    assert second is not None
    assert writer.written_bytes < 5 * MIB
    newest, _ = await world.versions([first, second], [("f", "i"), ("f", "j")])
    assert await world.read(newest.representation(Form.NATIVE)) == changed
    shared = set(newest.representations[0].chunks) & set(known.representations[0].chunks)
    assert shared


async def test_a_version_keeps_its_chunks_and_gets_the_slices_number(world: World) -> None:
    first = await world.write([("f", FILE, {Form.NATIVE: b"content"})], seq=1)
    (known,) = await world.versions([first], [("f", "i")])
    writer = world.vault.open_slice(DRIVE, 9, 1)
    await writer.add_version(replace(known, change=replace(known.change, name="renamed")))
    await writer.add_version(ItemVersion("f", Change("gone", ItemKind.FILE, deleted=True)))
    second = await writer.close(SegmentKind.DELTA)
    assert second is not None
    renamed, gone = await world.versions([first, second], [("f", "i"), ("f", "gone")])
    assert renamed == ItemVersion("f", replace(known.change, name="renamed"), 9, known.representations)
    assert gone.change.deleted
    assert gone.representations == ()
    assert len(await world.names("drive.d1/packs/")) == 1


@pytest.mark.parametrize("portion", [70_001, 999_999, 30 * MIB])
async def test_a_file_in_any_portions_is_the_same_chunks(world: World, portion: int) -> None:
    data = RANDOM.randbytes(20 * MIB)
    writer, digest = world.vault.open_slice(DRIVE, 1, 1), Ledger()
    file = writer.open_file("f", digest)
    for start in range(0, len(data), portion):
        await file.write(data[start : start + portion])
    assert await file.complete() == len(data)
    await file.finish(item("streamed"))
    await writer.add("f", item("whole"), {Form.NATIVE: data})
    segment = await writer.close(SegmentKind.DELTA)
    assert segment is not None
    streamed, whole = await world.versions([segment], [("f", "streamed"), ("f", "whole")])
    assert streamed.representations == whole.representations
    assert await world.read(streamed.representations[0]) == data
    assert digest.taken == data


@pytest.mark.parametrize("size", [0, 1, MIB - 1, 3 * MIB])
async def test_a_small_file_can_be_streamed_too(world: World, size: int) -> None:
    data = RANDOM.randbytes(size)
    writer = world.vault.open_slice(DRIVE, 1, 1)
    file = writer.open_file("f", Ledger())
    await file.write(data)
    assert await file.complete() == size
    await file.finish(FILE)
    segment = await writer.close(SegmentKind.DELTA)
    assert segment is not None
    (version,) = await world.versions([segment], [("f", "i")])
    assert await world.read(version.representations[0]) == data
    assert (len(version.representations[0].chunks) <= 1) is (size < MIB)


async def test_a_suspended_file_goes_on_to_the_same_chunks(world: World) -> None:
    data = RANDOM.randbytes(30 * MIB)
    digest = Ledger()
    first = world.vault.open_slice(DRIVE, 1, 1)
    file = first.open_file("f", digest)
    await file.write(data[: 17 * MIB])
    offset, chunks = await file.suspend()
    assert await first.close(SegmentKind.DELTA) is None
    assert 12 * MIB < offset <= 17 * MIB
    assert sum(chunk.size_bytes for chunk in chunks) == offset
    assert all(chunk.version_id for chunk in chunks)
    assert digest.taken == data[:offset]

    second = world.vault.open_slice(DRIVE, 1, 2)
    file = second.open_file("f", digest, chunks)
    await file.write(data[offset:])
    assert await file.complete() == len(data)
    await file.finish(item("resumed"))
    await second.add("f", item("whole"), {Form.NATIVE: data})
    segment = await second.close(SegmentKind.DELTA)
    assert segment is not None
    resumed, whole = await world.versions([segment], [("f", "resumed"), ("f", "whole")])
    assert await world.read(resumed.representations[0]) == data
    assert [chunk.sha256 for chunk in resumed.representations[0].chunks] == [
        chunk.sha256 for chunk in whole.representations[0].chunks
    ]
    assert digest.taken == data


async def test_a_file_is_completed_and_finished_once(world: World) -> None:
    writer = world.vault.open_slice(DRIVE, 1, 1)
    file = writer.open_file("f", Ledger())
    with pytest.raises(VaultError):
        await file.finish(FILE)
    await file.suspend()
    for call in (file.suspend, file.complete, lambda: file.finish(FILE), lambda: file.write(b"x")):
        with pytest.raises(VaultError):
            await call()
    await writer.abort()


async def test_files_and_items_may_interleave(world: World) -> None:
    contents = {name: RANDOM.randbytes(9 * MIB) for name in "ab"}
    writer = world.vault.open_slice(DRIVE, 1, 1)

    async def stream(name: str) -> None:
        file = writer.open_file("f", Ledger())
        for start in range(0, 9 * MIB, 500_000):
            await file.write(contents[name][start : start + 500_000])
            await writer.add("f", item(f"{name}{start}"), {Form.NATIVE: contents[name][start : start + 9]})
        await file.complete()
        await file.finish(item(name))

    await asyncio.gather(stream("a"), stream("b"))
    segment = await writer.close(SegmentKind.DELTA)
    assert segment is not None
    for version in await world.versions([segment], [("f", "a"), ("f", "b")]):
        assert await world.read(version.representations[0]) == contents[version.change.item_id]


async def test_the_later_row_of_an_item_wins(world: World) -> None:
    rows = [("f", replace(FILE, name=str(number)), {Form.NATIVE: b"x"}) for number in range(1500)]
    (version,) = await world.versions([await world.write(rows)], [("f", "i")])
    assert version.change.name == "1499"


async def test_every_pack_explains_itself(world: World) -> None:
    segment = await world.write([("f", item(str(n)), {Form.NATIVE: RANDOM.randbytes(300_000)}) for n in range(80)])
    versions = await world.versions([segment], [("f", str(n)) for n in range(80)])
    named = {(c.pack, c.offset, c.length, c.sha256) for v in versions for r in v.representations for c in r.chunks}
    listed = set()
    async for info in world.store.list("drive.d1/packs/"):
        for entry in await read_footer(world.store, info.name, info.version_id, info.size_bytes):
            listed.add((info.name, entry.offset, entry.length, entry.sha256.hex()))
    assert listed == named
    assert len({pack for pack, *_ in named}) == 2


def failing(kind: str, at: int = 1, moment: Moment = Moment.BEFORE) -> Callable[[str, str, Moment], None]:
    """A hook that fails the ``at``-th creation of a blob whose name holds ``kind``."""
    seen = 0

    def hook(operation: str, name: str, when: Moment) -> None:
        nonlocal seen
        if operation == "create" and kind in name and when is moment:
            seen += 1
            if seen == at:
                raise VaultUnavailableError("The store did not answer.")

    return hook


async def test_a_failed_upload_surfaces_at_the_next_call_and_at_close(world: World) -> None:
    world.store.hook = failing("packs/")
    writer = world.vault.open_slice(DRIVE, 1, 1)
    with pytest.raises(VaultUnavailableError):
        for number in range(30):
            await writer.add("f", item(str(number)), {Form.NATIVE: RANDOM.randbytes(2 * MIB)})
    with pytest.raises(VaultUnavailableError):
        await writer.add_version(ItemVersion("f", FILE))
    with pytest.raises(VaultUnavailableError):
        await writer.close(SegmentKind.DELTA)
    await writer.abort()
    assert await world.names("drive.d1/catalog/") == []
    assert world.leftovers() == []


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize(("kind", "at"), [("packs/", 1), ("packs/", 2), ("catalog/", 1)])
async def test_a_crash_at_any_write_leaves_nothing_that_is_named(
    world: World, kind: str, at: int, moment: Moment
) -> None:
    contents = {str(n): RANDOM.randbytes(900_000) for n in range(25)}
    rows = [("f", item(name), {Form.NATIVE: data}) for name, data in contents.items()]
    world.store.hook = failing(kind, at, moment)
    with pytest.raises(VaultUnavailableError):
        await world.write(rows)
    world.store.hook = None
    assert (await world.vault.newest(DRIVE)).snapshot is None
    assert (await world.vault.furthest(DRIVE, 1)).progress is None

    segment = await world.write(rows)  # the replay: beside what the first try left, never colliding with it
    for version in await world.versions([segment], [("f", name) for name in contents]):
        assert await world.read(version.representations[0]) == contents[version.change.item_id]


async def test_an_answer_that_got_lost_does_not_stop_the_slice(world: World) -> None:
    taken: list[str] = []

    def hook(operation: str, name: str, moment: Moment) -> None:
        if operation == "create" and moment is Moment.AFTER and name not in taken:
            taken.append(name)
            raise BlobExistsError("A repeat of the client finds what its first try wrote.")

    world.store.hook = hook
    segment = await world.write([("f", FILE, {Form.NATIVE: b"content"})])
    assert len(taken) == 2
    (version,) = await world.versions([segment], [("f", "i")])
    assert await world.read(version.representations[0]) == b"content"
    assert version.representations[0].chunks[0].version_id


async def test_a_name_that_somebody_else_took_is_an_error(world: World) -> None:
    def hook(operation: str, name: str, moment: Moment) -> None:
        if operation == "create" and moment is Moment.BEFORE and "packs/" in name:
            world.store.put_version(name, "foreign", b"something else")

    world.store.hook = hook
    with pytest.raises(BlobExistsError):
        await world.write([("f", FILE, {Form.NATIVE: b"content"})])


async def test_an_aborted_slice_leaves_no_files_tasks_or_threads(world: World) -> None:
    threads = threading.active_count()
    tasks = len(asyncio.all_tasks())
    writer = world.vault.open_slice(DRIVE, 1, 1)
    file = writer.open_file("f", Ledger())
    await file.write(RANDOM.randbytes(20 * MIB))
    await writer.add("f", FILE, {Form.NATIVE: b"x"})
    await writer.abort()
    await writer.abort()
    assert len(asyncio.all_tasks()) == tasks
    assert world.leftovers() == []
    deadline = asyncio.get_running_loop().time() + 5
    while any(thread.name.startswith("packs") for thread in threading.enumerate()):
        assert asyncio.get_running_loop().time() < deadline, threads
        await asyncio.sleep(0.01)
    with pytest.raises(VaultError):
        await writer.add("f", FILE, {Form.NATIVE: b"x"})


async def test_a_caller_that_is_cancelled_can_abort_cleanly(world: World) -> None:
    uploading = asyncio.Event()

    async def stuck(name: str, data: bytes) -> object:
        uploading.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    world.store.create = stuck  # type: ignore[method-assign,assignment]
    writer = world.vault.open_slice(DRIVE, 1, 1)

    async def endless() -> None:
        file = writer.open_file("f", Ledger())
        while True:
            await file.write(RANDOM.randbytes(MIB))

    task = asyncio.create_task(endless())
    await asyncio.wait_for(uploading.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await writer.abort()
    assert world.leftovers() == []


async def test_at_most_two_packs_are_in_upload(world: World) -> None:
    under_way, most = 0, 0
    create = world.store.create
    release = asyncio.Event()

    async def slow(name: str, data: bytes) -> object:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await release.wait()
        under_way -= 1
        return await create(name, data)

    world.store.create = slow  # type: ignore[method-assign,assignment]
    writer = world.vault.open_slice(DRIVE, 1, 1)

    async def fill() -> None:
        for number in range(120):
            await writer.add("f", item(str(number)), {Form.NATIVE: RANDOM.randbytes(900_000)})

    filling = asyncio.create_task(fill())
    deadline = asyncio.get_running_loop().time() + 20
    while most < 2:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    done, _ = await asyncio.wait({filling}, timeout=0.5)
    assert not done, "it waits while uploads are behind"
    assert writer.written_bytes < 4 * 17 * MIB
    release.set()
    await filling
    await writer.close(SegmentKind.DELTA)
    assert most == 2


async def test_who_is_cancelled_with_rows_of_others_lets_the_slice_fail(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = world.vault.open_slice(DRIVE, 1, 1)
    waits = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        waits.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr("shared_code.vault.pack_writer.PackWriter.hand_over", never)
        for number in range(31):
            await writer.add("f", item(str(number)), {Form.NATIVE: b"x"})
        last = asyncio.create_task(writer.add("f", item("last"), {Form.NATIVE: b"x"}))
        await waits.wait()
        last.cancel()
        with pytest.raises(asyncio.CancelledError):
            await last
    with pytest.raises(VaultError):
        await writer.close(SegmentKind.BASE)
    await writer.abort()
    assert await world.names("drive.d1/catalog/") == []
