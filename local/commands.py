"""What ``dev.py`` does, once it knows that this Python will do. Standard library only."""

import os
import subprocess
import sys
from pathlib import Path

from local import install

_ROOT = Path(__file__).resolve().parent.parent
USAGE = """usage: python3 dev.py COMMAND [ARGUMENTS]

  demo    the service's main job before your eyes: --keep, --mail DIR, --files DIR, --users N
  serve   the storage emulator, the tenant simulator and the functions host, until Ctrl-C: --port N, --timers
  test    all tests; arguments go to pytest
  check   ruff, mypy, import-linter
  bench   the benchmarks: --quick, and the names of those to run
"""
CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("mypy", ["-m", "mypy"]),
    ("import-linter", ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
)


def main(arguments: list[str]) -> int:
    """Prepare the environment and run one command in it. Returns the exit code: 3 when nothing could be run."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    if not arguments or arguments[0] not in ("demo", "serve", "test", "check", "bench"):
        unknown = f"There is no command {arguments[0]!r}.\n" if arguments else ""
        print(unknown + USAGE, file=sys.stderr)
        return 2
    command, rest = arguments[0], arguments[1:]
    try:
        python = install.prepare(_ROOT, azurite=command != "check")
    except install.InstallError as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted. The next start goes on from here.", file=sys.stderr)
        return 130
    os.chdir(_ROOT)
    if command == "check":
        return check(str(python))
    return become(str(python), module_arguments(command, rest))


def module_arguments(command: str, rest: list[str]) -> list[str]:
    """What Python is told for a command."""
    if command == "test":
        chosen = any(one in ("-n", "--numprocesses", "--pdb", "--dist") or one.startswith("-n") for one in rest)
        return ["-m", "pytest", *([] if chosen else ["-n", "2", "--dist", "loadfile"]), *rest]
    module = {"demo": "local.demo", "serve": "local.serve", "bench": "benchmarks"}[command]
    return ["-m", module, *rest]


def check(python: str) -> int:
    """Run every check, also after a failure, so that all findings are seen at once."""
    failed = []
    for name, arguments in CHECKS:
        print("== " + name, flush=True)
        if subprocess.call([python, *arguments]) != 0:
            failed.append(name)
    print("== all checks passed" if not failed else "== failed: " + ", ".join(failed), flush=True)
    return 1 if failed else 0


def become(python: str, arguments: list[str]) -> int:
    """Replace this process, so that signals and the exit code are the command's own."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(python, [python, *arguments])
    return subprocess.call([python, *arguments])
