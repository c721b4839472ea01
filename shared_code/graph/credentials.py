"""Who the service is towards a customer's tenant: azure-identity credentials out of plain parameters.

The app registration is multi-tenant; ``tenant_id`` is always the customer's. Also here: the one for local
runs, and the authentication provider that lets a token go to one origin only.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)

from shared_code.errors import AccessDeniedError, SourceError, SourceUnavailableError

# Type of every credential here, for those who may not know azure-identity.
TokenCredential = AsyncTokenCredential
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
_FEDERATION_SCOPE = "api://AzureADTokenExchange/.default"
_RENEW_BEFORE_S = 300
_NOT_IN_A_URL = re.compile(r"[\\\r\n\t ]")
# Scheme and authority: everything that decides where a request goes.
_ORIGIN = re.compile(r"[^/?#]*(?://[^/?#]*)?")


def secret_credential(tenant_id: str, client_id: str, client_secret: str) -> AsyncTokenCredential:
    """Client secret: the simplest, and the one that expires unnoticed. Prefer one of the other two."""
    return ClientSecretCredential(tenant_id, client_id, client_secret)


def certificate_credential(tenant_id: str, client_id: str, certificate: bytes) -> AsyncTokenCredential:
    """Certificate with its private key, PEM or PKCS#12, without a password."""
    return CertificateCredential(tenant_id, client_id, certificate_data=certificate)


def federated_credential(tenant_id: str, client_id: str) -> AsyncTokenCredential:
    """No secret at all: the function app's managed identity vouches for the app registration (workload identity
    federation with a managed identity)."""
    return _FederatedCredential(tenant_id, client_id)


class _FederatedCredential(AsyncTokenCredential):
    """A ClientAssertionCredential that owns the managed identity behind it. azure-identity asks for
    assertions by a plain function, so the identity's token is fetched before it is needed."""

    def __init__(self, tenant_id: str, client_id: str) -> None:
        self._identity = ManagedIdentityCredential()
        self._assertion = ""
        self._inner = ClientAssertionCredential(tenant_id, client_id, lambda: self._assertion)

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Raises ClientAuthenticationError."""
        self._assertion = (await self._identity.get_token(_FEDERATION_SCOPE)).token
        return await self._inner.get_token(*scopes, **options)

    async def close(self) -> None:
        """Let go of connections."""
        await self._inner.close()
        await self._identity.close()

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


class LocalTokenCredential(AsyncTokenCredential):
    """Client credentials against the token endpoint of a simulator on this machine (azure-identity insists on
    https). ``token_url`` must be on a loopback address."""

    def __init__(self, token_url: str, client_id: str, client_secret: str, *, now: Callable[[], datetime]) -> None:
        if not is_loopback(token_url):
            raise ValueError("LocalTokenCredential is for loopback addresses only.")
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": GRAPH_SCOPE,
        }
        self._now = now

    @classmethod
    def for_tenant(
        cls,
        graph_root: str,
        tenant_id: str,
        client_id: str,
        client_secret: str,
        *,
        now: Callable[[], datetime],
    ) -> LocalTokenCredential:
        """The token endpoint where the simulator has it: beside the API, ``/{tenant}/oauth2/v2.0/token``."""
        parts = urlsplit(graph_root)
        url = f"{parts.scheme}://{parts.netloc}/{quote(tenant_id, safe='')}/oauth2/v2.0/token"
        return cls(url, client_id, client_secret, now=now)

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Raises ClientAuthenticationError when refused, SourceUnavailableError when nobody answers."""
        del scopes, options
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
                session.post(self._token_url, data=self._form, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise ClientAuthenticationError(f"The token endpoint answered {answer.status}.")
                body = await answer.json(content_type=None)
                expires_at = self._now().timestamp() + float(body["expires_in"])
                return AccessToken(str(body["access_token"]), int(expires_at))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            raise SourceUnavailableError("The local token endpoint did not answer as one.") from error

    async def close(self) -> None:
        """Nothing is kept open."""

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


class PinnedTokens:
    """Bearer tokens for one origin and no other; cached until five minutes before they expire.

    Duck-typed to kiota's ``AuthenticationProvider``, whose own implementation asks the credential every time
    and, for a foreign host, silently sends the request without a token instead of refusing it.
    """

    def __init__(
        self, base_url: str, credential: AsyncTokenCredential, *, now: Callable[[], datetime], scope: str
    ) -> None:
        self._origin = origin_of(base_url)
        if self._origin[0] != "https" and not is_loopback(base_url):
            raise ValueError("Graph is reached by https; http is for loopback addresses only.")
        self._credential = credential
        self._now = now
        self._scope = scope
        self._token: AccessToken | None = None
        self._lock = asyncio.Lock()

    async def authenticate_request(self, request: Any, context: dict[str, Any] | None = None) -> None:
        """Put the Authorization header on a RequestInformation. Raises SourceError for a foreign origin,
        AccessDeniedError when no token can be had."""
        if origin_of(request.url) != self._origin:
            raise SourceError("A request to another host than Graph's does not get the token.")
        claims = (context or {}).get("claims")
        token = await self._fresh(base64.b64decode(claims).decode() if claims else None)
        request.headers.remove("Authorization")
        request.headers.add("Authorization", f"Bearer {token}")

    def forget(self) -> None:
        """The token was refused: get a new one next time."""
        self._token = None

    async def _fresh(self, claims: str | None) -> str:
        async with self._lock:
            token = self._token
            if token is None or claims or token.expires_on - self._now().timestamp() < _RENEW_BEFORE_S:
                try:
                    token = await self._credential.get_token(self._scope, claims=claims)
                except ClientAuthenticationError as error:
                    raise AccessDeniedError(
                        "Entra ID gives no token for this tenant: check the app's credential and its consent."
                    ) from error
                self._token = token
            return token.token


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute URL, lower case, default ports filled in. Raises SourceError for
    anything else, user names and passwords included."""
    if _NOT_IN_A_URL.search(url):
        raise SourceError("A link of the source holds characters that no URL has.")
    match = _ORIGIN.match(url)
    return _split_origin(match[0] if match else "")


@lru_cache(maxsize=256)
def _split_origin(beginning: str) -> tuple[str, str, int]:
    """Of thousands of links nearly all begin alike."""
    try:
        parts = urlsplit(beginning)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise SourceError("A link of the source is no URL.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
        raise SourceError("A link of the source is no plain http(s) URL.")
    return parts.scheme, parts.hostname, port


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    return is_loopback_host(urlsplit(url).hostname or "")


@lru_cache(maxsize=256)
def is_loopback_host(host: str) -> bool:
    """Whether that host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
