"""Drives take back what was taken out of them, byte by byte and date by date, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError
from shared_code.graph.client import GraphClient
from shared_code.graph.drives import target_items as drive_target_items
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.drives.target import DriveTarget
from shared_code.graph.drives.target_upload import FRAGMENT_BYTES, SMALL_BYTES
from shared_code.model.item import Form, ItemVersion
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState, Written
from tests.fakes.captured import Captured, capture, states, write_back
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
# aiohttp would rather have a file than bytes; the bytes of one fragment are held anyway.
CREATED, MODIFIED = "2019-02-03T04:05:06Z", "2021-07-08T09:10:11Z"
LARGE = 2 * FRAGMENT_BYTES + 12_345
EMOJI = "😀" * 120 + ".txt"


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


def _put(tenant: SimulatedTenant, path: list[str] | str, data: bytes, **more: Any) -> str:
    return tenant.control.put_file(tenant.id, tenant.user, path, data, created=CREATED, modified=MODIFIED, **more)


def _fill(tenant: SimulatedTenant) -> None:
    _put(tenant, "Docs/report.docx", b"figures" * 1000)
    _put(tenant, "Docs/empty.txt", b"")
    _put(tenant, "Docs/exactly.bin", b"x" * SMALL_BYTES)
    _put(tenant, "Docs/one more.bin", b"y" * (SMALL_BYTES + 1))
    _put(tenant, ["Docs", "100% & #1 +;=@!~'(), ünï.txt"], b"odd name")
    _put(tenant, ["Docs", EMOJI], b"emoji")
    _put(tenant, ["Docs", ".hidden"], b"dot")
    _put(tenant, "Docs/deep/er/file.txt", b"deep")
    tenant.control.put_generated_file(tenant.id, tenant.user, "large.bin", LARGE, with_hash=True)
    tenant.control.set_times(tenant.id, tenant.user, "large.bin", created=CREATED, modified=MODIFIED)
    tenant.control.mkdir(tenant.id, tenant.user, "Nothing in it")


def _truth(tenant: SimulatedTenant, below: str = "") -> list[str]:
    """Records of the drive without the dates of folders, which the service sets; those below a folder as at
    the top."""
    found = []
    for record in tenant.control.oracle(tenant.id, tenant.user, "drive"):
        if below:
            if not record["path"].startswith(f"{below}/"):
                continue
            record["path"] = record["path"].removeprefix(below)
        if record["record"] == "folder":
            record.pop("created")
            record.pop("modified")
        found.append(json.dumps(record, sort_keys=True))
    return sorted(found)


def _empty(tenant: SimulatedTenant) -> None:
    for entry in tenant.control.files(tenant.id, tenant.user):
        if entry["path"].count("/") == 1:
            tenant.control.delete_file(tenant.id, tenant.user, [entry["path"].strip("/").replace("%2F", "/")])


async def _captured(client: GraphClient, tenant: SimulatedTenant) -> Captured:
    return await capture(DriveSource(client), tenant.drive)


async def _restore(client: GraphClient, tenant: SimulatedTenant, captured: Captured, **more: Any) -> dict[str, Written]:
    return await write_back(DriveTarget(client).open(tenant.drive), captured, **more)


def _paths(tenant: SimulatedTenant) -> set[str]:
    return {entry["path"] for entry in tenant.control.files(tenant.id, tenant.user)}


def _content(tenant: SimulatedTenant, path: str) -> dict[str, Any]:
    records = tenant.control.oracle(tenant.id, tenant.user, "drive")
    return next(record for record in records if record["path"] == path)


async def test_an_emptied_drive_is_filled_again_identically(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        assert _truth(tenant) == []
        outcomes = await _restore(client, tenant, captured)
    assert states(outcomes) == {WriteState.RESTORED: 9}
    assert all(outcome.error == "" for outcome in outcomes.values())
    assert _truth(tenant) == before


async def test_an_untouched_drive_is_left_alone_under_every_rule(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        start = tenant.control.log_position()
        for rule in ConflictRule:
            assert states(await _restore(client, tenant, captured, conflict=rule)) == {WriteState.EXISTING: 9}
    assert _truth(tenant) == before
    assert {entry["method"] for entry in tenant.control.log(start)} <= {"GET", "POST"}
    operations = {entry["operation"] for entry in tenant.control.log(start)}
    assert not operations & {"drive.createFolder", "drive.createUploadSession", "drive.put", "drive.update"}


async def test_a_second_restore_and_a_replayed_slice_double_nothing(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        await _restore(client, tenant, captured)
        again = await _restore(client, tenant, captured, conflict=ConflictRule.KEEP_BOTH)
        replayed = await _restore(client, tenant, captured, tried_before=True)
    assert states(again) == {WriteState.EXISTING: 9}
    assert states(replayed) == {WriteState.RESTORED: 9}
    assert _truth(tenant) == before


async def test_into_a_named_folder_leaves_the_rest_alone(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        for _ in range(2):
            await _restore(client, tenant, captured, into="Restored 100% #1 😀")
    assert _truth(tenant, "/Restored 100% #1 😀") == before
    assert [record for record in _truth(tenant) if '"/Restored' not in record] == before


async def test_a_replay_mends_the_dates_that_a_crash_left_behind(tenant: SimulatedTenant) -> None:
    _put(tenant, "report.txt", b"text")
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        tenant.control.put_file(tenant.id, tenant.user, "report.txt", b"text")
        assert _truth(tenant) != before
        outcomes = await _restore(client, tenant, captured, tried_before=True)
    assert states(outcomes) == {WriteState.RESTORED: 1}
    assert _truth(tenant) == before


class TestSomethingElseIsThere:
    """A file of the same name with other content."""

    @pytest.fixture(params=[b"old" * 10, b"z" * (SMALL_BYTES + 5)], ids=["small", "large"])
    def old(self, request: pytest.FixtureRequest) -> bytes:
        return bytes(request.param)

    async def _run(self, tenant: SimulatedTenant, old: bytes, rule: ConflictRule) -> Written:
        self.item = _put(tenant, "Docs/Plan.v2.txt", old)
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            tenant.control.put_file(tenant.id, tenant.user, "Docs/Plan.v2.txt", b"new")
            self.changed = _content(tenant, "/Docs/Plan.v2.txt")
            outcomes = await _restore(client, tenant, captured, conflict=rule)
            after = _truth(tenant)
            replayed = await _restore(client, tenant, captured, conflict=rule, tried_before=True)
            again = await _restore(client, tenant, captured, conflict=rule)
        assert _truth(tenant) == after, "a replay or a second restore changed something"
        assert outcomes[self.item].state is replayed[self.item].state
        assert again[self.item].state is (WriteState.OCCUPIED if rule is ConflictRule.SKIP else WriteState.EXISTING)
        return outcomes[self.item]

    async def test_skip_leaves_it_alone_and_says_so(self, tenant: SimulatedTenant, old: bytes) -> None:
        outcome = await self._run(tenant, old, ConflictRule.SKIP)
        assert outcome.state is WriteState.OCCUPIED
        assert "keep_both or replace" in outcome.error
        assert _paths(tenant) == {"/Docs", "/Docs/Plan.v2.txt"}
        assert _content(tenant, "/Docs/Plan.v2.txt") == self.changed

    async def test_keep_both_restores_beside_it(self, tenant: SimulatedTenant, old: bytes) -> None:
        outcome = await self._run(tenant, old, ConflictRule.KEEP_BOTH)
        assert outcome.state is WriteState.RESTORED
        assert _content(tenant, "/Docs/Plan.v2.txt") == self.changed
        beside = _content(tenant, "/Docs/Plan.v2 (restored).txt")
        assert (beside["size_bytes"], beside["created"], beside["modified"]) == (len(old), CREATED, MODIFIED)
        assert len(_paths(tenant)) == 3

    async def test_replace_makes_it_what_it_was_as_a_new_version_of_the_same_item(
        self, tenant: SimulatedTenant, old: bytes
    ) -> None:
        start = tenant.control.log_position()
        outcome = await self._run(tenant, old, ConflictRule.REPLACE)
        assert (outcome.state, outcome.target_id) == (WriteState.RESTORED, self.item)
        now = _content(tenant, "/Docs/Plan.v2.txt")
        assert (now["size_bytes"], now["created"], now["modified"]) == (len(old), CREATED, MODIFIED)
        assert len(_paths(tenant)) == 2
        assert "drive.delete" not in {entry["operation"] for entry in tenant.control.log(start)}


@pytest.mark.parametrize("rule", list(ConflictRule))
async def test_a_folder_in_a_files_place_is_never_overwritten(tenant: SimulatedTenant, rule: ConflictRule) -> None:
    item = _put(tenant, "thing", b"a file")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        tenant.control.delete_file(tenant.id, tenant.user, "thing")
        _put(tenant, "thing/inside.txt", b"kept")
        outcomes = await _restore(client, tenant, captured, conflict=rule)
    skipped = rule is ConflictRule.SKIP
    assert outcomes[item].state is (WriteState.OCCUPIED if skipped else WriteState.RESTORED)
    assert _paths(tenant) == {"/thing", "/thing/inside.txt"} | (set() if skipped else {"/thing (restored)"})


async def test_a_file_in_a_folders_place_does_not_lose_what_is_below_the_folder(tenant: SimulatedTenant) -> None:
    _put(tenant, "thing/inside.txt", b"inside")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        tenant.control.delete_file(tenant.id, tenant.user, "thing")
        _put(tenant, "thing", b"now a file")
        for _ in range(2):
            await _restore(client, tenant, captured)
    assert _paths(tenant) == {"/thing", "/thing (restored)", "/thing (restored)/inside.txt"}


async def test_a_renamed_folder_is_itself_and_a_deleted_one_is_found_by_name(tenant: SimulatedTenant) -> None:
    _put(tenant, "Clients/a.txt", b"a")
    _put(tenant, "Suppliers/b.txt", b"b")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        tenant.control.delete_file(tenant.id, tenant.user, "Clients/a.txt")
        tenant.control.rename_file(tenant.id, tenant.user, "Clients", "Customers")
        tenant.control.delete_file(tenant.id, tenant.user, "Suppliers")
        tenant.control.mkdir(tenant.id, tenant.user, "SUPPLIERS")
        outcomes = await _restore(client, tenant, captured)
    assert states(outcomes) == {WriteState.RESTORED: 2}
    assert _paths(tenant) == {"/Customers", "/Customers/a.txt", "/SUPPLIERS", "/SUPPLIERS/b.txt"}


HOSTILE = [
    "..",
    ".",
    "a:b?.txt",
    "ends.",
    " lead",
    "CON",
    "~$lock.docx",
    "tab\there.txt",
    "x" * 400 + ".txt",
    "a/b.txt",
]


async def test_names_that_the_drive_refuses_come_back_escaped_and_it_is_said(tenant: SimulatedTenant) -> None:
    for number, name in enumerate(HOSTILE):
        _put(tenant, ["Odd", name], b"content %d" % number)
        _put(tenant, [f"{name} folder:", "inside.txt"], b"inside %d" % number)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        outcomes = await _restore(client, tenant, captured)
        once = _truth(tenant)
        replayed = await _restore(client, tenant, captured, tried_before=True)
        again = await _restore(client, tenant, captured)
    assert states(outcomes) == states(replayed) == {WriteState.RESTORED: 2 * len(HOSTILE)}
    assert states(again) == {WriteState.EXISTING: 2 * len(HOSTILE)}
    assert _truth(tenant) == once
    contents = {record["sha256"] for record in map(json.loads, once) if record["record"] == "file"}
    assert len(contents) == 2 * len(HOSTILE)
    for version in captured.items:
        renamed = version.change.name in HOSTILE
        assert ("escaped" in outcomes[version.change.item_id].error) is renamed, version.change.name


async def test_a_name_that_only_the_service_refuses_comes_back_escaped(tenant: SimulatedTenant) -> None:
    item = _put(tenant, "fine.txt", b"fine")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        match = {"operation": "drive.put", "path_regex": r":/fine\.txt:"}
        tenant.control.add_fault(match=match, action={"status": 400, "code": "invalidRequest"})
        outcomes = await _restore(client, tenant, captured)
    assert outcomes[item].state is WriteState.RESTORED
    assert "escaped" in outcomes[item].error
    assert len(_paths(tenant)) == 1


class TestUploadSessions:
    """Faults while fragments are on their way."""

    @pytest.fixture
    def tenant(self, tenant: SimulatedTenant) -> SimulatedTenant:
        tenant.control.put_generated_file(tenant.id, tenant.user, "large.bin", LARGE, with_hash=True)
        tenant.control.set_times(tenant.id, tenant.user, "large.bin", created=CREATED, modified=MODIFIED)
        return tenant

    @pytest.mark.parametrize("fragment", [0, 1, 2])
    @pytest.mark.parametrize("action", [{"cut_after_bytes": 0}, {"status": 503}], ids=["cut", "503"])
    async def test_a_fault_at_any_fragment_is_overcome(
        self, tenant: SimulatedTenant, fragment: int, action: dict[str, int]
    ) -> None:
        before = _truth(tenant)
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            _empty(tenant)
            match = {"operation": "drive.upload"}
            fault = tenant.control.add_fault(match=match, action=action, skip=fragment, times=1)
            outcomes = await _restore(client, tenant, captured)
        assert tenant.control.fault_hits()[fault] == 1
        assert states(outcomes) == {WriteState.RESTORED: 1}
        assert _truth(tenant) == before

    async def test_after_a_fault_only_the_rest_is_sent(self, tenant: SimulatedTenant) -> None:
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            _empty(tenant)
            tenant.control.add_fault(
                match={"operation": "drive.upload"}, action={"cut_after_bytes": 0}, skip=1, times=1
            )
            start = tenant.control.log_position()
            await _restore(client, tenant, captured)
        log = [entry["operation"] for entry in tenant.control.log(start)]
        assert log.count("drive.createUploadSession") == 1
        assert log.count("drive.upload") == 4  # three fragments, and the one that was sent twice: 416
        assert log.count("drive.upload.get") == 1

    async def test_an_expired_session_is_begun_anew(self, tenant: SimulatedTenant) -> None:
        before = _truth(tenant)
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            _empty(tenant)
            item = captured.items[0]
            read = captured.restore_item(item, "").open
            expired = False

            async def slow(form: Form) -> Any:
                nonlocal expired
                async for part in read(form):
                    yield part
                if not expired:
                    expired = True
                    tenant.control.set_clock(tenant.id, advance_s=3 * 24 * 3600)

            session = DriveTarget(client).open(tenant.drive)
            to_write = replace(captured.restore_item(item, ""), open=slow)
            [outcome] = [entry async for entry in session.write([to_write])]
        assert outcome.state is WriteState.RESTORED
        assert _truth(tenant) == before

    async def test_damaged_content_never_becomes_a_file(self, tenant: SimulatedTenant) -> None:
        _put(tenant, "small.txt", b"small")
        _put(tenant, "good.txt", b"good")
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            captured.damaged |= {captured.named(name).change.item_id for name in ("large.bin", "small.txt")}
            _empty(tenant)
            start = tenant.control.log_position()
            outcomes = await _restore(client, tenant, captured)
        assert states(outcomes) == {WriteState.FAILED: 2, WriteState.RESTORED: 1}
        assert _paths(tenant) == {"/good.txt"}
        assert all("damaged" in outcomes[item].error for item in captured.damaged)
        assert "drive.upload.delete" in {entry["operation"] for entry in tenant.control.log(start)}

    async def test_no_token_goes_to_an_upload_address(self, tenant: SimulatedTenant) -> None:
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            _empty(tenant)
            start = tenant.control.log_position()
            await _restore(client, tenant, captured)
        uploads = [entry for entry in tenant.control.log(start) if entry["operation"] == "drive.upload"]
        assert len(uploads) == 3
        assert {entry["app"] for entry in uploads} == {""}


async def test_a_small_upload_whose_answer_is_lost_is_not_doubled(tenant: SimulatedTenant) -> None:
    for number in range(6):
        _put(tenant, f"{number}.txt", b"%d" % number)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        tenant.control.add_fault(match={"operation": "drive.put"}, action={"cut_after_bytes": 0}, times=3)
        tenant.control.add_fault(match={"operation": "drive.put"}, action={"truncate": 5}, times=2)
        outcomes = await _restore(client, tenant, captured, conflict=ConflictRule.KEEP_BOTH)
    assert states(outcomes) == {WriteState.RESTORED: 6}
    assert _truth(tenant) == before


async def test_a_slice_that_breaks_off_goes_on_later_without_doubling(tenant: SimulatedTenant) -> None:
    for number in range(50):
        _put(tenant, f"{number}.txt", b"%d" % number)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        fault = tenant.control.add_fault(match={"operation": "drive.put"}, action={"status": 503}, skip=30)
        with pytest.raises(SourceUnavailableError):
            await _restore(client, tenant, captured, conflict=ConflictRule.KEEP_BOTH)
        assert 20 <= len(_paths(tenant)) < 50
        tenant.control.remove_fault(fault)
        outcomes = await _restore(client, tenant, captured, conflict=ConflictRule.KEEP_BOTH, tried_before=True)
    assert states(outcomes) == {WriteState.RESTORED: 50}
    assert _truth(tenant) == before


async def test_one_refused_file_fails_alone_and_a_missing_permission_does_not(tenant: SimulatedTenant) -> None:
    for number in range(3):
        _put(tenant, f"{number}.txt", b"%d" % number)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        match = {"operation": "drive.put", "path_regex": "1.txt"}
        fault = tenant.control.add_fault(match=match, action={"status": 403})
        outcomes = await _restore(client, tenant, captured)
        tenant.control.remove_fault(fault)
    assert states(outcomes) == {WriteState.RESTORED: 2, WriteState.FAILED: 1}
    _empty(tenant)
    async with tenant.client(["Files.Read.All"]) as client:
        with pytest.raises(AccessDeniedError) as refused:
            await _restore(client, tenant, captured)
    assert refused.value.permission == "Files.ReadWrite.All"


async def test_a_locked_file_fails_alone(tenant: SimulatedTenant) -> None:
    item = _put(tenant, "locked.txt", b"old")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        tenant.control.put_file(tenant.id, tenant.user, "locked.txt", b"new")
        tenant.control.add_fault(match={"operation": "drive.put"}, action={"status": 423})
        outcomes = await _restore(client, tenant, captured, conflict=ConflictRule.REPLACE)
    assert outcomes[item].state is WriteState.FAILED
    assert "423" in outcomes[item].error


class TestWithoutHashes:
    """Some items have no quickXorHash, stored or at the target."""

    async def _once_and_again(self, tenant: SimulatedTenant, captured: Captured) -> None:
        before = _truth(tenant)
        async with tenant.client() as client:
            assert states(await _restore(client, tenant, captured)) == {WriteState.EXISTING: 1}
            _empty(tenant)
            assert states(await _restore(client, tenant, captured)) == {WriteState.RESTORED: 1}
        assert _truth(tenant) == before

    def _without_hash(self, captured: Captured) -> ItemVersion:
        [version] = captured.items
        bare = replace(version, change=replace(version.change, content_hash=""))
        captured.versions[version.change.item_id] = bare
        return bare

    async def test_the_bytes_decide(self, tenant: SimulatedTenant) -> None:
        _put(tenant, "bare.bin", b"no hash", without_hash=True)
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
        assert captured.items[0].change.content_hash == ""
        await self._once_and_again(tenant, captured)
        _put(tenant, "bare.bin", b"no hush", without_hash=True)
        async with tenant.client() as client:
            [outcome] = (await _restore(client, tenant, captured)).values()
        assert "Something else" in outcome.error

    async def test_or_the_hash_of_the_stored_bytes(self, tenant: SimulatedTenant) -> None:
        _put(tenant, "bare.bin", b"hash at the target alone")
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
        self._without_hash(captured)
        await self._once_and_again(tenant, captured)

    async def test_or_size_and_time_with_a_note(self, tenant: SimulatedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drive_target_items, "COMPARED_BYTES", 3)
        _put(tenant, "bare.bin", b"too large to compare", without_hash=True)
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            [outcome] = (await _restore(client, tenant, captured)).values()
            assert outcome.state is WriteState.EXISTING
            assert "size and time alone" in outcome.error
            tenant.control.set_times(tenant.id, tenant.user, "bare.bin", modified="2022-01-01T00:00:00Z")
            [outcome] = (await _restore(client, tenant, captured)).values()
            assert "Something else" in outcome.error


async def test_what_does_not_compare_equal_is_said_to_differ(tenant: SimulatedTenant) -> None:
    item = _put(tenant, "a.txt", b"stored")
    dated = _put(tenant, "b.txt", b"dates")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        captured.content[item, Form.NATIVE] = b"others"
        _empty(tenant)
        tenant.control.add_fault(match={"operation": "drive.update"}, action={"status": 400})
        outcomes = await _restore(client, tenant, captured)
    assert outcomes[item].state is WriteState.DIFFERS
    assert "content differs" in outcomes[item].error
    assert outcomes[dated].state is WriteState.DIFFERS
    assert "dates" in outcomes[dated].error


async def test_small_files_cost_few_requests(tenant: SimulatedTenant) -> None:
    for number in range(40):
        _put(tenant, f"{number}.txt", b"%d" % number)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        start = tenant.control.log_position()
        await _restore(client, tenant, captured)
        log = [entry for entry in tenant.control.log(start) if not entry["batch"]]
    assert len(log) <= 40 + 2 * 4 + 3


async def test_all_the_real_data_comes_back_identically(tenant: SimulatedTenant) -> None:
    if not DATA.is_dir():
        pytest.skip("the real documents are not beside the project")
    for path in sorted(entry for entry in DATA.rglob("*") if entry.is_file()):
        _put(tenant, list(path.relative_to(DATA).parts), path.read_bytes())
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        outcomes = await _restore(client, tenant, captured)
    assert states(outcomes) == {WriteState.RESTORED: len(captured.items)}
    assert _truth(tenant) == before
