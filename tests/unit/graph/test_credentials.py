"""Tokens and where they may go."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from kiota_abstractions.headers_collection import HeadersCollection

from shared_code.errors import AccessDeniedError, SourceError, SourceUnavailableError
from shared_code.graph.credentials import LocalTokenCredential, PinnedTokens, is_loopback, origin_of
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply

NOW = datetime.fromtimestamp(1_800_000_000, UTC)


def request(url: str) -> Any:
    return SimpleNamespace(url=url, headers=HeadersCollection())


async def test_only_the_pinned_origin_gets_the_token() -> None:
    tokens = PinnedTokens("https://graph.example/v1.0", FixedCredential(), now=lambda: NOW, scope="s")
    good = request("https://GRAPH.example:443/v1.0/users")
    await tokens.authenticate_request(good)
    assert good.headers.get("authorization") == {"Bearer token-1"}
    for foreign in (
        "http://graph.example/v1.0",
        "https://graph.example:444/v1.0",
        "https://graph.example.evil.example/",
        "https://graph.example@evil.example/",
        "https://evil.example/https://graph.example/",
        "https://graph.example\\.evil.example/",
        "https://graph.example\t/",
        "graph.example",
    ):
        bad = request(foreign)
        with pytest.raises(SourceError):
            await tokens.authenticate_request(bad)
        assert not bad.headers.get_all()


def test_plain_http_is_for_loopback_only() -> None:
    with pytest.raises(ValueError, match="https"):
        PinnedTokens("http://graph.example/v1.0", FixedCredential(), now=lambda: NOW, scope="s")
    with pytest.raises(ValueError, match="loopback"):
        LocalTokenCredential("http://login.example/token", "a", "b", now=lambda: NOW)
    assert is_loopback("http://127.0.0.1:1/x")
    assert is_loopback("http://[::1]:1/x")
    assert not is_loopback("http://127.0.0.1.example/x")


def test_origins() -> None:
    assert origin_of("https://A.example/x") == ("https", "a.example", 443)
    assert origin_of("http://a.example:8080") == ("http", "a.example", 8080)
    for url in ("", "ftp://a", "https://", "https://a:b", "https://u:p@a", "https://a b"):
        with pytest.raises(SourceError):
            origin_of(url)


async def test_claims_challenges_renew_the_token() -> None:
    seen: list[dict[str, Any]] = []

    class Recording(FixedCredential):
        async def get_token(self, *scopes: str, **options: Any) -> Any:
            seen.append({"scopes": scopes, **options})
            return await super().get_token(*scopes, **options)

    tokens = PinnedTokens("https://graph.example", Recording(), now=lambda: NOW, scope="s")
    made = request("https://graph.example/x")
    await tokens.authenticate_request(made)
    claims = base64.b64encode(b'{"access_token":{}}').decode()
    await tokens.authenticate_request(made, {"claims": claims})
    assert made.headers.get("authorization") == {"Bearer token-2"}
    assert seen == [
        {"scopes": ("s",), "claims": None},
        {"scopes": ("s",), "claims": '{"access_token":{}}'},
    ]


async def test_a_refused_sign_in_is_access_denied() -> None:
    class Refusing(FixedCredential):
        async def get_token(self, *scopes: str, **options: Any) -> Any:
            raise ClientAuthenticationError("secret text of Entra")

    tokens = PinnedTokens("https://graph.example", Refusing(), now=lambda: NOW, scope="s")
    with pytest.raises(AccessDeniedError) as caught:
        await tokens.authenticate_request(request("https://graph.example/x"))
    assert "secret text" not in str(caught.value)


async def test_the_local_token_endpoint() -> None:
    async with GraphServer(Reply(200, {"access_token": "t", "expires_in": 60})) as server:
        credential = LocalTokenCredential.for_tenant(server.root, "tid", "app", "s", now=lambda: NOW)
        token = await credential.get_token("x")
        assert (token.token, token.expires_on) == ("t", 1_800_000_060)
        assert server.seen[0].path == "/tid/oauth2/v2.0/token"
        assert b"client_secret=s" in server.seen[0].body
        server.script = [Reply(401), Reply(200, b"<html>"), Reply(200, {})]
        with pytest.raises(ClientAuthenticationError):
            await credential.get_token("x")
        for _ in range(2):
            with pytest.raises(SourceUnavailableError):
                await credential.get_token("x")
