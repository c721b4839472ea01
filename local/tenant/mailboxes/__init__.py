"""Mailboxes: their state, what people do to them, and how Graph shows them."""
