"""Tokens: client credentials in, bearer token out, and who a bearer token speaks for."""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import parse_qsl

from local.tenant.answers import Answer, GraphError, json_answer
from local.tenant.sealed_text import Sealer
from local.tenant.tenant import App, Tenant

_MOST_REMEMBERED = 4096


class Bearer(NamedTuple):
    """Tenant and app of an access token, and until when it is good (real time)."""

    tenant_id: str
    client_id: str
    expires_s: float


class SignIn:
    """Issues and reads access tokens.

    They expire by real time, not by the tenant's clock: clients cache tokens by their own clock, and a test that moves
    a tenant's clock by a month means its data.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._known: dict[str, Bearer] = {}

    def token_answer(self, tenants: dict[str, Tenant], tenant_id: str, form: bytes) -> Answer:
        """Answer the token endpoint."""
        fields = dict(parse_qsl(form.decode("utf-8", "replace")))
        tenant = tenants.get(tenant_id)
        if tenant is None:
            return _refusal(
                "invalid_request",
                90002,
                f"Tenant '{tenant_id}' not found. Check to make sure you have the "
                "correct tenant ID and are signing into the correct cloud.",
            )
        if fields.get("grant_type") != "client_credentials":
            return _refusal("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        app = tenant.apps.get(fields.get("client_id", ""))
        if app is None:
            return _refusal(
                "unauthorized_client",
                700016,
                f"Application with identifier '{fields.get('client_id')}' was "
                f"not found in the directory '{tenant.display_name}'.",
            )
        if fields.get("client_secret") != app.secret and "client_assertion" not in fields:
            return _refusal("invalid_client", 7000215, "Invalid client secret provided.", status=401)
        lifetime_s = tenant.settings.access_token_lifetime_s
        token = self._sealer.seal("bearer", [tenant_id, app.client_id, time.time() + lifetime_s])
        return json_answer(
            {
                "token_type": "Bearer",
                "expires_in": int(lifetime_s),
                "ext_expires_in": int(lifetime_s),
                "access_token": token,
            },
            headers={"Cache-Control": "no-store, no-cache"},
        )

    def authorize(self, tenants: dict[str, Tenant], header: str | None) -> tuple[Tenant, App]:
        """Return tenant and app of an Authorization header. Raises 401."""
        if not header:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty.", headers=_CHALLENGE)
        scheme, _, token = header.partition(" ")
        bearer = self._known.get(token)
        if bearer is None:
            try:
                bearer = Bearer(*self._sealer.open("bearer", token.strip()))
            except (ValueError, TypeError) as error:
                raise GraphError(
                    401,
                    "InvalidAuthenticationToken",
                    "CompactToken parsing failed with error code: 80049217",
                    headers=_CHALLENGE,
                ) from error
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[token] = bearer
        tenant = tenants.get(bearer.tenant_id)
        app = tenant.apps.get(bearer.client_id) if tenant else None
        if scheme.lower() != "bearer" or tenant is None or app is None or bearer.expires_s < time.time():
            raise GraphError(
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
                headers=_CHALLENGE,
            )
        return tenant, app


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common"'}


def _refusal(error: str, number: int, text: str, status: int = 400) -> Answer:
    return json_answer(
        {
            "error": error,
            "error_description": f"AADSTS{number}: {text}",
            "error_codes": [number],
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        },
        status,
    )
