"""Messages as other people's programs would send them: MIME with encoded headers, HTML, attachments."""

import random
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from local.demo.invented_documents import pdf, picture, spreadsheet, word_document
from local.demo.invented_words import PARTNERS, paragraph

_SHARE_WITH_ATTACHMENT = 0.2
_SHARE_WITH_HTML = 0.5
_MARCH = datetime(2026, 3, 1, tzinfo=UTC)
_WORD = "vnd.openxmlformats-officedocument.wordprocessingml.document"


def message(chance: random.Random, subject: str, sent: datetime, name: str, address: str) -> bytes:
    """One message to the person of that name and address, in CRLF lines. Same generator, same bytes."""
    partner = chance.choice(PARTNERS)
    mail = EmailMessage(policy=SMTP)
    mail["Received"] = f"from mx.partner.example by mx.harbourhill.example; {format_datetime(sent)}"
    mail["From"] = Address(partner, "office", f"partner{PARTNERS.index(partner)}.example")
    mail["To"] = Address(name, addr_spec=address)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(sent)
    mail["Message-ID"] = f"<{chance.getrandbits(80):020x}@partner.example>"
    text = "\n\n".join(paragraph(chance) for _ in range(chance.randint(1, 4)))
    mail.set_content(f"{text}\n\nViele Grüße\n{partner}\n")
    if chance.random() < _SHARE_WITH_HTML:
        html = "".join(f"<p>{line}</p>" for line in text.split("\n\n"))
        mail.add_alternative(f"<html><body>{html}<p>— {partner}</p></body></html>", subtype="html")
    if chance.random() < _SHARE_WITH_ATTACHMENT:
        _attach(chance, mail)
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{number}_{chance.getrandbits(64):016x}")
    return mail.as_bytes()


def moments(chance: random.Random, newest: datetime, count: int) -> list[datetime]:
    """``count`` moments of the last 300 days, oldest first, whole seconds."""
    seconds = sorted((chance.randrange(300 * 86_400) for _ in range(count)), reverse=True)
    return [(newest - timedelta(seconds=age)).astimezone(UTC).replace(microsecond=0) for age in seconds]


def _attach(chance: random.Random, mail: EmailMessage) -> None:
    number = chance.randint(100, 999)
    kind = chance.randrange(4)
    if kind == 0:
        data, name = word_document(chance, chance.randint(10, 60)), f"Angebot {number}.docx"
        mail.add_attachment(data, maintype="application", subtype=_WORD, filename=name)
    elif kind == 1:
        data, name = pdf(chance, chance.randint(20, 60)), f"Plan-{number} – révisé.pdf"
        mail.add_attachment(data, maintype="application", subtype="pdf", filename=name)
    elif kind == 2:
        data, name = picture(chance, 120, chance.randint(80, 200)), f"IMG_{number}.png"
        mail.add_attachment(data, maintype="image", subtype="png", filename=name)
    else:
        data, name = spreadsheet(chance, chance.randint(20, 90), _MARCH), f"Mengen {number}.csv"
        mail.add_attachment(data, maintype="text", subtype="csv", filename=name)
