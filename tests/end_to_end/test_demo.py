"""The demo as a newcomer runs it: a process of its own, which tells the story, judges honestly and cleans up."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.demo.truth import compare

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared" / "data"
COMMAND = [sys.executable, "-m", "local.demo"]
MARK = "DEMO_UNDER_TEST"
TIMEOUT_S = 240


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo with ``folder`` as its place for temporary files."""
    environment = {**os.environ, "TMPDIR": str(folder), MARK: str(folder)}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def left_behind(folder: Path) -> list[str]:
    """What is still there of a demo: processes with its mark, and temporary files."""
    found = [str(path) for path in folder.iterdir()]
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def assert_verdict(output: str) -> int:
    """Check the one line that counts; return how many records were compared."""
    lines = re.findall(r"^ *Compared ([\d,]+), identical ([\d,]+), different ([\d,]+) *$", output, re.MULTILINE)
    assert len(lines) == 1, output
    compared, identical, different = (int(number.replace(",", "")) for number in lines[0])
    assert different == 0, output
    assert identical == compared
    return compared


@pytest.mark.slow
def test_everything_comes_back_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--users", "2") as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output + errors
    assert errors == ""
    assert assert_verdict(output) > 200
    for workload in ("drive", "mailbox", "site", "team"):
        assert re.search(rf"^ .* {workload} +complete +[1-9]", output, re.MULTILINE), workload
    assert output.count("NOT IMMUTABLE (local store)") == 1
    assert "\x1b" not in output
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data, the real messages and documents, is not there")
def test_real_mail_and_documents_come_back(tmp_path: Path) -> None:
    messages = len(list((SHARED / "mail").rglob("*.eml")))
    documents = sum(path.is_file() for path in (SHARED / "files").rglob("*"))
    assert messages
    assert documents
    arguments = ("--users", "1", "--mail", str(SHARED / "mail"), "--files", str(SHARED / "files"))
    with demo(tmp_path, *arguments) as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output + errors
    assert f"{messages:,} messages from" in output
    assert f"{documents:,} files from" in output
    assert assert_verdict(output) > messages + documents
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["1  Starting the service", "Backing up"])
def test_ctrl_c_ends_it_with_one_line(tmp_path: Path, moment: str) -> None:
    with demo(tmp_path, "--users", "2") as process:
        assert any(moment in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == "Interrupted. Everything that the demo had started is stopped."
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--mail", "no-such-folder"), "--mail no-such-folder: there is no such folder"),
        (("--users", "0"), "--users is a number from 1 to 500"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    with demo(tmp_path, *arguments) as process:
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output == ""
    assert errors.strip().endswith(sentence)
    assert left_behind(tmp_path) == []


def message(folder: str, subject: str, **more: Any) -> dict[str, Any]:
    return {"record": "item", "folder": folder, "properties": {"subject": subject}, "mime_sha256": "1", **more}


def test_the_judge_sees_equal_records() -> None:
    records = [message("Inbox", "a"), message("Inbox", "a"), message("Archive", "a")]
    result = compare(records, reversed(records))
    assert (result.compared, result.identical, result.different, result.surplus) == (3, 3, (), ())


def test_the_judge_sees_other_bytes_and_names_the_field() -> None:
    result = compare([message("Inbox", "a")], [message("Inbox", "a", mime_sha256="2")])
    assert result.identical == 0
    assert result.different == ("Inbox: a differs in mime_sha256",)
    assert result.surplus == ()


def test_the_judge_sees_what_is_missing_though_an_equal_one_is_there() -> None:
    result = compare([message("Inbox", "a"), message("Inbox", "a")], [message("Inbox", "a")])
    assert result.identical == 1
    assert result.different == ("Inbox: a is missing",)


def test_the_judge_sees_what_is_there_twice() -> None:
    result = compare([message("Inbox", "a")], [message("Inbox", "a"), message("Inbox", "a")])
    assert result.identical == 1
    assert result.different == ()
    assert result.surplus == (message("Inbox", "a"),)
