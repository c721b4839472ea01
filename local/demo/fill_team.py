"""What the company's team holds: two channels with conversations."""

import random
from datetime import datetime, timedelta

from local.demo.company import Company
from local.demo.invented_words import paragraph, topic
from local.tenant.control.client import TenantControl

GENERAL = "General"
DIARY = "Site diary"
_DAYS = 12
_ANSWERS = 2


def fill_team(control: TenantControl, company: Company) -> None:
    """A welcome in the first channel, and a diary: an entry a day, each with answers."""
    control.add_channel(company.tenant_id, company.team, DIARY, description="What happened on the site")
    chance = random.Random("team")
    post(control, company, GENERAL, 0, "<p>Welcome to the <b>building sites</b>!</p>", company.now - timedelta(days=90))
    for day in range(_DAYS):
        moment = company.now - timedelta(days=_DAYS - day)
        entry = post(control, company, DIARY, day, _text(chance), moment, subject=topic(chance, day))
        for answer in range(_ANSWERS):
            later = moment + timedelta(minutes=20 * (answer + 1))
            post(control, company, DIARY, day + answer + 1, _text(chance), later, reply_to=entry)


def post(
    control: TenantControl,
    company: Company,
    channel: str,
    person: int,
    text: str,
    moment: datetime,
    *,
    subject: str | None = None,
    reply_to: str | None = None,
) -> str:
    """Somebody of the staff writes a message; returns its id."""
    return control.post_message(
        company.tenant_id,
        company.team,
        channel,
        company.person(person).user_id,
        text,
        subject=subject,
        reply_to=reply_to,
        created=f"{moment:%Y-%m-%dT%H:%M:%S.000Z}",
    )


def _text(chance: random.Random) -> str:
    return f"<p>{paragraph(chance)} – Grüße</p>"
