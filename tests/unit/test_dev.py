"""The door for developers: what it prepares, what it runs, what it says when it can't."""

import ast
import re
import runpy
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from local import commands, install

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with the files from which the environment is made."""
    (tmp_path / "local" / "azurite").mkdir(parents=True)
    for name in (
        "constraints.txt",
        "requirements.txt",
        "requirements-dev.txt",
        "local/azurite/package.json",
        "local/azurite/package-lock.json",
    ):
        (tmp_path / name).write_text(name, encoding="utf-8")
    yield tmp_path


class Makers:
    """Stand-ins for the two installations, which note their calls and can fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.error: BaseException | None = None
        monkeypatch.setattr(install, "_make_venv", self._maker(".venv"))
        monkeypatch.setattr(install, "_make_azurite", self._maker(".local/azurite"))

    def _maker(self, folder: str):  # type: ignore[no-untyped-def]
        def make(root: Path, lock: IO[str]) -> None:
            (root / folder).mkdir(parents=True, exist_ok=True)
            if self.error is not None:
                raise self.error
            self.made.append(folder)

        return make


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> Makers:
    return Makers(monkeypatch)


def test_the_first_start_makes_both_and_the_second_nothing(project: Path, makers: Makers) -> None:
    python = install.prepare(project)
    assert python == install.venv_python(project)
    assert makers.made == [".venv", ".local/azurite"]
    install.prepare(project)
    assert len(makers.made) == 2


def test_only_what_has_changed_is_made_again(project: Path, makers: Makers) -> None:
    install.prepare(project)
    for name in ("requirements.txt", "constraints.txt"):
        (project / name).write_text("another==1", encoding="utf-8")
        install.prepare(project)
    (project / "local" / "azurite" / "package-lock.json").write_text("{}", encoding="utf-8")
    install.prepare(project)
    assert makers.made == [".venv", ".local/azurite", ".venv", ".venv", ".local/azurite"]


def test_checks_need_no_emulator(project: Path, makers: Makers) -> None:
    install.prepare(project, azurite=False)
    assert makers.made == [".venv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), install.InstallError("no")])
def test_an_interrupted_installation_is_made_anew(project: Path, makers: Makers, error: BaseException) -> None:
    makers.error = error
    with pytest.raises(type(error)):
        install.prepare(project)
    makers.error = None
    install.prepare(project)
    assert makers.made == [".venv", ".local/azurite"]


def test_two_that_start_at_once_take_turns(project: Path) -> None:
    script = f"""
        import sys
        from pathlib import Path
        from local import install
        install._make_venv = lambda root, lock: (root / ".venv").mkdir()
        install.prepare(Path({str(project)!r}), azurite=False)
    """
    (project / ".local").mkdir()
    with install._one_at_a_time(project / ".local" / "install.lock"):
        second = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], cwd=PROJECT, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()
        assert not (project / ".venv").exists()
    assert second.communicate(timeout=30) == (None, "")
    assert second.returncode == 0
    assert (project / ".venv" / ".made-from").exists()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "WARNING: Retrying (Retry(total=1)) after connection broken\nERROR: No matching distribution",
            "can't be reached",
        ),
        ("npm error code ECONNREFUSED", "can't be reached"),
        ("ERROR: No matching distribution found for aiohttp==9", "has no aiohttp==9"),
        ("npm error notarget No matching version found for azurite@9.9.9.", "has no azurite@9.9.9"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "WARNING: Retrying (Retry(total=1)) after connection broken by "
            "'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]",
            "PIP_CERT",
        ),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS"),
        ("npm error code UNABLE_TO_VERIFY_LEAF_SIGNATURE", "NODE_EXTRA_CA_CERTS"),
        ("something else", "begins this part anew"),
    ],
)
def test_a_failed_installation_ends_with_one_clear_sentence(said: str, reason: str) -> None:
    lines = install._explain("Installing", "first\n" * 50 + said).splitlines()
    assert reason in lines[-1]
    assert lines[-2] == f"  | {said.splitlines()[-1]}"
    assert len(lines) == 9


def test_a_step_that_fails_shows_its_last_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", "import sys; print('the last line'); sys.exit(1)"]
    with (tmp_path / "lock").open("a") as lock, pytest.raises(install.InstallError, match="the last line"):
        install._step("Doing", command, tmp_path, lock)
    assert capsys.readouterr().err == "Doing ... failed\n"


def test_an_installation_error_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(root: Path, azurite: bool) -> Path:
        raise install.InstallError("The package index can't be reached.")

    monkeypatch.setattr(install, "prepare", prepare)
    assert commands.main(["test"]) == 3
    assert capsys.readouterr().err == "The package index can't be reached.\n"


@pytest.mark.parametrize("old", [(2, 7, 18), (3, 6, 8), (3, 10, 14)])
def test_an_old_python_is_turned_away(
    old: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", old)
    monkeypatch.setattr(sys, "version", ".".join(map(str, old)) + " (default)")
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(PROJECT / "dev.py"), run_name="__main__")
    assert caught.value.code == 3
    said = capsys.readouterr().err
    assert said.startswith(f"Python 3.11 or later is needed, this is {'.'.join(map(str, old))}. Install")
    assert said.count("\n") == 1


def test_an_old_python_can_read_the_file_that_turns_it_away() -> None:
    source = (PROJECT / "dev.py").read_bytes()
    source.decode("ascii")  # 2.7 takes nothing else without a declaration
    newer = (ast.JoinedStr, ast.AnnAssign, ast.FunctionDef, ast.ClassDef, ast.NamedExpr, ast.With, ast.Try)
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, newer)]
    assert [type(node) for node in found] == [ast.Try], "keep to what 2.7 reads"
    first = next(node for node in ast.parse(source).body if not isinstance(node, ast.Expr))
    assert isinstance(first, ast.Import), "no __future__: 3.6 does not know that of annotations"


def test_an_interruption_at_any_moment_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "dev.py").write_bytes((PROJECT / "dev.py").read_bytes())
    (tmp_path / "local" / "commands.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    done = subprocess.run([sys.executable, tmp_path / "dev.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--help"], 0), (["fly"], 2)])
def test_without_a_command_the_usage_is_shown(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(arguments) == code
    printed = capsys.readouterr()
    assert "usage: python3 dev.py" in (printed.err if code else printed.out)
    assert all(f"There is no command {unknown!r}." in printed.err for unknown in arguments if code)


@pytest.mark.parametrize(
    ("command", "rest", "told"),
    [
        ("demo", ["--users", "3"], ["-m", "local.demo", "--users", "3"]),
        ("serve", ["--port", "1"], ["-m", "local.serve", "--port", "1"]),
        ("bench", [], ["-m", "benchmarks"]),
        ("test", ["-x"], ["-m", "pytest", "-n", "2", "--dist", "loadfile", "-x"]),
        ("test", ["-n0", "-x"], ["-m", "pytest", "-n0", "-x"]),
        ("test", ["--pdb"], ["-m", "pytest", "--pdb"]),
    ],
)
def test_arguments_are_handed_through(command: str, rest: list[str], told: list[str]) -> None:
    assert commands.module_arguments(command, rest) == told


def test_dev_uses_the_standard_library_alone() -> None:
    script = "import sys; sys.path.insert(0, '.'); import dev; from local import commands; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) <= {"dev", "local", "__main__", "sitecustomize"}


def test_the_locked_emulator_names_no_registry() -> None:
    lock = (PROJECT / "local" / "azurite" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
    assert not re.search(r"https?://[^\"]*\.tgz", lock)
