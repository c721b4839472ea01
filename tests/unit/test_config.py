from pathlib import Path

import pytest

from shared_code.config import NUMBERS, TEXTS, GraphCredential, load_settings
from shared_code.errors import ConfigError

DEPLOYED = {
    "BACKUP_STORAGE_BLOB_URL": "https://vault.example.net",
    "BACKUP_STORAGE_TABLE_URL": "https://ledger.example.net",
    "GRAPH_CLIENT_ID": "app",
}
LOCAL = {
    "BACKUP_STORAGE_CONNECTION": "UseDevelopmentStorage=true",
    "BACKUP_LOCAL_RUN": "true",
    "GRAPH_CLIENT_ID": "app",
    "GRAPH_CREDENTIAL": "local_secret",
    "GRAPH_CLIENT_SECRET": "not-a-secret",
    "GRAPH_URL": "http://127.0.0.1:9",
}


def test_a_deployed_app_needs_three_settings() -> None:
    settings = load_settings(DEPLOYED)
    assert settings.graph_credential is GraphCredential.MANAGED_IDENTITY
    assert settings.graph_url == "https://graph.microsoft.com"
    assert settings.slice_bytes == 256 * 1024 * 1024
    assert not settings.local_run


def test_local_settings_are_accepted() -> None:
    assert load_settings(LOCAL).local_run
    assert not load_settings({**LOCAL, "BACKUP_WORM_MODE": "unlocked"}).worm_locked


def test_every_problem_is_named_at_once() -> None:
    environment = {
        "BACKUP_SLICE_MIB": "lots",
        "BACKUP_WINDOW_HOURS": "25",
        "GRAPH_CREDENTIAL": "password",
        "BACKUP_LOCAL_RUN": "maybe",
        "BACKUP_RECOVERABLE_ITEMS": "some",
    }
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)
    for name in (*environment, "BACKUP_STORAGE_BLOB_URL", "BACKUP_STORAGE_TABLE_URL"):
        assert name in str(caught.value)
    assert "1 to 24" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"BACKUP_LOCAL_RUN": "false"}, "BACKUP_STORAGE_CONNECTION"),
        ({"BACKUP_LOCAL_RUN": "false"}, "local_secret"),
        ({"BACKUP_LOCAL_RUN": "false", "GRAPH_PACE": "unlimited"}, "GRAPH_PACE"),
        ({"GRAPH_PACE": "fast"}, "GRAPH_PACE"),
        ({"BACKUP_WORM_MODE": "none"}, "BACKUP_WORM_MODE"),
        ({"BACKUP_LOCAL_RUN": "false", "BACKUP_WORM_MODE": "unlocked"}, "BACKUP_WORM_MODE=unlocked is for local runs"),
        ({"BACKUP_MOST_RETENTION_DAYS": "6"}, "BACKUP_MOST_RETENTION_DAYS"),
        ({"GRAPH_SHARE_PERCENT": "0"}, "GRAPH_SHARE_PERCENT"),
        ({"GRAPH_URL": "http://graph.example.net"}, "GRAPH_URL"),
        ({"GRAPH_CLIENT_SECRET": ""}, "GRAPH_CLIENT_SECRET"),
        ({"GRAPH_CREDENTIAL": "certificate"}, "GRAPH_CERTIFICATE_PATH"),
        ({"GRAPH_CLIENT_ID": " "}, "GRAPH_CLIENT_ID"),
    ],
)
def test_what_would_be_unsafe_or_useless_is_refused(change: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_settings({**LOCAL, **change})


def test_secrets_stay_out_of_problems() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({**LOCAL, "BACKUP_LOCAL_RUN": "false"})
    assert "not-a-secret" not in str(caught.value)


def test_every_setting_is_documented() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert [name for name in (*NUMBERS, *TEXTS) if f"`{name}`" not in readme] == []
