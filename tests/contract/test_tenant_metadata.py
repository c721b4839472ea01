"""The simulator's paths and properties against Graph's official v1.0 metadata, where that lies beside the project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from local.tenant.server import SimulatorThread
from local.tenant.simulator import Simulator
from tests.contract.tenant_samples import collect_samples

METADATA = Path(__file__).resolve().parents[2] / "../shared/graph/v1.0.csdl.xml"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
NOT_IN_METADATA = {"/$batch"}  # a path segment of OData itself

pytestmark = pytest.mark.skipif(not METADATA.exists(), reason="../shared/graph/v1.0.csdl.xml is not there")


class Metadata:
    """Types, the container's sets and singletons, and bound operations of the namespace microsoft.graph."""

    def __init__(self, path: Path) -> None:
        self.types: dict[str, tuple[str | None, dict[str, str], bool]] = {}
        self.enums: dict[str, set[str]] = {}
        self.entry: dict[str, str] = {}
        self.operations: dict[tuple[str, str], str] = {}
        for schema in ElementTree.parse(path).getroot().iter(f"{EDM}Schema"):
            if schema.get("Namespace") != "microsoft.graph":
                continue
            for element in schema:
                self._read(element, element.tag.removeprefix(EDM))

    def _read(self, element: ElementTree.Element, tag: str) -> None:
        name = element.get("Name", "")
        if tag in ("EntityType", "ComplexType"):
            properties = {
                child.get("Name", ""): _plain(child.get("Type", ""))
                for child in element
                if child.tag in (f"{EDM}Property", f"{EDM}NavigationProperty")
            }
            base = element.get("BaseType")
            self.types[name] = (_plain(base) if base else None, properties, element.get("OpenType") == "true")
        elif tag == "EnumType":
            self.enums[name] = {child.get("Name", "") for child in element if child.tag == f"{EDM}Member"}
        elif tag in ("Action", "Function"):
            parameters = element.findall(f"{EDM}Parameter")
            returned = element.find(f"{EDM}ReturnType")
            if parameters:
                result = "" if returned is None else _plain(returned.get("Type", ""))
                self.operations[(_plain(parameters[0].get("Type", "")), name)] = result
        elif tag == "EntityContainer":
            for child in element:
                if child.tag == f"{EDM}EntitySet":
                    self.entry[child.get("Name", "")] = f"Collection({_plain(child.get('EntityType', ''))})"
                elif child.tag == f"{EDM}Singleton":
                    self.entry[child.get("Name", "")] = _plain(child.get("Type", ""))

    def member(self, type_name: str, member: str) -> str | None:
        current: str | None = type_name
        while current:
            base, properties, _ = self.types[current]
            if member in properties:
                return properties[member]
            current = base
        return None

    def step(self, type_name: str, segment: str) -> str | None:
        """Return the type after one more path segment."""
        if segment.startswith("microsoft.graph."):  # a cast
            cast = _plain(segment)
            return f"Collection({cast})" if type_name.startswith("Collection(") else cast
        if type_name.startswith("Collection("):
            if segment.startswith(("microsoft.graph.", "graph.")):  # a cast
                return f"Collection({_plain(segment)})"
            if segment.startswith("{"):
                return type_name[11:-1]
            return self.operations.get((type_name, segment))
        if segment == "$value":
            return "Edm.Stream"
        found = self.member(type_name, segment)
        return found if found is not None else self.operations.get((type_name, segment))


def _plain(name: str) -> str:
    return name.replace("microsoft.graph.", "").replace("graph.", "")


@pytest.fixture(scope="module")
def metadata() -> Metadata:
    return Metadata(METADATA)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread() as running:
        yield running


def test_every_served_path_is_in_the_metadata(metadata: Metadata) -> None:
    simulator = Simulator()
    templates = {route.template for _, route in simulator.routes.templates} - NOT_IN_METADATA
    simulator.close()
    assert len(templates) > 40
    for template in sorted(templates):
        first, *rest = template.strip("/").split("/")
        current = metadata.entry.get(first)
        assert current is not None, template
        for segment in rest:
            following = metadata.step(current, segment)
            assert following is not None, f"{template}: no {segment} on {current}"
            current = following


def _check(metadata: Metadata, type_name: str, value: Any, where: str) -> None:
    if value is None:
        return
    if type_name.startswith("Collection("):
        assert isinstance(value, list), where
        for each in value:
            _check(metadata, type_name[11:-1], each, where)
    elif type_name in metadata.enums:
        assert value in metadata.enums[type_name], f"{where}: {value} is no {type_name}"
    elif type_name in metadata.types:
        assert isinstance(value, dict), where
        type_name = _plain(str(value.get("@odata.type", type_name)).removeprefix("#"))
        for name, each in value.items():
            if "@" in name:
                continue
            declared = metadata.member(type_name, name)
            if declared is None and metadata.types[type_name][2]:  # an open type
                continue
            assert declared is not None, f"{where}: {type_name} has no {name}"
            _check(metadata, declared, each, f"{where}.{name}")
    else:
        expected = {"Edm.Boolean": bool, "Edm.Int32": int, "Edm.Int64": int, "Edm.Double": float}.get(type_name, str)
        assert isinstance(value, expected), f"{where}: {value!r} is no {type_name}"


def test_every_property_is_in_the_metadata(metadata: Metadata, simulator: SimulatorThread) -> None:
    for sample in collect_samples(simulator):
        for value in sample.body["value"] if sample.is_collection else [sample.body]:
            _check(metadata, sample.entity, value, sample.name)
