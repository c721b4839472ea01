"""Which app roles (application permissions) open which operation: any one of a set is enough.

Source: the permission tables of the pages of each call in learn.microsoft.com/graph/api (checked 2026-11).
"""

from __future__ import annotations

USERS = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
ORGANIZATION = frozenset(
    {"Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
MAILBOX_SETTINGS = frozenset({"MailboxSettings.Read", "MailboxSettings.ReadWrite"})
EXCHANGE_SETTINGS = USERS
MAILBOX_FOLDER_WRITE = frozenset({"MailboxFolder.ReadWrite.All"})
MAILBOX_FOLDER_READ = MAILBOX_FOLDER_WRITE | {"MailboxFolder.Read.All"}
MAILBOX_ITEM_IMPORT = frozenset({"MailboxItem.ImportExport.All"})
MAILBOX_ITEM_EXPORT = MAILBOX_ITEM_IMPORT | {"MailboxItem.Export.All"}
MAILBOX_ITEM_READ = frozenset({"MailboxItem.Read.All"}) | MAILBOX_ITEM_IMPORT | MAILBOX_ITEM_EXPORT
MAIL_READ = frozenset({"Mail.Read", "Mail.ReadWrite"})
MAIL_FOLDERS_READ = MAIL_READ | {"Mail.ReadBasic", "Mail.ReadBasic.All"}
CALENDARS_READ = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
CONTACTS_READ = frozenset({"Contacts.Read", "Contacts.ReadWrite"})
FILES_WRITE = frozenset({"Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.FullControl.All"})
FILES_READ = FILES_WRITE | {"Files.Read.All", "Sites.Read.All"}
REPORTS = frozenset({"Reports.Read.All"})
NOBODY: frozenset[str] = frozenset()

ALL_ROLES = frozenset().union(
    USERS,
    ORGANIZATION,
    MAILBOX_SETTINGS,
    MAILBOX_FOLDER_READ,
    MAILBOX_ITEM_READ,
    MAIL_FOLDERS_READ,
    CALENDARS_READ,
    CONTACTS_READ,
    FILES_READ,
    REPORTS,
)
