"""Which app roles (application permissions) open which operation: any one of a set is enough.

Source: the permission tables of the pages of each call in learn.microsoft.com/graph/api (checked 2026-11).
"""

from __future__ import annotations

USERS = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
ORGANIZATION = frozenset(
    {"Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
MAILBOX_SETTINGS_WRITE = frozenset({"MailboxSettings.ReadWrite"})
MAILBOX_SETTINGS = MAILBOX_SETTINGS_WRITE | {"MailboxSettings.Read"}
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
SITES_WRITE = frozenset({"Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"})
SITES_MANAGE = frozenset({"Sites.Manage.All", "Sites.FullControl.All"})
SITES_READ = SITES_WRITE | {"Sites.Read.All"}
GROUPS_READ = frozenset(
    {"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
TEAM_WRITE = frozenset({"TeamSettings.ReadWrite.All", "Group.ReadWrite.All"})
TEAM_READ = TEAM_WRITE | {"Team.ReadBasic.All", "TeamSettings.Read.All", "Group.Read.All"}
TEAMS_CREATE = frozenset({"Team.Create", "Group.ReadWrite.All", "Teamwork.Migrate.All"})
TEAMS_LIST = frozenset({"Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All"})
TEAM_MEMBERS_WRITE = frozenset({"TeamMember.ReadWrite.All"})
TEAM_MEMBERS_READ = TEAM_MEMBERS_WRITE | {"TeamMember.Read.All"}
CHANNELS_CREATE = frozenset({"Channel.Create", "Group.ReadWrite.All", "Teamwork.Migrate.All"})
CHANNELS_WRITE = frozenset({"ChannelSettings.ReadWrite.All", "Group.ReadWrite.All"})
CHANNELS_READ = CHANNELS_WRITE | {"Channel.ReadBasic.All", "ChannelSettings.Read.All", "Group.Read.All"}
CHANNEL_MEMBERS_WRITE = frozenset({"ChannelMember.ReadWrite.All"})
CHANNEL_MEMBERS_READ = CHANNEL_MEMBERS_WRITE | {"ChannelMember.Read.All"}
CHANNEL_MESSAGES_READ = frozenset({"ChannelMessage.Read.All"})
TABS_WRITE = frozenset({"TeamsTab.Create", "TeamsTab.ReadWrite.All"})
TABS_READ = frozenset({"TeamsTab.Read.All", "TeamsTab.ReadWrite.All"})
MIGRATE = frozenset({"Teamwork.Migrate.All"})
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
    SITES_READ,
    GROUPS_READ,
    TEAMS_CREATE,
    TEAM_READ,
    TEAM_MEMBERS_READ,
    CHANNELS_CREATE,
    CHANNELS_READ,
    CHANNEL_MEMBERS_READ,
    CHANNEL_MESSAGES_READ,
    TABS_WRITE,
    TABS_READ,
    REPORTS,
)
