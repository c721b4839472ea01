"""People who do things to a site at random."""

from __future__ import annotations

from random import Random
from typing import Any

from local.tenant.control.client import ControlError
from tests.fakes.example_site import ExampleSite
from tests.fakes.simulated_tenant import SimulatedTenant


class SiteEdits:
    """Edits of rows, files and their columns' values, pages, lists, columns, and the site itself."""

    def __init__(self, tenant: SimulatedTenant, example: ExampleSite) -> None:
        self._control, self._tenant, self._site = tenant.control, tenant.id, example.site
        self._example = example
        self._made = 0

    def one(self, chance: Random) -> None:
        """One edit; one that is not possible now is none."""
        self._made += 1
        kinds = [self._row, self._file, self._fields, self._page, self._list, self._column, self._name]
        try:
            chance.choices(kinds, [3, 3, 1, 1, 1, 1, 0.5])[0](chance)
        except ControlError:
            return

    def share(self, chance: Random) -> None:
        """A file of a library is shared, or is not any more."""
        drive = chance.choice(self._lists(libraries=True))["drive"]
        files = [entry["path"] for entry in self._control.files(self._tenant, drive) if entry["kind"] == "file"]
        if not files:
            return
        if chance.random() < 0.7:
            self._control.share(self._tenant, drive, chance.choice(files), link_type="view", link_scope="organization")
        else:
            self._control.unshare(self._tenant, drive, chance.choice(files))

    def _lists(self, *, libraries: bool) -> list[dict[str, Any]]:
        found = self._control.edit(self._tenant, "list_lists", site=self._site)["lists"]
        return [each for each in found if each["template"] != "webPageLibrary" and bool(each["drive"]) is libraries]

    def _row(self, chance: Random) -> None:
        made = chance.choice(self._lists(libraries=False))
        numbers = made["items"]
        what = chance.choice(("add", "add", "change", "delete"))
        if what == "add" or not numbers:
            title, attached = {"Title": f"Row {self._made}"}, chance.random() < 0.1
            self._control.add_row(self._tenant, self._site, made["list"], title, attachments=attached)
        elif what == "change":
            number, title = chance.choice(numbers), {"Title": f"Changed {self._made}"}
            self._control.change_row(self._tenant, self._site, made["list"], number, title)
        else:
            self._control.delete_row(self._tenant, self._site, made["list"], chance.choice(numbers))

    def _file(self, chance: Random) -> None:
        drive = chance.choice(self._lists(libraries=True))["drive"]
        paths = [entry["path"] for entry in self._control.files(self._tenant, drive)]
        what = chance.choice(("put", "put", "move", "rename", "delete"))
        if what == "put" or not paths:
            folder = chance.choice(["", "/A", "/A/B", "/Plans"])
            data = str(self._made).encode() * chance.randrange(3)
            self._control.put_file(self._tenant, drive, f"{folder}/f{chance.randrange(6)}.txt", data)
        elif what == "move":
            self._control.move_file(self._tenant, drive, chance.choice(paths), chance.choice(["", "/C"]))
        elif what == "rename":
            self._control.rename_file(self._tenant, drive, chance.choice(paths), f"Name {self._made}")
        else:
            self._control.delete_file(self._tenant, drive, chance.choice(paths))

    def _fields(self, chance: Random) -> None:
        files = self._control.files(self._tenant, self._example.drive)
        path, values = chance.choice(files)["path"], {"Stage": chance.choice(["draft", "final"])}
        self._control.set_file_fields(self._tenant, self._site, self._example.documents, path, values)

    def _page(self, chance: Random) -> None:
        pages = self._control.edit(self._tenant, "list_pages", site=self._site)["pages"]
        what = chance.choice(("add", "change", "delete"))
        if what == "add" or not pages:
            self._control.add_page(self._tenant, self._site, f"page-{self._made}.aspx", {"title": str(self._made)})
        elif what == "change":
            self._control.change_page(self._tenant, self._site, chance.choice(pages), {"title": str(self._made)})
        else:
            self._control.delete_page(self._tenant, self._site, chance.choice(pages))

    def _list(self, chance: Random) -> None:
        everything = [*self._lists(libraries=True), *self._lists(libraries=False)]
        what = chance.choice(("add", "rename", "delete"))
        if what == "add" or len(everything) < 4:
            template = chance.choice(["genericList", "documentLibrary"])
            self._control.add_list(self._tenant, self._site, f"List {self._made}", template)
        elif what == "rename":
            made = chance.choice(everything)["list"]
            self._control.change_list(self._tenant, self._site, made, display_name=f"Renamed {self._made}")
        elif len(self._lists(libraries=False)) > 1 and len(self._lists(libraries=True)) > 1:
            self._control.delete_list(self._tenant, self._site, chance.choice(everything)["list"])

    def _column(self, chance: Random) -> None:
        made = chance.choice([*self._lists(libraries=True), *self._lists(libraries=False)])
        self._control.add_column(self._tenant, self._site, made["list"], f"C{self._made}", "text")

    def _name(self, chance: Random) -> None:
        path, name = f"/sites/moved-{self._made}", f"Works {chance.randrange(9)}"
        self._control.change_site(self._tenant, self._site, path=path, display_name=name)
