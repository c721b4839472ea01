"""A mailbox that somebody reads: the storage benchmark's messages."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.storage_source import LivedInSource, Part, size_of
from shared_code.model.item import Change, Form, ItemKind

_FOLDERS = 12


class Mailbox(LivedInSource):
    """Messages with a native form and MIME, about 20 KB each; three in ten have an attachment that does not
    compress."""

    def fill(self, messages: int) -> None:
        """The first day."""
        self.folders = [self.token("AAMk", 116) for _ in range(_FOLDERS)]
        for folder_id in self.folders:
            change = Change(folder_id, ItemKind.MAIL_FOLDER, name=self.title(), opens_feed=f"items:{folder_id}")
            self.put(self.root_feed, change)
            self.logs[f"items:{folder_id}"] = []
        self.messages = messages
        for _ in range(messages):
            self.receive()

    def live(self, share: float) -> None:
        """A day: ``share`` of the messages are new; as many are read, mostly new ones; a few are moved or deleted."""
        new = self.times(self.messages * share)
        for _ in range(new):
            self.receive()
        for _ in range(new):
            self.read(self.items[-self.random.randint(1, min(len(self.items), new * 2))])
        for _ in range(self.times(new / 5)):
            self.move(self.any_item())
        for _ in range(self.times(new / 4)):
            self.remove(self.any_item())

    def receive(self) -> None:
        """A new message."""
        item_id = self.token("AAMk", 148)
        body = Part(self.next_seed(), self.random.randint(4_000, 16_000), is_text=True)
        attached = (Part(self.next_seed(), self.random.randint(8_000, 58_000)),) if self.random.random() < 0.3 else ()
        head = Part(self.next_seed(), 400)
        mime_head = Part(self.next_seed(), 1_500, is_text=True)
        self.recipes[item_id] = {Form.NATIVE: (head, body, *attached), Form.READABLE: (mime_head, body, *attached)}
        change = Change(
            item_id,
            ItemKind.MESSAGE,
            parent_id=self.random.choice(self.folders),
            name=self.title(),
            sender=f"{self.title()[:20]}@example.com",
            time=self.now,
            size_bytes=size_of(self.recipes[item_id][Form.NATIVE]),
            etag=self.token("CQAAAB", 34),
            properties={"type": "IPM.Note", "lastModifiedDateTime": self.now.isoformat()},
        )
        self.put(f"items:{change.parent_id}", change)

    def read(self, item_id: str) -> None:
        """A message is marked as read: its native form changes, its MIME does not."""
        feed, change = self.living[item_id]
        forms = self.recipes[item_id]
        native = (Part(self.next_seed(), 400), *forms[Form.NATIVE][1:])
        self.recipes[item_id] = {**forms, Form.NATIVE: native}
        self.put(feed, replace(change, etag=self.token("CQAAAB", 34)))

    def move(self, item_id: str) -> None:
        """A message goes to another folder, with its id and unchanged."""
        _, change = self.living[item_id]
        folder_id = self.random.choice(self.folders)
        self.put(f"items:{folder_id}", replace(change, parent_id=folder_id, etag=self.token("CQAAAB", 34)))
