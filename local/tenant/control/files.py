"""What tests and the demo do to files: one method for each edit operation. Any name goes."""

from __future__ import annotations

from typing import Any

from local.tenant.control.connection import ControlConnection, Json, Path, base64_text, plain_path


class FileControl(ControlConnection):
    """The drive of a user."""

    def put_file(self, tenant: str, user: str, path: Path, data: bytes, **more: Any) -> str:
        """Create or overwrite a file; `created`, `modified`, `without_hash` are optional. Return its item id."""
        fields = {"path": plain_path(path), "data_base64": base64_text(data), **more}
        return str(self.edit(tenant, "put_file", user=user, **fields)["item"])

    def put_generated_file(
        self,
        tenant: str,
        user: str,
        path: Path,
        size_bytes: int,
        *,
        seed: str = "0",
        compressible: bool = False,
        with_hash: bool = False,
    ) -> str:
        """Create or overwrite a file whose bytes are computed from a seed. Return its item id."""
        fields: Json = {"path": plain_path(path), "size_bytes": size_bytes, "seed": seed}
        fields |= {"compressible": compressible, "with_hash": with_hash}
        return str(self.edit(tenant, "put_generated_file", user=user, **fields)["item"])

    def generate_files(self, tenant: str, user: str, count: int, file_size_bytes: int, **more: Any) -> None:
        """Let generated files appear below `path`; `folder_depth`, `compressible`, `seed` are optional."""
        self.edit(tenant, "generate_files", user=user, count=count, file_size_bytes=file_size_bytes, **more)

    def mkdir(self, tenant: str, user: str, path: Path) -> str:
        """Create a folder (and missing parents); return its item id."""
        return str(self.edit(tenant, "mkdir", user=user, path=plain_path(path))["item"])

    def move_file(self, tenant: str, user: str, path: Path, parent: Path, name: str | None = None) -> None:
        """Move a file or folder into another folder, which is made if missing."""
        self.edit(tenant, "move_file", user=user, path=plain_path(path), parent=plain_path(parent), name=name)

    def rename_file(self, tenant: str, user: str, path: Path, name: str) -> None:
        """Rename a file or folder; any name goes."""
        self.edit(tenant, "rename_file", user=user, path=plain_path(path), name=name)

    def delete_file(self, tenant: str, user: str, path: Path) -> None:
        """Delete a file, or a folder with all it holds."""
        self.edit(tenant, "delete_file", user=user, path=plain_path(path))

    def mark_malware(self, tenant: str, user: str, path: Path, description: str = "Simulated.Malware") -> None:
        """Flag a file as malware: its content can no longer be read."""
        self.edit(tenant, "mark_malware", user=user, path=plain_path(path), description=description)

    def mark_package(self, tenant: str, user: str, path: Path, package_type: str = "oneNote") -> None:
        """Turn a file into a package, such as a OneNote notebook."""
        self.edit(tenant, "mark_package", user=user, path=plain_path(path), package_type=package_type)

    def mark_shared(self, tenant: str, user: str, path: Path, scope: str | None = "users") -> None:
        """Set or clear the shared facet."""
        self.edit(tenant, "mark_shared", user=user, path=plain_path(path), scope=scope)

    def set_times(
        self, tenant: str, user: str, path: Path, *, created: str | None = None, modified: str | None = None
    ) -> None:
        """Set fileSystemInfo."""
        self.edit(tenant, "set_times", user=user, path=plain_path(path), created=created, modified=modified)

    def files(self, tenant: str, user: str) -> list[Json]:
        """Return `item` (id), `path`, `kind` and `size_bytes` of everything in a drive."""
        return list(self.edit(tenant, "list_files", user=user)["files"])
