"""A drive with everything that a drive can hold, three days of changes, and any of those days back again."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.service import Customer

CREATED, MODIFIED = "2019-02-03T04:05:06Z", "2021-07-08T09:10:11Z"
LARGE_BYTES = 9 << 20
GUEST = {"email": "guest@partner.example", "role": "read"}
PROTECTED_LINK = {"link_type": "view", "link_scope": "anonymous", "password": True}


@dataclass
class Drive:
    """Somebody's drive, and what it was on each day: seq -> (records by path, sharing and history by path)."""

    customer: Customer
    user: dict[str, Any]

    def edit(self, op: str, *path: str, **fields: Any) -> Any:
        return self.customer.edit(op, self.user, **({"path": "/".join(path)} if path else {}), **fields)

    def put(self, path: str, data: bytes, **more: Any) -> None:
        self.edit("put_file", path, data=data, created=CREATED, modified=MODIFIED, **more)

    def records(self) -> dict[str, dict[str, Any]]:
        return {record["path"]: record for record in self.customer.oracle(self.user, "drive")}

    def details(self) -> dict[str, dict[str, Any]]:
        return dict(self.edit("file_details"))

    def wipe(self) -> None:
        for path in self.records():
            if path.count("/") == 1:
                self.edit("delete_file", path.strip("/"))
        assert self.records() == {}

    @property
    def resource(self) -> str:
        return self.customer.resource("drive", self.user)

    def items(self, seq: int, with_versions: Container[str], parent: str = "", above: str = "") -> dict[str, str]:
        """Ids in a snapshot by path, earlier versions below their file; through the service's own API."""
        query = {"limit": "100", **({"parent": parent} if parent else {})}
        found: dict[str, str] = {}
        path = f"/resources/{self.resource}/snapshots/{seq}/items"
        for entry in self.customer.get(path, params=query)["items"]:
            own = f"{above}/{entry['name']}"
            found[own] = entry["id"]
            if entry["kind"] == "folder" or own in with_versions:
                found |= self.items(seq, with_versions, entry["id"], own)
        return found


def test_any_of_three_days_comes_back(customer: Customer) -> None:
    drive = Drive(customer, customer.add_user("Ada"))
    ben, cleo = (customer.add_user(name)["id"] for name in ("Ben", "Cleo"))
    answer = customer.service.call("PUT", f"/api/customers/{customer.id}/protection", {"earlier_versions": 2})
    assert answer.status_code == 200, answer.text
    days: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def end_the_day(read_files: int) -> None:
        since = customer.control.log_position()
        run = customer.run()
        assert run["counts"]["failed"] == 0
        log = [entry for entry in customer.control.log(since) if entry["tenant"] == customer.tenant_id]
        assert sum(entry["operation"] == "drive.download" for entry in log) == read_files
        days.append((drive.records(), drive.details()))

    _fill(drive, ben, cleo)
    stored_on_day_one = sum(record["record"] == "file" for record in drive.records().values()) - 1  # the infected one
    end_the_day(stored_on_day_one + 3)  # and three earlier versions
    _second_day(drive, ben, cleo)
    end_the_day(7)
    _third_day(drive, ben)
    end_the_day(3)

    for seq, (records, details) in enumerate(days, start=1):
        drive.wipe()
        restore = customer.restore(drive.resource, seq=seq, selection={"everything": True})
        assert drive.records() == _expected(records, days[0][0])
        assert _grants(drive.details()) == _grants(details)
        ids = drive.items(seq, {path for path, entry in details.items() if entry["versions"]})
        _assert_the_rest_is_told(restore, ids, details)
    _assert_versions_come_back(drive, len(days), ids, details)


def test_the_number_of_earlier_versions_is_agreed_on(customer: Customer) -> None:
    path = f"/api/customers/{customer.id}/protection"
    assert customer.get("/protection") == {"earlier_versions": 0}
    assert customer.service.call("PUT", path, {"earlier_versions": 7}).json() == {"earlier_versions": 7}
    for body in ({"earlier_versions": -1}, {"earlier_versions": 501}, {"earlier_versions": "7"}, {}):
        answer = customer.service.call("PUT", path, body)
        assert answer.status_code == 400, body
        assert "earlier_versions" in answer.json()["detail"]
    assert customer.get("/protection") == {"earlier_versions": 7}


def _fill(drive: Drive, ben: str, cleo: str) -> None:
    drive.edit("mkdir", "Empty/Emptier")
    drive.put("zero.txt", b"")
    drive.put("Tree/one.txt", b"the same content twice")
    drive.put("Tree/Deep/two.txt", b"the same content twice")
    drive.put("Tree/Deep/Deeper/three.txt", b"three")
    drive.put("readme.txt", b"case")
    drive.put("swap a.txt", b"a")
    drive.put("swap b.txt", b"b")
    drive.put("no hash.bin", b"no hash", without_hash=True)
    drive.edit("put_generated_file", "large.bin", size_bytes=LARGE_BYTES, with_hash=True)
    drive.edit("set_times", "large.bin", created=CREATED, modified=MODIFIED)
    drive.put("infected.exe", b"bad")
    drive.edit("mark_malware", "infected.exe")
    drive.put("Later infected.doc", b"good until tomorrow")
    drive.put("Notebook/Section.one", b"a section is a file")
    drive.edit("mark_package", "Notebook")
    drive.put("checked out.docx", b"as checked in")
    drive.edit("check_out", "checked out.docx", draft=b"nobody else sees this")
    for number in range(4):
        drive.put("Shared/history.txt", b"version %d" % number)
    drive.put("Shared/twice.txt", b"first")
    drive.put("Shared/twice.txt", b"second")
    drive.edit("share", "Shared", people=[ben], role="write")
    drive.edit("share", "Shared/history.txt", people=[cleo], role="read")
    drive.edit("share", "Shared/twice.txt", link_type="view", link_scope="organization")
    drive.edit("share", "readme.txt", **GUEST)
    drive.edit("share", "readme.txt", **PROTECTED_LINK)


def _second_day(drive: Drive, ben: str, cleo: str) -> None:
    drive.edit("move_file", "Tree", parent="Archive/2026")  # a whole tree
    drive.edit("rename_file", "readme.txt", name="README.txt")  # by case only
    drive.edit("rename_file", "swap a.txt", name="swap c.txt")
    drive.edit("rename_file", "swap b.txt", name="swap a.txt")
    drive.edit("rename_file", "swap c.txt", name="swap b.txt")
    drive.edit("delete_file", "zero.txt")
    drive.put("zero.txt", b"another file of the same name")  # read: 1
    drive.edit("mark_malware", "Later infected.doc")
    drive.edit("rename_file", "no hash.bin", name="no hash, renamed.bin")
    drive.edit("check_in", "checked out.docx")  # read: the draft, and what it was before
    drive.put("Shared/history.txt", b"version 4")  # read: itself and version 4.0
    drive.edit("unshare", "Shared")
    drive.edit("share", "Shared", people=[cleo], role="read")
    drive.edit("share", "Archive/2026/Tree/Deep", link_type="edit", link_scope="users", people=[ben])
    drive.put("Notebook/Another.one", b"a new section")  # read: 1
    drive.put("copy of three.txt", b"three")  # the content is stored already
    drive.edit("put_generated_file", "other large.bin", size_bytes=5 << 20, with_hash=True)  # read: 1


def _third_day(drive: Drive, ben: str) -> None:
    drive.edit("move_file", "Archive/2026/Tree/Deep", parent="Rescued")  # out of what is deleted next
    drive.edit("delete_file", "Archive")
    drive.edit("delete_file", "Empty/Emptier")
    drive.put("Archive/2026/Tree/one.txt", b"at an old place")  # read: 1
    drive.edit("put_file", "large.bin", data=b"small now")  # read: itself, and the large one as its earlier version
    drive.edit("unshare", "Shared/twice.txt")
    drive.edit("share", "Shared/twice.txt", people=[ben], role="read", expires="2031-01-01T00:00:00Z")
    drive.edit("delete_file", "other large.bin")


def _expected(records: Mapping[str, dict[str, Any]], first_day: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A day as it can come back. What was infected before it was ever stored is not there, what was stored before it
    was infected comes back as it was stored, and a notebook comes back as a folder with its sections."""
    expected = {path: dict(record) for path, record in records.items() if path != "/infected.exe"}
    expected["/Notebook"]["record"] = "folder"
    later = expected["/Later infected.doc"]
    assert later["sha256"] == first_day["/Later infected.doc"]["sha256"]
    later["malware"] = None
    return expected


def _grants(details: Mapping[str, dict[str, Any]]) -> dict[str, list[Any]]:
    """Who may see what, but for guests who have to accept anew and links with a password."""
    found: dict[str, list[Any]] = {}
    for path, entry in details.items():
        kept = [grant for grant in entry["grants"] if not (grant.get("email") or grant.get("password"))]
        if kept:
            found[path] = kept
    return found


def _assert_the_rest_is_told(restore: Mapping[str, Any], ids: Mapping[str, str], details: Mapping[str, Any]) -> None:
    told = {problem["item_id"]: problem["error"] for problem in restore["problems"]}
    readme = next(path for path in ids if path.lower() == "/readme.txt")
    assert "guest(s) have to be invited anew" in told[ids[readme]]
    assert "link(s) with a password cannot be made again" in told[ids[readme]]
    links = [path for path, entry in details.items() for grant in entry["grants"] if "link_type" in grant]
    for path in links:
        assert told[ids[path]], f"a link of {path} has another address, and nobody says so"
    assert len(told) == len(set(links))


def _assert_versions_come_back(
    drive: Drive, seq: int, ids: Mapping[str, str], details: Mapping[str, dict[str, Any]]
) -> None:
    """The two newest earlier versions of every file, as copies beside it and with the bytes of then."""
    kept = {path: entry["versions"][-2:] for path, entry in details.items() if entry["versions"]}
    wanted = {path: item_id for path, item_id in ids.items() if "(version " in path}
    assert len(wanted) == sum(len(versions) for versions in kept.values())
    drive.customer.restore(drive.resource, seq=seq, selection={"item_ids": list(wanted.values())})
    copies = {path: record["sha256"] for path, record in drive.records().items() if "(version " in path}
    for path, versions in kept.items():
        stem = path.rpartition(".")[0]
        found = {copy: sha for copy, sha in copies.items() if copy.startswith(f"{stem} (version ")}
        assert [sha for _, sha in sorted(found.items())] == versions, path
