"""Real messages and documents from folders of whoever runs the demo, put where the story will damage them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.demo.company import Member
from local.demo.fill_drive import ATTACKED_FOLDER, file_operation
from local.demo.fill_mailbox import INBOX, PROJECT_FOLDER, mail_operation
from local.demo.narrator import Narrator

LARGEST_BYTES = 100_000_000
_FORBIDDEN = str.maketrans(dict.fromkeys('"*:<>?/\\|', "_"))


def own_mail(folder: Path, deleted: Member, copied: Member, narrator: Narrator) -> Iterator[dict[str, Any]]:
    """An operation for each .eml file below ``folder``: in turns into the mail folder that will be deleted, and into
    the mailbox that will be restored as a whole."""
    places = ((deleted, f"{PROJECT_FOLDER}/Own mail"), (copied, f"{INBOX}/Own mail"))
    for number, path in enumerate(_files(folder, narrator, ".eml")):
        member, place = places[number % 2]
        yield {"user": member.user_id, **mail_operation(path.read_bytes(), place)}


def own_files(folder: Path, owner: Member, narrator: Narrator) -> Iterator[dict[str, Any]]:
    """An operation for each file below ``folder``, into the OneDrive folder that will be encrypted. Characters that
    OneDrive takes in no name become ``_``."""
    for path in _files(folder, narrator, ""):
        names = [allowed_name(name) for name in path.relative_to(folder).parts]
        day = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        place = [*ATTACKED_FOLDER.split("/"), "Own files", *names]
        yield {"user": owner.user_id, **file_operation(place, path.read_bytes(), day)}


def allowed_name(name: str) -> str:
    """A name that OneDrive takes, as near to this one as can be."""
    text = name.encode("utf-8", "replace").decode("utf-8").translate(_FORBIDDEN)
    text = "".join(character if character.isprintable() else "_" for character in text).strip(" ").rstrip(".")
    return f"_{text}" if not text or text.startswith("~$") else text


def _files(folder: Path, narrator: Narrator, suffix: str) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or (suffix and path.suffix.lower() != suffix):
            continue
        if path.stat().st_size > LARGEST_BYTES:
            narrator.say(f"Left out, for it has more than 100 MB: {path}", "yellow")
            continue
        yield path
