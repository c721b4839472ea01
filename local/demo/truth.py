"""What the simulator says is in the tenant, and the comparison of two such truths."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from local.demo.company import Company, Member
from local.tenant.control.client import TenantControl

Record = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """Records of every mailbox and drive at one moment, by the service's resource id."""

    records: dict[str, tuple[Record, ...]]

    def below(self, resource: str, folder: str) -> list[Record]:
        """The folder itself and everything below it."""
        return [record for record in self.records[resource] if is_below(place_of(record), folder)]


@dataclass(frozen=True)
class Comparison:
    """``different`` says of each record that is not as it was, or not there, what is wrong; ``surplus`` are records
    in the compared place that nobody expected."""

    compared: int
    identical: int
    different: tuple[str, ...]
    surplus: tuple[Record, ...]


def read_truth(control: TenantControl, company: Company) -> Truth:
    """Ask the simulator for everything: for mail the SHA-256 of the MIME and every property, for files the SHA-256 and
    the dates, for folders their place and kind, for rows and columns of lists every property, for messages of a team
    what is written, by whom, and when to the second."""
    records: dict[str, tuple[Record, ...]] = {}
    for member in company.members:
        records[member.mailbox] = _read(control, company, member, "mailbox")
        if member.drive_id:
            records[member.drive] = _read(control, company, member, "drive")
    site = control.site_oracle(company.tenant_id, company.site)
    records[company.site_resource] = tuple(_of_site(record) for record in site if record["record"] != "site")
    team = control.team_oracle(company.tenant_id, company.team)
    records[company.team_resource] = tuple(_of_team(record) for record in team if record["record"] != "team")
    return Truth(records)


def compare(expected: Sequence[Record], found: Iterable[Record]) -> Comparison:
    """Compare as multisets: of two equal messages, both have to be there."""
    left = Counter(_key(record) for record in found)
    unmet: list[Record] = []
    for record in expected:
        key = _key(record)
        if left[key]:
            left[key] -= 1
        else:
            unmet.append(record)
    surplus = [json.loads(key) for key, count in left.items() for _ in range(count)]
    by_name: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in surplus:
        by_name[name_of(record)].append(record)
    different = []
    for record in unmet:
        candidates = by_name[name_of(record)]
        other = candidates.pop() if candidates else None
        if other is not None:
            surplus.remove(other)
        different.append(_what_differs(record, other))
    return Comparison(len(expected), len(expected) - len(unmet), tuple(different), tuple(surplus))


def place_of(record: Record) -> str:
    """The path of a folder or file, or of the folder that an item of a mailbox is in, without a leading slash."""
    return str(record.get(_place_key(record))).lstrip("/")


def name_of(record: Record) -> tuple[str, str]:
    """Where a record is, and what people call it."""
    properties = record.get("properties", {})
    return place_of(record), str(properties.get("subject") or properties.get("displayName") or "")


def is_below(place: str, folder: str) -> bool:
    """Whether a path is that folder or leads below it."""
    return place == folder or place.startswith(folder + "/")


def moved_below(record: Record, folder: str) -> Record:
    """The record as it has to be in a copy of its mailbox below ``folder``. No folder of a copy is a well-known one."""
    return moved_to(record, f"{folder}/{record[_place_key(record)]}")


def moved_to(record: Record, place: str) -> Record:
    """The record as it has to be with another place, as ``place_of`` tells it."""
    return {**record, _place_key(record): place}


def _place_key(record: Record) -> str:
    return "folder" if record["record"] == "item" else "path"


def _read(control: TenantControl, company: Company, member: Member, kind: str) -> tuple[Record, ...]:
    found = control.oracle(company.tenant_id, member.user_id, kind)
    return tuple(_comparable(record) for record in found)


def _comparable(record: Record) -> Record:
    if record["record"] != "folder":
        return record
    kept = ("record", "path", "type")
    return {name: record[name] for name in kept if name in record}


def _of_site(record: Record) -> Record:
    """A list is a folder, and its rows and columns lie in it. When a file was uploaded is SharePoint's to say."""
    kind, place = record["record"], record["list"]
    if kind == "list":
        return {**record, "record": "folder", "path": place}
    if kind in ("file", "folder"):
        inside = {**record, "path": place + record["path"]}
        return _comparable({name: value for name, value in inside.items() if name != "created"})
    name = record["fields"]["Title"] if kind == "item" else f"column {record['displayName']}"
    return {"record": "item", "folder": place, "properties": {**record, "displayName": name}}


def _of_team(record: Record) -> Record:
    """A channel is a folder, and its messages lie in it. One that comes back may be dated a millisecond later."""
    if record["record"] == "channel":
        return {"record": "folder", "path": record["name"], "type": record["membership"]}
    properties = {name: value for name, value in record.items() if name != "channel"}
    properties |= {"created": record["created"][:19], "reply_to": (record["reply_to"] or "")[:19]}
    properties["displayName"] = record["subject"] or record["content"]
    return {"record": "item", "folder": record["channel"], "properties": properties}


def _key(record: Record) -> str:
    return json.dumps(record, sort_keys=True)


def _what_differs(expected: Record, found: Record | None) -> str:
    place, name = name_of(expected)
    shown = f"{place}: {name}" if name else place
    if found is None:
        return f"{shown} is missing"
    fields = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return f"{shown} differs in {', '.join(fields)}"
