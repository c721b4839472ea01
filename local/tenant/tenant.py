"""One tenant: its people, apps, settings and clock, and the mailboxes and drives of its people."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from local.tenant.app_roles import ALL_ROLES
from local.tenant.clock import TenantClock
from local.tenant.drives.drive import Drive
from local.tenant.mailboxes.mailbox import Mailbox
from local.tenant.service_limits import ServiceLimits
from local.tenant.settings import TenantSettings
from local.tenant.sites.site import SiteCollection
from local.tenant.teams.team import TeamBook

_MOST_UNEDITED = 1000
DEFAULT_APP = "backup-app"
PURPOSES = ("user", "linked", "shared", "room", "equipment", "others")


@dataclass(frozen=True, slots=True)
class App:
    """An application that may ask for tokens."""

    client_id: str
    secret: str
    roles: frozenset[str]


@dataclass(slots=True)
class Person:
    """A directory user, which may as well be a room or a shared mailbox."""

    user_id: str
    display_name: str
    upn: str
    purpose: str = "user"
    has_mailbox: bool = True
    has_drive: bool = True
    licensed: bool = True
    enabled: bool = True
    is_guest: bool = False
    has_archive: bool = False


@dataclass(frozen=True, slots=True)
class GeneratedPlan:
    """What the generated people of a `generate` call hold. Applied when a mailbox or drive is first looked at."""

    messages: int
    events: int
    contacts: int
    files: int
    file_size_bytes: int
    folder_depth: int
    compressible: bool
    seed: str


@dataclass(frozen=True, slots=True)
class DeletedAccount:
    """A user in the deleted items; what mailbox and drive held waits there until the user is restored."""

    person: Person
    deleted_at: str
    mailbox: Mailbox | None
    drive: Drive | None
    plan: GeneratedPlan | None


class Tenant:
    """State of one tenant. Mailboxes and drives come into being when they are first asked for."""

    def __init__(self, tenant_id: str, display_name: str, secret: str, settings: TenantSettings) -> None:
        self.tenant_id = tenant_id
        self.display_name = display_name
        self.settings = settings
        self.clock = TenantClock()
        self.limits = ServiceLimits()
        self._language = settings.language
        self.created = self.clock.stamp()
        self.team_book = TeamBook(tenant_id, self.clock)
        self.apps = {DEFAULT_APP: App(DEFAULT_APP, secret, ALL_ROLES)}
        self.people: dict[str, Person] = {}
        self.deleted_accounts: dict[str, DeletedAccount] = {}
        self._by_upn: dict[str, str] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._mailbox_owners: dict[str, str] = {}
        self._drives: dict[str, Drive] = {}
        self._drive_owners: dict[str, str] = {}
        self._plans: dict[str, GeneratedPlan] = {}
        self.sites = SiteCollection(tenant_id)
        self._pristine: dict[str, int] = {}
        self._pristine_drives: dict[str, int] = {}

    @property
    def domain(self) -> str:
        """The domain of generated addresses."""
        return f"{''.join(each for each in self.tenant_id.lower() if each.isalnum())[:20]}.example"

    def add_person(self, person: Person, plan: GeneratedPlan | None = None) -> Person:
        """Add a user. Raises ValueError when the user principal name is taken."""
        key = person.upn.casefold()
        if key in self._by_upn:
            raise ValueError(f"user principal name {person.upn} is taken")
        self.people[person.user_id] = person
        self.deleted_accounts.pop(person.user_id, None)
        self._by_upn[key] = person.user_id
        if person.has_mailbox:
            self._mailbox_owners[self._mailbox_id(person)] = person.user_id
        if plan is not None:
            self._plans[person.user_id] = plan
        return person

    def new_user_id(self, upn: str) -> str:
        """Return the id that a user of this name gets: the same in every simulator."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"user/{self.tenant_id}/{upn.casefold()}"))

    def person(self, key: str) -> Person | None:
        """Return the user with this id or user principal name."""
        found = self.people.get(key)
        if found is None:
            found = self.people.get(self._by_upn.get(key.casefold(), ""))
        return found

    def remove_person(self, person: Person) -> None:
        """Move a user to the deleted items, with mailbox and drive."""
        mailbox, drive = self.mailbox(person), self.drive(person)
        del self.people[person.user_id]
        self.team_book.forget_person(person.user_id)
        del self._by_upn[person.upn.casefold()]
        self._mailbox_owners.pop(self._mailbox_id(person), None)
        self._mailboxes.pop(person.user_id, None)
        self._drives.pop(person.user_id, None)
        if drive is not None:
            self._drive_owners.pop(drive.drive_id, None)
        plan = self._plans.pop(person.user_id, None)
        self.deleted_accounts[person.user_id] = DeletedAccount(person, self.clock.stamp(), mailbox, drive, plan)

    def restore_person(self, user_id: str) -> Person:
        """Bring a deleted user back as it was. Raises KeyError."""
        account = self.deleted_accounts.pop(user_id)
        person = self.add_person(account.person, account.plan)
        if account.mailbox is not None:
            self._mailboxes[user_id] = account.mailbox
        if account.drive is not None:
            self._drives[user_id] = account.drive
            self._drive_owners[account.drive.drive_id] = user_id
        return person

    def mailbox(self, person: Person) -> Mailbox | None:
        """Return the user's mailbox, or None."""
        if not person.has_mailbox:
            return None
        mailbox = self._mailboxes.get(person.user_id)
        if mailbox is None:
            mailbox = Mailbox(self.tenant_id, person.user_id, person.upn, self._language)
            self._mailboxes[person.user_id] = mailbox
            plan = self._plans.get(person.user_id)
            if plan is not None:
                seed = f"{plan.seed}/{person.user_id}"
                mailbox.generate("message", plan.messages, seed)
                mailbox.generate("event", plan.events, seed)
                mailbox.generate("contact", plan.contacts, seed)
            self._pristine[person.user_id] = mailbox.seq
            _forget_unedited(self._mailboxes, self._pristine)
        return mailbox

    def mailbox_by_id(self, mailbox_id: str) -> Mailbox | None:
        """Return the mailbox with this id."""
        owner = self.people.get(self._mailbox_owners.get(mailbox_id, ""))
        return self.mailbox(owner) if owner else None

    def drive(self, person: Person) -> Drive | None:
        """Return the user's drive, or None."""
        if not person.has_drive:
            return None
        drive = self._drives.get(person.user_id)
        if drive is None:
            drive = Drive(self.tenant_id, person.user_id, self.created)
            self._drives[person.user_id] = drive
            self._drive_owners[drive.drive_id] = person.user_id
            plan = self._plans.get(person.user_id)
            if plan is not None and plan.files > 0:
                drive.generate(
                    drive.root,
                    plan.files,
                    plan.file_size_bytes,
                    depth=plan.folder_depth,
                    compressible=plan.compressible,
                    seed=f"{plan.seed}/{person.user_id}",
                )
            self._pristine_drives[person.user_id] = drive.seq
            _forget_unedited(self._drives, self._pristine_drives)
        return drive

    def drive_by_id(self, drive_id: str) -> Drive | None:
        """Return the drive with this id; only drives that were looked up once through their owner are known."""
        owner = self.people.get(self._drive_owners.get(drive_id, ""))
        return self.drive(owner) if owner else self.sites.drive(drive_id)

    def drive_owner(self, drive: Drive) -> Person:
        """Return the owner of a drive; a library's is its site."""
        return self.people.get(drive.user_id) or Person(drive.user_id, "Site", "")

    def _mailbox_id(self, person: Person) -> str:
        guid = uuid.uuid5(uuid.NAMESPACE_URL, f"mailbox/{self.tenant_id}/{person.user_id}")
        return f"MBX:{guid}@{self.tenant_id}"


def _forget_unedited(kept: dict[str, Mailbox] | dict[str, Drive], pristine: dict[str, int]) -> None:
    """Drop the oldest mailboxes or drives that nobody has changed, once there are many: they come back the same."""
    if len(pristine) <= _MOST_UNEDITED:
        return
    for user_id in list(pristine)[: _MOST_UNEDITED // 2]:
        seq = pristine.pop(user_id)
        if user_id in kept and kept[user_id].seq == seq:
            del kept[user_id]
