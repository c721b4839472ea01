"""The lifecycle engine against what Azure documents, with the rules that are deployed."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.errors import ConfigError
from shared_code.vault.leases import EXPIRED_TAGS
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.memory_lifecycle import apply_lifecycle, check_policy

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEPLOYED = json.loads((Path(__file__).parents[3] / "infra" / "lifecycle.json").read_text(encoding="utf-8"))

Policy = dict[str, Any]


class Account:
    """One container, its clock, and the daily pass."""

    def __init__(self, *, keeps_versions: bool = True) -> None:
        self.now = NOW
        self.store = MemoryBlobStore(lambda: self.now, keeps_versions=keeps_versions)

    def pass_days(self, days: int, policy: Policy = DEPLOYED) -> list[str]:
        """Let days pass, one pass at the end of each; what was deleted for good."""
        deleted: list[str] = []
        for _ in range(days):
            self.now += DAY
            deleted += apply_lifecycle(self.store, policy, "vault-a", self.now)
        return deleted

    async def expire(self, name: str) -> None:
        await self.store.set_tags(name, EXPIRED_TAGS)

    def names(self) -> list[str]:
        return sorted(self.store.blobs)

    def versions(self, name: str) -> int:
        return len(self.store.blobs[name].versions)


@pytest.fixture
def account() -> Account:
    return Account()


def rule(actions: Policy, *, name: str = "one", **filters: Any) -> Policy:
    definition = {"filters": {"blobTypes": ["blockBlob"], **filters}, "actions": actions}
    return {"name": name, "enabled": True, "type": "Lifecycle", "definition": definition}


def rules(*some: Policy) -> Policy:
    return {"rules": list(some)}


DELETE_NOW = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 0}}}
DELETE_PREVIOUS = {"version": {"delete": {"daysAfterCreationGreaterThan": 0}}}


# ---- the deployed rules


async def test_what_is_not_tagged_stays_for_ever_and_what_is_tagged_goes(account: Account) -> None:
    for name in ("kept", "expired"):
        await account.store.create(name, b"1", NOW + DAY)
    account.pass_days(400)
    assert account.names() == ["expired", "kept"]
    await account.expire("expired")
    assert account.pass_days(2) == ["expired"]
    assert account.names() == ["kept"]


@pytest.mark.parametrize("tags", [{"retention": "Expired"}, {"retention": "expire"}, {"Retention": "expired"}, {}])
async def test_another_tag_is_not_the_tag(account: Account, tags: dict[str, str]) -> None:
    await account.store.create("a", b"1")
    await account.store.set_tags("a", tags)
    account.pass_days(9)
    assert account.names() == ["a"]


async def test_a_tag_deletes_nothing_before_the_lease_ends_and_within_two_days_after(account: Account) -> None:
    await account.store.create("a", b"1", NOW + 10 * DAY)
    await account.expire("a")
    account.pass_days(9)
    assert account.names() == ["a"]
    assert account.store.blobs["a"].current is not None
    assert account.pass_days(2) == ["a"]
    assert account.names() == []


async def test_a_held_blob_stays_until_the_hold_is_lifted(account: Account) -> None:
    await account.store.create("a", b"1", NOW + DAY)
    await account.expire("a")
    await account.store.set_legal_hold("a", "", True)
    account.pass_days(30)
    assert account.names() == ["a"]
    await account.store.set_legal_hold("a", "", False)
    account.pass_days(2)
    assert account.names() == []


async def test_a_locked_previous_version_stays_and_goes_the_day_after_its_lease(account: Account) -> None:
    await account.store.create("a", b"1", NOW + 5 * DAY)
    account.store.retire("a")
    assert account.pass_days(4) == []
    assert account.names() == ["a"]
    assert account.pass_days(1) == ["a"]
    assert account.names() == []


async def test_a_held_previous_version_stays(account: Account) -> None:
    info = await account.store.create("a", b"1")
    await account.store.set_legal_hold("a", info.version_id, True)
    account.store.retire("a")
    account.pass_days(30)
    assert account.names() == ["a"]


async def test_the_tag_of_a_previous_version_does_not_expire_the_current_one(account: Account) -> None:
    await account.store.create("a", b"old", NOW + 5 * DAY)
    await account.expire("a")
    account.store.overwrite("a", b"new")
    account.pass_days(30)
    assert account.names() == ["a"]
    assert await account.store.read("a") == b"new"
    assert account.versions("a") == 1


async def test_a_current_version_stays_while_older_ones_exist(account: Account) -> None:
    await account.store.create("a", b"old", NOW + 10 * DAY)
    account.store.overwrite("a", b"new")
    await account.expire("a")
    account.pass_days(9)
    assert account.store.blobs["a"].current is not None
    assert account.versions("a") == 2
    assert account.pass_days(1) == ["a"]
    assert account.versions("a") == 1
    assert account.pass_days(2) == ["a"]
    assert account.names() == []


async def test_a_pass_acts_on_what_there_was_when_it_began(account: Account) -> None:
    await account.store.create("a", b"1", NOW + 5 * DAY)
    account.now = NOW + 9 * DAY
    await account.expire("a")
    assert account.pass_days(1) == []
    assert account.store.blobs["a"].current is None
    assert account.pass_days(1) == ["a"]


async def test_an_extended_lease_counts(account: Account) -> None:
    info = await account.store.create("a", b"1", NOW + 2 * DAY)
    await account.expire("a")
    await account.store.extend_lease("a", info.version_id, NOW + 20 * DAY)
    account.pass_days(19)
    assert account.names() == ["a"]
    account.pass_days(2)
    assert account.names() == []


async def test_without_versions_the_tag_deletes_at_once_whatever_the_lease() -> None:
    account = Account(keeps_versions=False)
    await account.store.create("a", b"1", NOW + 100 * DAY)
    await account.store.create("b", b"1", NOW + 100 * DAY)
    await account.expire("a")
    assert account.pass_days(1) == ["a"]
    assert account.names() == ["b"]


async def test_the_platform_is_not_counted_as_somebody_who_asked(account: Account) -> None:
    await account.store.create("a", b"1", NOW + 5 * DAY)
    account.store.retire("a")
    account.pass_days(9)
    assert account.store.operations["delete"] == 0
    assert not account.store.refused


# ---- other rules


async def test_prefixes_begin_with_the_container(account: Account) -> None:
    for name in ("packs/1", "packs/2", "snapshots/1"):
        await account.store.create(name, b"1")
    policy = rules(rule(DELETE_NOW, prefixMatch=["vault-a/packs/1", "vault-b/", "snapshots/"]))
    account.pass_days(1, policy)
    assert [name for name, blob in account.store.blobs.items() if blob.current is None] == ["packs/1"]


async def test_all_tag_conditions_have_to_match(account: Account) -> None:
    for name, tags in (("both", {"a": "1", "b": "2"}), ("one", {"a": "1"}), ("other", {"a": "1", "b": "3"})):
        await account.store.create(name, b"1")
        await account.store.set_tags(name, tags)
    conditions = [{"name": "a", "op": "==", "value": "1"}, {"name": "b", "op": "==", "value": "2"}]
    account.pass_days(1, rules(rule(DELETE_NOW, blobIndexMatch=conditions)))
    assert [name for name, blob in account.store.blobs.items() if blob.current is None] == ["both"]


async def test_a_tag_condition_finds_no_previous_version(account: Account) -> None:
    await account.store.create("a", b"1")
    await account.expire("a")
    account.store.retire("a")
    conditions = [{"name": "retention", "op": "==", "value": "expired"}]
    account.pass_days(9, rules(rule(DELETE_PREVIOUS, blobIndexMatch=conditions)))
    assert account.names() == ["a"]


async def test_an_age_has_to_be_exceeded(account: Account) -> None:
    await account.store.create("a", b"1")
    policy = rules(rule({"baseBlob": {"delete": {"daysAfterCreationGreaterThan": 3}}}))
    account.pass_days(3, policy)
    assert account.store.blobs["a"].current is not None
    account.pass_days(1, policy)
    assert account.store.blobs["a"].current is None


async def test_tiers_change_under_a_lease(account: Account) -> None:
    info = await account.store.create("a", b"1", NOW + 100 * DAY)
    policy = rules(rule({"baseBlob": {"tierToCold": {"daysAfterModificationGreaterThan": 1}}}))
    account.pass_days(1, policy)
    assert account.store.blobs["a"].versions[info.version_id].tier == "Hot"
    account.pass_days(1, policy)
    assert account.store.blobs["a"].versions[info.version_id].tier == "Cold"
    assert await account.store.read("a") == b"1"


async def test_a_disabled_rule_does_nothing(account: Account) -> None:
    await account.store.create("a", b"1")
    account.pass_days(9, rules(rule(DELETE_NOW) | {"enabled": False}))
    assert account.store.blobs["a"].current is not None


# ---- what is refused


def test_the_deployed_rules_are_accepted() -> None:
    check_policy(DEPLOYED)


def test_the_deployed_rules_delete_nothing_by_age_alone() -> None:
    for one in DEPLOYED["rules"]:
        definition = one["definition"]
        if "baseBlob" in definition["actions"]:
            (condition,) = definition["filters"]["blobIndexMatch"]
            assert {condition["name"]: condition["value"]} == EXPIRED_TAGS


def _many(policy: Policy) -> None:
    policy["rules"] = [rule(DELETE_NOW, name=str(number)) for number in range(101)]


def _filters(**filters: Any) -> Callable[[Policy], None]:
    return lambda policy: policy["rules"][0]["definition"]["filters"].update(filters)


def _actions(actions: Policy) -> Callable[[Policy], None]:
    return lambda policy: policy["rules"][0]["definition"].update(actions=actions)


REFUSED: dict[str, Callable[[Policy], None]] = {
    "no rule": lambda policy: policy["rules"].clear(),
    "101 rules": _many,
    "two of a name": lambda policy: policy["rules"].append(rule(DELETE_NOW, name=policy["rules"][0]["name"])),
    "another type": lambda policy: policy["rules"][0].update(type="Replication"),
    "append blobs": _filters(blobTypes=["blockBlob", "appendBlob"]),
    "11 prefixes": _filters(prefixMatch=[f"c/{number}" for number in range(11)]),
    "11 tags": _filters(blobIndexMatch=[{"name": str(number), "op": "==", "value": "1"} for number in range(11)]),
    "a tag that is not equal": _filters(blobIndexMatch=[{"name": "a", "op": "!=", "value": "1"}]),
    "an unknown filter": _filters(sizeMatch=[1]),
    "no action": _actions({}),
    "an empty action": _actions({"baseBlob": {}}),
    "snapshots": _actions({"snapshot": {"delete": {"daysAfterCreationGreaterThan": 1}}}),
    "an unknown action": _actions({"baseBlob": {"enableAutoTierToHotFromCool": {"daysAfterCreationGreaterThan": 1}}}),
    "tiers of versions": _actions({"version": {"tierToCool": {"daysAfterCreationGreaterThan": 1}}}),
    "a version's modification": _actions({"version": {"delete": {"daysAfterModificationGreaterThan": 1}}}),
    "last access": _actions({"baseBlob": {"delete": {"daysAfterLastAccessTimeGreaterThan": 1}}}),
    "two ages": _actions(
        {"baseBlob": {"delete": {"daysAfterCreationGreaterThan": 1, "daysAfterModificationGreaterThan": 1}}}
    ),
    "no age": _actions({"baseBlob": {"delete": {}}}),
    "a negative age": _actions({"baseBlob": {"delete": {"daysAfterCreationGreaterThan": -1}}}),
    "an age in words": _actions({"baseBlob": {"delete": {"daysAfterCreationGreaterThan": "1"}}}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_rules_that_azure_refuses_or_that_are_not_modelled_do_nothing(account: Account, case: str) -> None:
    policy = copy.deepcopy(DEPLOYED)
    REFUSED[case](policy)
    await account.store.create("a", b"1")
    await account.expire("a")
    with pytest.raises(ConfigError):
        account.pass_days(1, policy)
    assert account.store.blobs["a"].current is not None


def test_every_problem_is_named_at_once() -> None:
    policy = rules(rule({}, name="first"), rule({"snapshot": {"delete": {}}}, name="second"))
    with pytest.raises(ConfigError) as caught:
        check_policy(policy)
    assert {problem.partition(":")[0] for problem in caught.value.problems} == {"first", "second"}
