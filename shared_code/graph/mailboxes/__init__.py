"""Mailboxes: mail, calendars, contacts, tasks, settings; read from Graph and written back."""
