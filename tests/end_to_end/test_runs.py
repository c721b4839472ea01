"""What a run costs, and that it survives the death of its host."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from local.product_settings import product_settings
from local.services import Stack
from tests.end_to_end.service import DEADLINE_S, Customer, Service

CONTENT = ("drive.download", "drive.content", "mailbox.export", "message.mime")


def _fill(customer: Customer, user: dict[str, Any], messages: int = 25, files: int = 30) -> None:
    customer.edit("generate_items", user, count=messages)
    customer.edit("generate_items", user, count=5, kind="event")
    customer.edit("generate_items", user, count=5, kind="contact")
    if not user["drive_id"]:
        return
    customer.edit("generate_files", user, count=files, file_size_bytes=20_000)
    customer.edit("put_generated_file", user, path="large.bin", size_bytes=12 << 20, with_hash=True)


def _requests(customer: Customer, since: int) -> Counter[str]:
    log = customer.control.log(since)
    return Counter(entry["operation"] for entry in log if entry["tenant"] == customer.tenant_id)


def _blobs(service: Service, customer: Customer) -> list[Any]:
    container = ContainerClient.from_connection_string(service.stack.blob_connection_string, f"vault-{customer.id}")
    with container:
        return list(container.list_blobs())


def test_a_run_without_changes_downloads_nothing_and_writes_one_small_blob_a_resource(
    service: Service, customer: Customer
) -> None:
    users = [customer.add_user("Ada"), customer.add_user("Team", purpose="shared")]
    for user in users:
        _fill(customer, user)
    first = customer.run()
    resources = first["totals"]["total"]
    assert first["counts"]["stored"] > 100
    assert resources == sum(1 for user in users for part in ("id", "drive_id") if user[part])
    before, since = {blob.name for blob in _blobs(service, customer)}, customer.control.log_position()

    second = customer.run()
    assert (second["counts"]["stored"], second["counts"]["read_bytes"]) == (0, 0)
    assert [name for name in _requests(customer, since) if name in CONTENT] == []
    new = [blob for blob in _blobs(service, customer) if blob.name not in before]
    assert len(new) == resources
    assert all("/snapshots/" in blob.name and blob.size < 20_000 for blob in new)


def test_an_expired_cursor_costs_a_listing_and_no_content(customer: Customer) -> None:
    user = customer.add_user()
    _fill(customer, user)
    customer.run()
    customer.control.set_clock(customer.tenant_id, advance_s=400 * 86_400)
    since = customer.control.log_position()
    run = customer.run()
    log = [entry for entry in customer.control.log(since) if entry["tenant"] == customer.tenant_id]
    assert any(entry["status"] == 410 or entry["status"] == 400 for entry in log), "no cursor has expired"
    assert [entry["operation"] for entry in log if entry["operation"] in CONTENT] == []
    assert run["counts"]["stored"] == 0


@pytest.fixture(scope="module")
def fragile() -> Iterator[Service]:
    """A stack of its own whose slices are tiny and whose host can be killed."""
    slices = {"BACKUP_SLICE_ITEMS": "8", "BACKUP_SLICE_MIB": "4", "BACKUP_RESOURCES_IN_FLIGHT": "2"}
    with Stack(host_env=lambda stack: {**product_settings(stack), **slices}) as stack:
        service = Service(stack)
        yield service
        service.close()


@pytest.mark.parametrize("kills", [(1,), (9,), (25,), (3, 12, 40)])
def test_a_killed_host_loses_and_doubles_nothing(fragile: Service, kills: tuple[int, ...]) -> None:
    customer = fragile.onboard()
    user = customer.add_user()
    _fill(customer, user)
    truth = {kind: customer.oracle(user, kind) for kind in ("mailbox", "drive")}
    customer.control.add_fault(
        match={"tenant": customer.tenant_id, "operation": "drive.download"}, action={"delay_s": 0.05}
    )
    since = customer.control.log_position()
    for kill_after in kills:
        customer.start_run()
        _wait_for_requests(customer, since, kill_after)
        fragile.stack.kill_host()
        fragile.stack.start_host()
    run = customer.run()
    assert run["totals"] == {"total": 2, "done": 2, "failed": 0}

    items = {"mailbox": 35, "drive": 31}
    for kind, expected in items.items():
        resource = customer.resource(kind, user)
        snapshots = customer.get(f"/resources/{resource}/snapshots")["snapshots"]
        assert snapshots, f"no snapshot of the {kind}"
        restore = customer.restore(
            resource, seq=snapshots[0]["seq"], selection={"everything": True}, target="folder", folder_name="Back"
        )
        assert restore["counts"]["restored"] == expected
        assert _below(customer.oracle(user, kind), "Back") == _content(truth[kind])


def _wait_for_requests(customer: Customer, since: int, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while sum(_requests(customer, since).values()) < count:
        assert time.monotonic() < deadline, "the run has not come so far"
        time.sleep(0.01)


def _content(records: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (record.get("mime_sha256"), record.get("sha256"), record.get("subject"), record.get("size_bytes"))
        for record in records
        if record["record"] in ("item", "file")
    )


def _below(records: list[dict[str, Any]], top: str) -> Counter[tuple[Any, ...]]:
    inside = [
        record for record in records if str(record.get("folder") or record.get("path")).strip("/").split("/")[0] == top
    ]
    return _content(inside)
