from pathlib import Path

import pytest

from local.host_index import AppError
from local.host_settings import HostSettings, read_host_settings, resolve_settings

PROJECT = Path(__file__).resolve().parents[4]


def test_the_project_s_own_file_bounds_activities() -> None:
    settings = read_host_settings(PROJECT / "host.json", {})
    assert (settings.route_prefix, settings.hub_name) == ("api", "m365backup")
    assert (settings.max_activities, settings.max_orchestrators) == (4, 10)


def test_a_hub_name_may_be_an_application_setting(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text('{"extensions": {"durableTask": {"hubName": "%HUB%"}}}', encoding="utf-8")
    assert read_host_settings(path, {"HUB": "hub7"}).hub_name == "hub7"


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    assert read_host_settings(tmp_path / "host.json", {}) == HostSettings()


def test_broken_json_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{", encoding="utf-8")
    with pytest.raises(AppError, match=r"host\.json is not valid JSON"):
        read_host_settings(tmp_path / "host.json", {})


def test_a_known_setting_is_filled_in_and_an_unknown_one_stays() -> None:
    assert resolve_settings("%A% %B%", {"A": "0 0 6 * * *"}) == "0 0 6 * * * %B%"
