"""The invented customer and its people."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.demo.invented_words import STAFF
from local.tenant.control.client import TenantControl

CUSTOMER_ID = "demo"
CUSTOMER_NAME = "Harbour & Hill Architects"
SITE_NAME = "Building sites"
TEAM_NAME = "Building crew"
_DOMAIN = "harbourhill.example"


@dataclass(frozen=True)
class Member:
    """A mailbox of the company, and its OneDrive where it belongs to a person."""

    display_name: str
    address: str
    user_id: str
    drive_id: str

    @property
    def mailbox(self) -> str:
        """The service's id of the mailbox."""
        return f"mailbox.{self.user_id}"

    @property
    def drive(self) -> str:
        """The service's id of the OneDrive."""
        return f"drive.{self.drive_id}"


@dataclass(frozen=True)
class Company:
    """One tenant. ``staff`` have a OneDrive each; ``shared`` is the mailbox that they share, or None. ``site`` and
    ``team`` are Graph's ids."""

    tenant_id: str
    now: datetime
    staff: tuple[Member, ...]
    shared: Member | None
    site: str
    team: str

    @property
    def members(self) -> tuple[Member, ...]:
        """Everybody with a mailbox."""
        return self.staff if self.shared is None else (*self.staff, self.shared)

    @property
    def site_resource(self) -> str:
        """The service's id of the SharePoint site."""
        return f"site.{self.site.partition(',')[2]}"

    @property
    def team_resource(self) -> str:
        """The service's id of the team."""
        return f"team.{self.team}"

    def person(self, number: int) -> Member:
        """One of the staff; in a small company people have several parts in the story."""
        return self.staff[number % len(self.staff)]


def found_company(control: TenantControl, users: int, secret: str, now: datetime) -> Company:
    """Make the tenant with its people. ``now`` is its time; from two users on, one of them is a shared mailbox."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    tenant_id = str(control.create_tenant(secret=secret, display_name=CUSTOMER_NAME, now=stamp)["id"])
    staff = tuple(_add(control, tenant_id, *_identity(number)) for number in range(max(1, users - 1)))
    shared = _add(control, tenant_id, "Office", "office", purpose="shared") if users > 1 else None
    site = control.add_site(tenant_id, "/sites/building", SITE_NAME)
    ids = [member.user_id for member in staff]
    team = control.add_team(tenant_id, TEAM_NAME, owners=ids[:1], members=ids[1:])
    return Company(tenant_id, now, staff, shared, site, team)


def yesterday(now: datetime) -> datetime:
    """The evening before, when the story begins."""
    return (now - timedelta(days=1)).replace(hour=17, minute=0, second=0, microsecond=0)


def _add(control: TenantControl, tenant_id: str, name: str, local_part: str, purpose: str = "user") -> Member:
    address = f"{local_part}@{_DOMAIN}"
    added = control.add_user(tenant_id, name, upn=address, purpose=purpose)
    return Member(name, address, str(added["id"]), str(added["drive_id"] or ""))


def _identity(number: int) -> tuple[str, str]:
    """Display name and local part of an address; unlike for any number of people."""
    turn, index = divmod(number, len(STAFF))
    name = STAFF[index] + (f" {turn + 1}" if turn else "")
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return name, plain.replace(" ", ".")
