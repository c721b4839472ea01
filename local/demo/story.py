"""The story from the empty tenant to the verdict, in the order in which it is told."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from local.demo.bring_back import FinishedRestore, choose, restore, show_restores
from local.demo.company import (
    CUSTOMER_ID,
    CUSTOMER_NAME,
    SITE_NAME,
    TEAM_NAME,
    Company,
    found_company,
    yesterday,
)
from local.demo.farewell import serve, sum_up
from local.demo.figures import counted, size_text
from local.demo.fill_drive import ATTACKED_FOLDER, FILM, fill_drive
from local.demo.fill_mailbox import PROJECT_FOLDER, fill_mailbox
from local.demo.fill_site import DEFECTS, fill_site
from local.demo.fill_team import DIARY, fill_team
from local.demo.narrator import Narrator
from local.demo.nightly_run import FinishedRun, back_up, show_difference, show_protected
from local.demo.options import Options
from local.demo.own_material import own_files, own_mail
from local.demo.service_api import ServiceApi
from local.demo.truth import Truth, read_truth
from local.demo.verdict import judge
from local.demo.working_day import (
    DeletedItems,
    cut_film,
    delete_channel,
    delete_documents,
    delete_items,
    delete_list,
    delete_mail_folder,
    encrypt_folder,
    people_work,
    shared_work,
)
from local.product_settings import APP_CLIENT_SECRET, product_settings
from local.services import Stack
from local.tenant.control.client import TenantControl

_DAY_S = 86_400.0


def tell(options: Options) -> int:
    """Tell the story; everything that it started is stopped at the end.

    Returns 0 when everything restored is what it was, else 1. Raises ServiceError and DemoError.
    """
    narrator = Narrator()
    started = time.monotonic()
    narrator.chapter("1  Starting the service")
    with Stack(host_env=product_settings) as stack, TenantControl(stack.tenant_url) as control:
        scene = _Scene(options, narrator, stack, control, ServiceApi(stack.host_url, CUSTOMER_ID, stack.raise_if_dead))
        scene.introduce()
        company = scene.make_company(APP_CLIENT_SECRET)
        before = read_truth(control, company)
        first = scene.first_night(company)
        deleted = scene.bad_day(company)
        second = scene.second_night(first)
        today = read_truth(control, company)
        finished = scene.bring_back(company, before, deleted)
        narrator.chapter("7  Comparing with what was there")
        wrong = judge(narrator, finished, today, read_truth(control, company))
        sum_up(narrator, (first, second), finished, wrong, time.monotonic() - started)
        if options.keep:
            serve(narrator, stack, company)
    return 1 if wrong else 0


@dataclass(frozen=True)
class _Scene:
    """Who acts and where; each method is a chapter."""

    options: Options
    narrator: Narrator
    stack: Stack
    control: TenantControl
    api: ServiceApi

    def introduce(self) -> None:
        self.control.health()
        health = self.api.health()
        self.narrator.say(f"Functions host    {self.api.url}  ({health['status']})")
        self.narrator.say(f"Tenant simulator  {self.stack.tenant_url}  (in the place of Microsoft 365)")
        blobs = self.stack.blob_connection_string.partition("BlobEndpoint=")[2].partition(";")[0]
        self.narrator.say(f"Storage emulator  {blobs}  (in the place of Azure Storage)")

    def make_company(self, secret: str) -> Company:
        self.narrator.chapter(f"2  A customer: {CUSTOMER_NAME}")
        company = found_company(self.control, self.options.users, secret, yesterday(datetime.now(UTC)))
        with self.narrator.bar("Filling mailboxes and OneDrives") as bar:
            for number, member in enumerate(company.members):
                bar.show(number, len(company.members))
                self.control.edits(company.tenant_id, fill_mailbox(company, member))
                if member.drive_id:
                    self.control.edits(company.tenant_id, fill_drive(company, member))
            bar.show(len(company.members), len(company.members), "people and shared mailboxes")
        fill_site(self.control, company)
        fill_team(self.control, company)
        self.narrator.say(f"A SharePoint site ({SITE_NAME}) and a team ({TEAM_NAME}) are there, too.")
        self._own_material(company)
        return company

    def _own_material(self, company: Company) -> None:
        if self.options.mail is not None:
            mail = own_mail(self.options.mail, company.person(1), company.person(3), self.narrator)
            count = sum(len(self.control.edits(company.tenant_id, [operation])) for operation in mail)
            self.narrator.say(f"{counted(count, 'message')} from {self.options.mail}")
        if self.options.files is not None:
            files = own_files(self.options.files, company.person(0), self.narrator)
            count = sum(len(self.control.edits(company.tenant_id, [operation])) for operation in files)
            self.narrator.say(f"{counted(count, 'file')} from {self.options.files}")

    def first_night(self, company: Company) -> FinishedRun:
        self.narrator.chapter("3  The first night")
        self.api.onboard(CUSTOMER_NAME, company.tenant_id)
        self.narrator.say(f"The customer is on board as '{CUSTOMER_ID}'. The nightly run starts.")
        finished = back_up(self.api, self.control, self.narrator, self.stack.raise_if_dead)
        show_protected(self.narrator, finished)
        return finished

    def bad_day(self, company: Company) -> DeletedItems:
        say = self.narrator.say
        self.narrator.chapter("4  The day after")
        self.control.set_clock(company.tenant_id, advance_s=_DAY_S)
        say("The tenant's clock is set on by a day.")
        say("People work: " + ", ".join(people_work(self.control, company)) + ".")
        shared_work(self.control, company)
        say("A permit is filed on the site, and the team is told.")
        cut_film(self.control, company)
        say(f"{company.person(0).display_name} cuts a film of 20 MB ({FILM}).")
        count = delete_documents(self.control, company)
        say(f"{company.person(0).display_name} deletes {counted(count, 'document')}.")
        delete_mail_folder(self.control, company)
        say(f"{company.person(1).display_name} deletes the mail folder {PROJECT_FOLDER} for good.")
        deleted = delete_items(self.control, company)
        say(
            f"{company.person(2).display_name} deletes {counted(len(deleted.messages), 'message')}, an appointment and "
            "a contact for good."
        )
        delete_list(self.control, company)
        say(f"Somebody deletes the list {DEFECTS} of the site.")
        delete_channel(self.control, company)
        say(f"Somebody deletes the channel {DIARY} of the team.")
        count = encrypt_folder(self.control, company)
        say(
            f"Ransomware encrypts {counted(count, 'file')} in {ATTACKED_FOLDER} of {company.person(0).display_name}.",
            "red",
        )
        return deleted

    def second_night(self, first: FinishedRun) -> FinishedRun:
        self.narrator.chapter("5  The second night")
        second = back_up(self.api, self.control, self.narrator, self.stack.raise_if_dead)
        show_difference(self.narrator, first, second)
        self.narrator.say(
            "Only what changed was fetched. The cut film was read whole, and only its new parts were stored; encrypted "
            "files are new files to a backup. Yesterday's snapshot is as it was."
        )
        return second

    def bring_back(self, company: Company, before: Truth, deleted: DeletedItems) -> list[FinishedRestore]:
        self.narrator.chapter("6  Bringing yesterday back, by the HTTP API")
        drive = company.person(0).drive
        snapshots = self.api.snapshots(drive)
        rows = [
            (str(each["seq"]), each["committed_at"].replace("T", " ")[:19] + " UTC", each["state"])
            for each in snapshots
        ]
        self.narrator.say(f"Snapshots of the OneDrive of {company.person(0).display_name}:")
        self.narrator.table(("snapshot", "committed", "state"), rows, left=3)
        seq = int(snapshots[-1]["seq"])
        folder = self.api.find(drive, seq, ATTACKED_FOLDER)
        shown = [
            (item["name"], item["kind"], "" if item["is_folder"] else size_text(item["size_bytes"]))
            for item in self.api.items(drive, seq, folder["id"])
        ]
        self.narrator.say(f"{ATTACKED_FOLDER} in snapshot {seq}, from before the attack:")
        self.narrator.table(("name", "what", "size"), shown[:8], left=2)
        orders = choose(self.api, company, before, deleted, seq)
        finished = [restore(self.api, self.narrator, order, self.stack.raise_if_dead) for order in orders]
        show_restores(self.narrator, finished)
        return finished
