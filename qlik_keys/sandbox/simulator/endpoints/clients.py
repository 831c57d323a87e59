"""/api/v1/oauth-clients: every call of qlik-cloud-contract's table, for a caller who was let in already.

Each call takes what it needs of the request and returns an answer or raises a `Refusal`. The caller holds the
tenant's lock.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from joserfc.jwk import ECKey

from qlik_keys.sandbox.simulator.listing import Listings
from qlik_keys.sandbox.simulator.messages import (
    Refusal,
    Request,
    Response,
    bad_request,
    json_body,
    json_response,
    not_found,
    query_parameters,
)
from qlik_keys.sandbox.simulator.rules.client_fields import read_consent_patch, read_create, read_patch
from qlik_keys.sandbox.simulator.rules.registration import accept, register_all

if TYPE_CHECKING:
    from datetime import date

    from qlik_keys.sandbox.simulator.rules.registration import RegisteredKey
    from qlik_keys.sandbox.simulator.settings import SandboxSettings
    from qlik_keys.sandbox.simulator.state import Caller, OAuthClient, State

CONFIRM_HEADER = "qlik-confirm-delete"
_NO_CONTENT = Response(status=204)
_ADMIN_FIELDS = ("allowedAuthMethods", "allowedOrigins", "clientSecrets", "connectionConfig", "jwksUri", "publicKeys",
                 "redirectUris")  # fmt: skip


class ClientsEndpoint:
    """The OAuth clients of the tenant.

    Args:
        state: the tenant's memory.
        address: the whole address of the listing.
    """

    def __init__(self, state: State, *, address: str) -> None:
        self._state = state
        self._listings = Listings(state, address=address)

    def list(self, request: Request, caller: Caller, settings: SandboxSettings) -> Response:
        """Answer GET /."""
        row = self._admin_row if caller.is_admin else self._reduced_row
        body = self._listings.page(query_parameters(request), row, settings)
        return Response(status=200, headers=(("content-type", "application/json"),), body=body)

    def create(self, request: Request, caller: Caller, settings: SandboxSettings) -> Response:
        """Answer POST /."""
        fields, documents, consent = read_create(json_body(request))
        keys = register_all(
            documents, current=(), history={}, now=self._state.now(), maximum=settings.maximum_public_keys
        )
        client = self._state.add_client(
            fields=fields, created_by=caller.user.user_id, created_by_type="service" if caller.client_id else "user"
        )
        client.consent = consent
        _set_keys(client, keys)
        answer: dict[str, Any] = {}
        if "client_secret" in fields["allowedAuthMethods"]:
            answer["clientSecret"], _ = self._state.make_secret(client, created_by=caller.user.user_id)
        self._state.note_client("created", client, caller)
        return json_response(201, {**self.document(client), **answer})

    def get(self, client_id: str, caller: Caller) -> Response:
        """Answer GET /{id}."""
        client = self._find(client_id)
        row = self._admin_row if caller.is_admin else self._reduced_row
        return Response(status=200, headers=(("content-type", "application/json"),), body=row(client))

    def patch(self, client_id: str, request: Request, caller: Caller, settings: SandboxSettings) -> Response:
        """Answer PATCH /{id}."""
        client = self._find(client_id)
        fields, documents = read_patch(
            json_body(request),
            fields=client.fields,
            keys=[dict(one.jwk) for one in client.keys],
            keys_form=settings.keys_form,
            replaces_absent=settings.absent_replace == "applied",
        )
        keys = register_all(
            documents,
            current=client.keys,
            history=client.key_history,
            now=self._state.now(),
            maximum=settings.maximum_public_keys,
        )
        had, has = ("client_secret" in one["allowedAuthMethods"] for one in (client.fields, fields))
        client.fields = fields
        if settings.key_removal_seconds:
            left = {one.kid for one in keys}
            client.removed_keys += [(one, self._state.now()) for one in client.keys if one.kid not in left]
        _set_keys(client, keys)
        if not has:
            client.secrets.clear()
        self._state.touch(client)
        self._state.note_client("updated", client, caller)
        if has and not had:
            secret, _ = self._state.make_secret(client, created_by=caller.user.user_id)
            self._state.note_client("secret.created", client, caller)
            return json_response(202, {"clientSecret": secret})
        return _NO_CONTENT

    def delete(self, client_id: str, request: Request, caller: Caller, settings: SandboxSettings) -> Response:
        """Answer DELETE /{id}, which needs the id a second time, in a header."""
        client = self._find(client_id)
        if request.header(CONFIRM_HEADER) != client.client_id:
            raise bad_request(f"The header {CONFIRM_HEADER} must be the id of the client.", title="Not confirmed")
        self._state.remove_client(
            client, ends_tokens=settings.tokens_end_with_client, ends_bot=settings.bot_ends_with_client
        )
        self._state.note_client("deleted", client, caller)
        return _NO_CONTENT

    def publish(self, client_id: str) -> Response:
        """Answer POST /{id}/actions/publish."""
        client = self._find(client_id)
        if not client.published_at:
            client.published_at = self._state.stamp()
            self._state.touch(client)
        return json_response(201, {"publishedAt": client.published_at})

    def create_secret(self, client_id: str, caller: Caller) -> Response:
        """Answer POST /{id}/client-secrets."""
        client = self._find(client_id)
        if "client_secret" not in client.fields["allowedAuthMethods"]:
            raise bad_request("allowedAuthMethods of this client do not have client_secret.")
        secret, record = self._state.make_secret(client, created_by=caller.user.user_id)
        self._state.note_client("secret.created", client, caller)
        answer = {"clientId": client.client_id, "clientSecret": secret, "hint": record.hint}
        return json_response(201, {**answer, "createdAt": record.created_at, "createdBy": record.created_by})

    def delete_secret(self, client_id: str, hint: str, caller: Caller) -> Response:
        """Answer DELETE /{id}/client-secrets/{hint}."""
        client = self._find(client_id)
        kept = [one for one in client.secrets if one.hint != hint]
        if len(kept) == len(client.secrets):
            raise not_found()
        client.secrets = kept
        self._state.touch(client)
        self._state.note_client("secret.deleted", client, caller)
        return _NO_CONTENT

    def connection_config(self, client_id: str) -> Response:
        """Answer GET /{id}/connection-configs/me."""
        client = self._find(client_id)
        if not client.consent:
            raise not_found()
        return json_response(200, {"consentMethod": client.consent, "status": "active", "deletedByOwner": False})

    def patch_connection_config(self, client_id: str, request: Request) -> Response:
        """Answer PATCH /{id}/connection-configs/me; a deleted config comes back by it."""
        client = self._find(client_id)
        client.consent = read_consent_patch(json_body(request))
        self._state.touch(client)
        return _NO_CONTENT

    def delete_connection_config(self, client_id: str) -> Response:
        """Answer DELETE /{id}/connection-configs/me; without one, nothing is trusted."""
        client = self._find(client_id)
        if not client.consent:
            raise not_found()
        client.consent = ""
        self._state.touch(client)
        return _NO_CONTENT

    def document(self, client: OAuthClient) -> dict[str, Any]:
        """Return a client as an administrator sees it."""
        found: dict[str, Any] = {
            "clientId": client.client_id,
            "tenantId": self._state.tenant_id,
            **client.fields,
            "publicKeys": [one.jwk for one in client.keys],
            "clientSecrets": [
                {"hint": one.hint, "createdAt": one.created_at, "createdBy": one.created_by} for one in client.secrets
            ],
            "createdAt": client.created_at,
            "updatedAt": client.updated_at,
            "createdBy": client.created_by,
            "createdByType": client.created_by_type,
        }
        if client.consent:
            found["connectionConfig"] = {"consentMethod": client.consent}
        if client.published_at:
            found["publishedAt"] = client.published_at
        if client.disable_tag:
            found["disableTag"] = client.disable_tag
        return found

    def seed(self, count: int, *, created_by: str) -> None:
        """Add clients by the number, as a tenant of some age has them: most by key, the keys up to 400 days old.

        Every tenth logs in by client secret alone, every twenty-fifth may administer, every fortieth is not trusted.
        """
        now = self._state.now()
        for number in range(count):
            by_secret = number % 10 == 3  # noqa: PLR2004  # one in ten, and not the first
            fields = _seed_fields(number, by_secret=by_secret)
            client = self._state.add_client(fields=fields, created_by=created_by, created_by_type="user")
            client.consent = "required" if number % 40 == 11 else "trusted"  # noqa: PLR2004  # one in forty
            if by_secret:
                self._state.make_secret(client, created_by=created_by)
            else:
                made_on = datetime.fromtimestamp(now, tz=UTC).date() - timedelta(days=number * 37 % 400)
                _set_keys(client, (_seed_key(made_on, now=now),))
            self._admin_row(client)

    def _find(self, client_id: str) -> OAuthClient:
        client = self._state.clients.get(client_id)
        if client is None:
            raise Refusal(404, "HTTP-404", "Not found", "There is no OAuth client of that id.")
        return client

    def _admin_row(self, client: OAuthClient) -> bytes:
        if not client.row:
            client.row = json.dumps(self.document(client), separators=(",", ":")).encode()
        return client.row

    def _reduced_row(self, client: OAuthClient) -> bytes:
        document = {name: value for name, value in self.document(client).items() if name not in _ADMIN_FIELDS}
        return json.dumps(document, separators=(",", ":")).encode()


def _seed_key(made_on: date, *, now: float) -> RegisteredKey:
    generated = ECKey.generate_key("P-384", auto_kid=False)
    jwk = {name: str(value) for name, value in generated.as_dict(private=False).items()}
    kid = f"{made_on.isoformat()}_{generated.thumbprint()}"
    return accept({"kid": kid, "kty": "EC", "alg": "ES384", "use": "sig", **jwk}, now=now)


def _seed_fields(number: int, *, by_secret: bool) -> dict[str, Any]:
    return {
        "appType": "web",
        "clientName": f"seeded-{number:05}",
        "description": "made by the sandbox",
        "redirectUris": [],
        "allowedOrigins": [],
        "allowedScopes": ["admin_classic" if number % 25 == 7 else "user_default"],  # noqa: PLR2004  # one in 25
        "allowedGrantTypes": ["client_credentials"],
        "allowedAuthMethods": ["client_secret" if by_secret else "private_key_jwt"],
    }


def _set_keys(client: OAuthClient, keys: tuple[RegisteredKey, ...]) -> None:
    client.keys = keys
    client.key_history.update({one.thumbprint: one.kid for one in keys})
