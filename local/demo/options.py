"""The demo's command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_USERS = 500


@dataclass(frozen=True)
class Options:
    """What the person at the terminal asked for. ``mail`` and ``files`` are folders, or None."""

    users: int
    mail: Path | None
    files: Path | None
    keep: bool


def read_options(arguments: Sequence[str]) -> Options:
    """Parse and check. Ends the process with code 2 and a sentence when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="dev.py demo",
        description="Back up an invented company, let ransomware loose on it, bring everything back, compare.",
    )
    parser.add_argument("--users", type=int, default=8, metavar="N", help="size of the company (default: 8)")
    parser.add_argument("--mail", type=Path, metavar="DIR", help="put every .eml file below DIR into mailboxes")
    parser.add_argument("--files", type=Path, metavar="DIR", help="put every file below DIR into a OneDrive")
    parser.add_argument("--keep", action="store_true", help="leave everything serving at the end, until Ctrl-C")
    found = parser.parse_args(arguments)
    if not 1 <= found.users <= MOST_USERS:
        parser.error(f"--users is a number from 1 to {MOST_USERS}")
    for name, folder in (("--mail", found.mail), ("--files", found.files)):
        if folder is not None and not folder.is_dir():
            parser.error(f"{name} {folder}: there is no such folder")
    return Options(found.users, found.mail, found.files, found.keep)
