"""Where things go in a site that is restored into, as the ids that a restore's journal keeps. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_LIBRARY = "library:"
_LIST = "list:"
_PAGES = "pages:"
_INTO = "into:"


@dataclass(frozen=True, slots=True)
class LibraryPlace:
    """A folder of a library; ``folder_id`` empty: its top."""

    list_id: str
    drive_id: str
    folder_id: str = ""

    @property
    def id(self) -> str:
        """As the journal keeps it."""
        return f"{_LIBRARY}{self.list_id}:{self.drive_id}:{self.folder_id}"


@dataclass(frozen=True, slots=True)
class ListPlace:
    """A list."""

    list_id: str

    @property
    def id(self) -> str:
        """As the journal keeps it."""
        return f"{_LIST}{self.list_id}"


@dataclass(frozen=True, slots=True)
class PagesPlace:
    """The pages of the site; ``label`` goes before the names of those that are restored beside the present ones."""

    label: str = ""

    @property
    def id(self) -> str:
        """As the journal keeps it."""
        return f"{_PAGES}{self.label}"


@dataclass(frozen=True, slots=True)
class TopPlace:
    """The site itself, or everything that is restored beside it under one name."""

    label: str = ""

    @property
    def id(self) -> str:
        """As the journal keeps it."""
        return f"{_INTO}{self.label}" if self.label else ""


Place = LibraryPlace | ListPlace | PagesPlace | TopPlace


def place_of(target_id: str) -> Place:
    """Inverse of ``id``."""
    if target_id.startswith(_LIBRARY):
        list_id, _, rest = target_id.removeprefix(_LIBRARY).partition(":")
        drive_id, _, folder_id = rest.partition(":")
        return LibraryPlace(list_id, drive_id, folder_id)
    if target_id.startswith(_LIST):
        return ListPlace(target_id.removeprefix(_LIST))
    if target_id.startswith(_PAGES):
        return PagesPlace(target_id.removeprefix(_PAGES))
    return TopPlace(target_id.removeprefix(_INTO))
