"""The folders that every mailbox has, with their display names in a few languages."""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "msgfolderroot"

# Recoverable Items ("Recoverable Items folder in Exchange Online", checked 2026-11); Outlook shows none of it.
RECOVERABLE_ROOT = "recoverableitemsroot"
RECOVERABLE = {
    "recoverableitemsdeletions": "Deletions",
    "recoverableitemsversions": "Versions",
    "recoverableitemspurges": "Purges",
}


@dataclass(frozen=True, slots=True)
class WellKnownFolder:
    """One of the folders that Outlook makes."""

    name: str
    folder_type: str
    hidden: bool
    display_names: dict[str, str]


def _named(
    name: str, folder_type: str, english: str, german: str, french: str, hidden: bool = False
) -> WellKnownFolder:
    return WellKnownFolder(name, folder_type, hidden, {"en": english, "de": german, "fr": french})


WELL_KNOWN: tuple[WellKnownFolder, ...] = (
    _named("inbox", "IPF.Note", "Inbox", "Posteingang", "Boîte de réception"),
    _named("drafts", "IPF.Note", "Drafts", "Entwürfe", "Brouillons"),
    _named("sentitems", "IPF.Note", "Sent Items", "Gesendete Elemente", "Éléments envoyés"),
    _named("deleteditems", "IPF.Note", "Deleted Items", "Gelöschte Elemente", "Éléments supprimés"),
    _named("junkemail", "IPF.Note", "Junk Email", "Junk-E-Mail", "Courrier indésirable"),
    _named("archive", "IPF.Note", "Archive", "Archiv", "Archive"),
    _named("outbox", "IPF.Note", "Outbox", "Postausgang", "Boîte d'envoi"),
    _named("calendar", "IPF.Appointment", "Calendar", "Kalender", "Calendrier"),
    _named("contacts", "IPF.Contact", "Contacts", "Kontakte", "Contacts"),
    _named("tasks", "IPF.Task", "Tasks", "Aufgaben", "Tâches"),
    _named("notes", "IPF.StickyNote", "Notes", "Notizen", "Notes"),
    _named(
        "conversationhistory",
        "IPF.Note",
        "Conversation History",
        "Aufgezeichnete Unterhaltungen",
        "Historique des conversations",
        hidden=True,
    ),
)


def display_name(folder: WellKnownFolder, language: str) -> str:
    """Return the folder's name in the language of `de-DE`, `fr-FR`, ...; English for languages not known here."""
    return folder.display_names.get(language[:2].lower(), folder.display_names["en"])
