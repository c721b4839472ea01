"""The benchmarks run and print every figure. How fast anything is depends on the machine and is not asked here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import copier, daily, figures, measured, subjects
from benchmarks.copier_job import Destination, Job, Uploads
from benchmarks.figures import Bound, Figure, Target
from shared_code.graph.drives import fetch as drive_fetch
from shared_code.graph.mailboxes import fetch as mailbox_fetch

PROJECT = Path(__file__).resolve().parents[2]
EXPECTED = {
    "files": {"files/s", "MB/s", "CPU s per 1,000", "CPU s per GB", "peak memory, MB"},
    "unchanged": {"second run / first run", "second run, s", "requests per unchanged drive"},
    "big-file": {"MB/s", "CPU s per GB", "peak memory, MB"},
    "mail": {
        "messages/s",
        "CPU s per 1,000 (ms per message)",
        "MB/s",
        "CPU s per GB",
        "peak memory, MB",
        "requests per unchanged mailbox",
    },
    "memory": {"peak memory with a file of 0.012 GB, MB", "peak memory with 60 messages, MB"},
    "daily": {
        "requests per unchanged mailbox",
        "requests per unchanged mailbox, the most",
        "requests per unchanged drive",
        "requests per unchanged drive, the most",
        "first run, s",
        "daily run, s",
        "s per 1,000 resources",
        "CPU s per 1,000 resources",
        "peak memory, MB",
    },
    "orchestration": {
        "ms per resource",
        "time per resource / a quarter's",
        "peak memory, MB",
        "peak memory / a quarter's",
    },
}
ALONE = {"memory", "daily", "orchestration"}
BESIDE_THE_BARE_COPIER = {("files", "files/s"), ("big-file", "MB/s"), ("mail", "messages/s")}
WITH_TARGETS = {
    ("files", "files/s"),
    ("unchanged", "second run / first run"),
    ("big-file", "MB/s"),
    ("mail", "CPU s per 1,000 (ms per message)"),
    *(("memory", name) for name in EXPECTED["memory"]),
    ("daily", "requests per unchanged mailbox"),
    ("daily", "requests per unchanged drive"),
    ("daily", "peak memory, MB"),
    ("orchestration", "time per resource / a quarter's"),
    ("orchestration", "peak memory, MB"),
    ("orchestration", "peak memory / a quarter's"),
}


@pytest.mark.slow
def test_a_quick_run_prints_every_figure(tmp_path: Path) -> None:
    page = tmp_path / "figures.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--markdown", str(page)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heading, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.read_text().splitlines()
        if line.startswith("|")
    ]
    rows = [dict(zip(heading, cells, strict=True)) for cells in lines]
    shown: dict[str, set[str]] = {}
    for row in rows:
        shown.setdefault(row["case"], set()).add(row["figure"])
        assert float(row["product"]) >= 0
        assert row["beside"] in (("",) if row["case"] in ALONE else ("copier", "bare copier"))
        assert not row["beside"] or float(row["its figure"]) >= 0
        assert row["figure"] in done.stdout
    assert shown == EXPECTED
    bare = [row for row in rows if row["beside"] == "bare copier"]
    assert {(row["case"], row["figure"]) for row in bare} == BESIDE_THE_BARE_COPIER
    assert all(float(row["product / it"]) > 0 and not row["target"] for row in bare)
    assert {(row["case"], row["figure"]) for row in rows if row["target"]} == WITH_TARGETS
    for note in figures.NOTES:
        assert note in page.read_text()
        assert note in " ".join(done.stdout.split())
    alone = {(row["case"], row["figure"]): float(row["product"]) for row in rows if row["case"] == "daily"}
    assert 0 < alone["daily", "requests per unchanged mailbox, the most"] <= 3
    assert alone["daily", "requests per unchanged drive, the most"] == 1
    by_name = {(row["case"], row["figure"]): row for row in rows if row["beside"] == "copier"}
    assert float(by_name["unchanged", "requests per unchanged drive"]["product"]) == 1
    assert float(by_name["mail", "requests per unchanged mailbox"]["product"]) <= 3


@pytest.mark.parametrize("case", ["nothing", "file"])
def test_an_unknown_case_is_named(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main([case])
    assert ended.value.code == 2
    assert f"no case {case}" in capsys.readouterr().err


def test_the_copier_has_as_much_under_way_as_the_product() -> None:
    assert drive_fetch._FILES_AT_ONCE == subjects.FILES_AT_ONCE
    # Of each group one request exports and one reads MIME.
    assert 2 * mailbox_fetch._GROUPS_AT_ONCE == subjects.MESSAGES_AT_ONCE


def test_targets_are_judged_by_value_or_by_ratio() -> None:
    at_least = Target(Bound.RATIO_AT_LEAST, 4)
    assert Figure("files", "files/s", 400, 100, at_least).reached
    assert not Figure("files", "files/s", 399, 100, at_least).reached
    assert not Figure("files", "files/s", 400, None, at_least).reached
    below = Target(Bound.VALUE_BELOW, 2, "ms")
    assert Figure("mail", "CPU", 1.99, 9, below).reached
    assert not Figure("mail", "CPU", 2, 1, below).reached
    assert Figure("mail", "CPU", 2, 1).reached is None
    missed = [Figure("mail", "CPU", 2, 1, below)]
    shown = figures.markdown(missed, ["Take care."], judged=True).splitlines()
    assert shown[2] == "| mail | CPU | 2 | copier | 1 | 2 | under 2 ms | NO |"
    assert shown[-1] == "- Take care."
    assert "not judged" in figures.markdown(missed, [], judged=False)


@pytest.mark.parametrize("uploads", list(Uploads))
def test_a_job_comes_to_the_copier_as_it_was_given(uploads: Uploads) -> None:
    job = Job(
        graph_url="http://127.0.0.1:1",
        tenant_id="tenant",
        client_id="app",
        client_secret="secret",
        destination=Destination(
            uploads, "UseDevelopmentStorage=true", "copies", "http://127.0.0.1:2/copies", "sig", 8, 2
        ),
        drive_ids=["drive"],
        mailboxes=[["user", "mailbox"]],
        file_select=["id"],
        file_page_size=200,
        mail_select=["id"],
        mail_page_size=100,
        files_at_once=16,
        messages_at_once=4,
        stream_from_bytes=4,
        cursors={"feed": "link"},
    )
    assert copier.read_job(json.dumps(asdict(job))) == job


@pytest.mark.parametrize(("busy", "warned"), [(3.0, False), (60.0, True)])
def test_a_busy_machine_is_told_of(busy: float, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import __main__ as command

    monkeypatch.setattr("psutil.cpu_percent", lambda interval: busy)
    assert [("60 %" in text) for text in command._warnings()] == [True] * warned


def test_a_batch_counts_once_for_each_resource_in_it() -> None:
    def entry(path: str, operation: str = "x", batch: bool = False) -> dict[str, object]:
        return {"path": path, "operation": operation, "batch": batch}

    names = {"MBX:1@t": "mailbox.u1", "u1": "mailbox.u1", "b!1": "drive.b!1"}
    log = [
        entry("/v1.0/users/u1/drive", "users.drive", batch=True),
        entry("/v1.0/$batch", "batch"),
        entry("/v1.0/admin/exchange/mailboxes/MBX%3A1%40t/folders/delta"),
        entry("/v1.0/admin/exchange/mailboxes/MBX:1@t/folders/f/items/delta", batch=True),
        entry("/v1.0/users/u1/mailFolders/inbox", batch=True),
        entry("/v1.0/$batch", "batch"),
        entry("/v1.0/drives/b!1/root/delta"),
        entry("/v1.0/drives/b!2/root/delta"),
    ]
    assert daily.requests_by_resource(log, names) == {"mailbox.u1": 2, "drive.b!1": 1}


def test_requests_for_a_resource_are_told_from_those_for_the_directory() -> None:
    def entry(operation: str, batch: bool = False) -> dict[str, object]:
        return {"operation": operation, "batch": batch}

    log = [
        entry("token"),
        entry("users.list"),
        entry("users.drive", batch=True),
        entry("users.mailboxSettings", batch=True),
        entry("batch"),
        entry("mailbox.folders.delta"),
        entry("mailbox.items.delta", batch=True),
        entry("mailbox.items.delta", batch=True),
        entry("batch"),
        entry("drive.delta"),
    ]
    assert measured.resource_requests(log) == 3
