"""A drive in the differential test."""

from __future__ import annotations

from random import Random

from local.tenant.plain_client import PlainClient
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.source import DriveSource
from shared_code.model.item import Change
from shared_code.model.resource import Resource
from tests.fakes.differential import Facts, digest
from tests.fakes.simulated_tenant import SimulatedTenant


class DriveWorkload:
    """Files and folders of one person."""

    def __init__(self, tenant: SimulatedTenant) -> None:
        self._tenant = tenant
        self._made = 0
        for _ in range(6):
            self._new_file([""], Random(self._made))

    @property
    def resource(self) -> Resource:
        return self._tenant.drive

    def source(self, client: GraphClient) -> DriveSource:
        return DriveSource(client)

    def edit(self, random: Random) -> None:
        self._made += 1
        tree = self._tenant.control.files(self._tenant.id, self._tenant.user)
        folders = ["", *(entry["path"] for entry in tree if entry["kind"] == "folder")]
        files = [entry for entry in tree if entry["kind"] == "file"]
        edit = random.choices(
            ["new", "same", "change", "delete", "move", "rename", "case", "folder", "malware", "notebook", "remove"],
            [8, 2, 5, 3, 4, 3, 1, 3, 0.5, 0.3, 1],
        )[0]
        if edit in ("new", "folder") or not files:
            if edit == "folder":
                self._do("mkdir", path=f"{random.choice(folders)}/Folder {self._made}")
            else:
                self._new_file(folders, random)
            return
        file = random.choice(files)
        folder = random.choice(folders[1:]) if folders[1:] and random.random() < 0.4 else file["path"]
        match edit:
            case "same":
                self._put(f"{random.choice(folders)}/same {self._made}", b"the same content in many places")
            case "change":
                self._put(file["path"], random.randbytes(random.choice([0, 10, 5000])))
            case "delete":
                self._do("delete_file", item=file["item"])
            case "remove":
                self._do("delete_file", path=folder)
            case "move":
                self._do("move_file", path=folder, parent=random.choice(folders))
            case "rename":
                self._do("rename_file", path=folder, name=f"renamed {self._made}")
            case "case":
                self._do("rename_file", path=folder, name=folder.rsplit("/", 1)[-1].swapcase())
            case "malware":
                self._do("mark_malware", item=file["item"])
            case "notebook":
                self._do("mark_package", item=file["item"])

    def truth(self, client: PlainClient) -> dict[str, Facts]:
        found: dict[str, Facts] = {}
        drive = f"/drives/{self._tenant.drive_id}"
        folders = [(client.get(f"{drive}/root").json(), "")]
        while folders:
            folder, parent_id = folders.pop()
            found[folder["id"]] = Facts(parent_id, folder["name"], folder["eTag"])
            for page in client.pages(f"{drive}/items/{folder['id']}/children"):
                for item in page["value"]:
                    if "folder" in item:
                        folders.append((item, folder["id"]))
                    else:
                        found[item["id"]] = self._facts(client, item, folder["id"])
        return found

    def _facts(self, client: PlainClient, item: dict[str, object], parent_id: str) -> Facts:
        content: str | None = None
        if "file" in item and "malware" not in item:
            reply = client.get(f"/drives/{self._tenant.drive_id}/items/{item['id']}/content")
            assert reply.status == 302, reply
            content = digest(client.get(reply.headers["location"], signed=False).body)
        return Facts(parent_id, str(item["name"]), str(item["eTag"]), int(str(item["size"])), content)

    def content(self, change: Change, data: bytes | None) -> str | None:
        return digest(data)

    def _new_file(self, folders: list[str], random: Random) -> None:
        size_bytes = random.choice([0, 1, 300, 40_000])
        self._put(f"{random.choice(folders)}/file {self._made} {random.random()}", random.randbytes(size_bytes))

    def _put(self, path: str, data: bytes) -> None:
        self._tenant.control.put_file(self._tenant.id, self._tenant.user, path, data)

    def _do(self, operation: str, **fields: str) -> None:
        self._tenant.control.edit(self._tenant.id, operation, user=self._tenant.user, **fields)
