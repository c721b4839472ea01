"""The simulator's answers, read with the typed models of msgraph-sdk: nothing unknown, nothing of a wrong type."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import pytest
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter

from local.tenant.plain_client import PlainClient
from local.tenant.server import SimulatorThread
from tests.contract.tenant_samples import SECRET, Sample, collect_samples


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread() as running:
        yield running


@pytest.fixture(scope="module")
def samples(simulator: SimulatorThread) -> list[Sample]:
    return collect_samples(simulator)


def _model(entity: str) -> Any:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in entity)
    if entity == "list":  # the SDK keeps clear of Python's own word
        entity = snake = "list_"
    module = importlib.import_module(f"msgraph.generated.models.{snake}")
    return getattr(module, entity[0].upper() + entity[1:])


def _through_the_model(entity: str, value: dict[str, Any]) -> dict[str, Any]:
    node = JsonParseNodeFactory().get_root_parse_node("application/json", json.dumps(value).encode())
    parsed = node.get_object_value(_model(entity))
    writer = JsonSerializationWriter()
    writer.write_object_value(None, parsed)
    again: dict[str, Any] = json.loads(writer.get_serialized_content())
    unknown = [name for name in getattr(parsed, "additional_data", {}) if "@" not in name]
    assert not unknown or entity == "fieldValueSet", f"{entity} does not declare {unknown}"
    return again


def _normal(value: Any) -> Any:
    """Without nulls and annotations, with times as times: what both sides must agree on."""
    if isinstance(value, dict):
        kept = {name: _normal(each) for name, each in value.items() if not name.startswith("@") and each is not None}
        return {name: each for name, each in kept.items() if each is not None}
    if isinstance(value, list):
        return [_normal(each) for each in value]
    if isinstance(value, str) and len(value) >= 20 and value[4] == "-" and value[10] == "T":
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, str) and len(value) >= 8 and value[2:3] == value[5:6] == ":":
        return time.fromisoformat(value)
    return value


def test_every_answer_survives_the_typed_models(samples: list[Sample]) -> None:
    assert len(samples) > 40
    for sample in samples:
        values = sample.body["value"] if sample.is_collection else [sample.body]
        assert values, sample.name
        for value in values:
            assert _normal(_through_the_model(sample.entity, value)) == _normal(value), sample.name


def test_the_check_notices_a_wrong_type_and_an_unknown_name() -> None:
    wrong = {"id": "1", "size": "5"}
    assert _normal(_through_the_model("driveItem", wrong)) != _normal(wrong)
    with pytest.raises(AssertionError, match="does not declare"):
        _through_the_model("driveItem", {"id": "1", "sice": 5})


def test_collections_hold_only_annotations_beside_their_values(samples: list[Sample]) -> None:
    for sample in samples:
        if sample.is_collection:
            assert {name for name in sample.body if not name.startswith("@")} == {"value"}, sample.name


def test_the_delta_answer_is_what_the_sdk_expects(samples: list[Sample]) -> None:
    from msgraph.generated.drives.item.items.item.delta.delta_get_response import DeltaGetResponse

    sample = next(each for each in samples if each.name == "drive delta")
    node = JsonParseNodeFactory().get_root_parse_node("application/json", sample.raw)
    parsed = node.get_object_value(DeltaGetResponse)
    assert parsed.odata_delta_link == sample.body["@odata.deltaLink"]
    assert len(parsed.value) == len(sample.body["value"])
    assert any(item.file is not None and item.file.hashes.quick_xor_hash for item in parsed.value)


def test_errors_are_odata_errors(simulator: SimulatorThread) -> None:
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    tenant = simulator.control.create_tenant(secret=SECRET)["id"]
    client = PlainClient(simulator.url, tenant, SECRET)
    for target in ("/users/nobody", "/nonsense", "/users/x/chats", "/drives/none/root"):
        reply = client.get(target)
        assert reply.status >= 400
        node = JsonParseNodeFactory().get_root_parse_node("application/json", reply.body)
        error = node.get_object_value(ODataError).error
        assert error.code and error.message and error.inner_error.request_id == reply.headers["request-id"]
        assert isinstance(error.inner_error.date, datetime)
    client.close()
