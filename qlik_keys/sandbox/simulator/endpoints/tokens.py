"""/oauth/token and /oauth/revoke (qlik-cloud-contract; RFC 6749, 7009, 7521, 7523).

The order of checks: one way of authentication, the client, its credential, and only then what it asks for; the replay
of a `jti` is looked for last of all in the assertion, so that a forged one burns nothing. The caller holds the lock.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from qlik_keys.sandbox.simulator.access_tokens import digest
from qlik_keys.sandbox.simulator.messages import Refusal, Request, Response, json_response, parameters, strict_json
from qlik_keys.sandbox.simulator.rules.client_fields import GRANT_TYPES, IMPERSONATION
from qlik_keys.sandbox.simulator.rules.gate import GateError, check_claims, inspect_login, read_claims, verify
from qlik_keys.sandbox.simulator.state import timestamp

if TYPE_CHECKING:
    from qlik_keys.sandbox.simulator.settings import SandboxSettings
    from qlik_keys.sandbox.simulator.state import OAuthClient, State, User

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))
_BASIC_CHALLENGE = (("www-authenticate", 'Basic realm="sandbox"'),)


class TokenEndpoint:
    """Makes access tokens.

    Args:
        state: the tenant's memory.
        address: of the endpoint itself, which is the audience of every assertion.
    """

    def __init__(self, state: State, *, address: str) -> None:
        self._state = state
        self._address = address

    def token(self, request: Request, settings: SandboxSettings) -> Response:
        """Answer POST /oauth/token."""
        sent = parameters(request)
        grant = _text(sent, "grant_type")
        if not grant:
            raise _invalid_request("grant_type is missing.")
        client = self._authenticate(sent, request, settings)
        if grant not in GRANT_TYPES:
            raise Refusal(400, "unsupported_grant_type", "Unsupported grant type")
        if grant not in client.fields["allowedGrantTypes"]:
            raise Refusal(400, "unauthorized_client", "Unauthorized client", "The client may not use this grant type.")
        if client.consent != "trusted":
            raise Refusal(400, "unauthorized_client", "Unauthorized client", "The client's consent is not trusted.")
        user = self._subject(sent) if grant == IMPERSONATION else self._state.bot_user(client)
        if user.status != "active":
            raise Refusal(403, "access_denied", "User disabled", "The user for whom the token would be is disabled.")
        if not _text(sent, "scope") and settings.empty_scope == "refused":
            raise Refusal(400, "invalid_scope", "Invalid scope", "A scope must be asked for.")
        scopes = _scopes(_text(sent, "scope"), client.fields["allowedScopes"])
        lifetime_seconds = settings.token_lifetime_seconds
        if settings.key_token_lifetime_seconds is not None and _text(sent, "client_assertion"):
            lifetime_seconds = settings.key_token_lifetime_seconds
        token, expires_at = self._state.tokens.make(
            user_id=user.user_id,
            client_id=client.client_id,
            client_name=client.fields["clientName"],
            scopes=scopes,
            now=self._state.now(),
            lifetime_seconds=lifetime_seconds,
            maximum=settings.maximum_tokens,
        )
        self._state.note(
            "com.qlik.oauth-token.issued",
            source="com.qlik/edge-auth",
            user_id=user.user_id,
            issuedToClientId=client.client_id,
            grantType=grant,
            scopes=scopes,
            originIp="127.0.0.1",
        )
        answer: dict[str, Any] = {"access_token": token, "token_type": settings.token_type, "scope": " ".join(scopes)}
        if settings.expiry_style != "expires_at":
            answer["expires_in"] = lifetime_seconds
        if settings.expiry_style != "expires_in":
            answer["expires_at"] = timestamp(expires_at)
        return json_response(200, answer, _NO_STORE)

    def revoke(self, request: Request) -> Response:
        """Answer POST /oauth/revoke; a hint that does not help is passed over (RFC 7009 2.1)."""
        sent = parameters(request)
        token = _text(sent, "token")
        if not token:
            raise _invalid_request("token is missing.")
        _text(sent, "token_type_hint")
        self._state.tokens.revoke(token)
        return Response(status=200)

    def bound_client(self, request: Request) -> str:
        """Return the id of the client that the request says it is of, for the rate limits; "" when it names none."""
        try:
            sent = parameters(request)
            return _basic(request)[0] or _text(sent, "client_id")
        except Refusal:
            return ""

    def _authenticate(self, sent: dict[str, Any], request: Request, settings: SandboxSettings) -> OAuthClient:
        basic_id, basic_secret = _basic(request)
        secret, assertion = _text(sent, "client_secret"), _text(sent, "client_assertion")
        assertion_type = _text(sent, "client_assertion_type")
        if sum(map(bool, (basic_id, secret, assertion))) > 1:
            raise _invalid_request("More than one way of client authentication (RFC 6749 2.3).")
        client_id = _text(sent, "client_id")
        if basic_id and client_id not in ("", basic_id):
            raise _invalid_client("client_id is not the one of the authorization header.")
        client_id = basic_id or client_id
        if not client_id:
            raise _invalid_request("client_id is missing.")
        if assertion or assertion_type:
            if assertion_type != ASSERTION_TYPE:
                raise Refusal(400, "invalid_request", "Unsupported client_assertion_type", f"It is {ASSERTION_TYPE}.")
            if not assertion:
                raise _invalid_request("client_assertion is missing.")
            return self._by_assertion(client_id, assertion, request, settings)
        if not (basic_secret or secret):
            raise _invalid_client("The client does not authenticate itself.", basic=True)
        return self._by_secret(client_id, basic_secret or secret, basic=bool(basic_id))

    def _by_secret(self, client_id: str, secret: str, *, basic: bool) -> OAuthClient:
        client = self._usable(client_id, "client_secret", basic=basic)
        wanted = digest(secret)
        found = [hmac.compare_digest(one.digest, wanted) for one in client.secrets]
        if not any(found):
            raise _invalid_client("The client secret is wrong.", basic=basic)
        return client

    def _by_assertion(self, client_id: str, assertion: str, request: Request, settings: SandboxSettings) -> OAuthClient:
        client = self._usable(client_id, "private_key_jwt")
        reason = ""
        try:
            self._check_assertion(client, assertion, request, settings)
        except GateError as error:
            reason = error.reason
        if reason:
            raise _invalid_client(f"{reason[0].upper()}{reason[1:]}.")
        return client

    def _check_assertion(
        self, client: OAuthClient, assertion: str, request: Request, settings: SandboxSettings
    ) -> None:
        compact = inspect_login(assertion)
        now = self._state.now()
        kid = compact.header.get("kid")
        keys = [one for one in client.keys if one.kid == kid]
        if settings.key_removal_seconds:
            still_seen = now - settings.key_removal_seconds
            keys += [one for one, removed_at in client.removed_keys if one.kid == kid and removed_at > still_seen]
        if not keys or (
            settings.key_propagation_seconds and keys[0].registered_at + settings.key_propagation_seconds > now
        ):
            raise GateError("the header's kid is missing, or no registered key of the client")
        verify(compact, keys[0].key, alg=keys[0].alg, kid=keys[0].kid)
        claims = read_claims(compact.payload)
        audience = claims.get("aud")
        accepted = _accepted_audiences(self._address, self._state.host_names, request.addressed_host, settings)
        jti, remember_until = check_claims(
            claims, client_id=client.client_id, audience=audience if audience in accepted else accepted[0], now=now
        )
        if settings.jti_remembered_seconds is not None:
            remember_until = now + settings.jti_remembered_seconds
        if not self._state.use_jti(client.client_id, jti, remember_until=remember_until):
            raise GateError("jti was used before")

    def _usable(self, client_id: str, method: str, *, basic: bool = False) -> OAuthClient:
        client = self._state.clients.get(client_id)
        if client is None:
            raise _invalid_client("There is no such client.", basic=basic)
        if client.disable_tag:
            raise _invalid_client("The client is disabled.", basic=basic)
        if method not in client.fields["allowedAuthMethods"]:
            raise _invalid_client(f"The client may not authenticate itself by {method}.", basic=basic)
        return client

    def _subject(self, sent: dict[str, Any]) -> User:
        lookup = sent.get("user_lookup")
        if isinstance(lookup, str):
            try:
                lookup = strict_json(lookup.encode("utf-8"))
            except ValueError:
                lookup = None
        if not isinstance(lookup, dict) or lookup.keys() != {"field", "value"}:
            raise _invalid_request("user_lookup must be an object with field and value.")
        name = {"userId": "user_id", "subject": "subject"}.get(str(lookup["field"]))
        if name is None or not isinstance(lookup["value"], str):
            raise _invalid_request('user_lookup: field must be "userId" or "subject", value a text.')
        for user in self._state.users.values():
            if getattr(user, name) == lookup["value"] and not user.client_id:
                return user
        raise Refusal(400, "invalid_grant", "Invalid user_lookup", "There is no such user.")


def _accepted_audiences(
    address: str, host_names: tuple[str, ...], addressed: str, settings: SandboxSettings
) -> list[str]:
    """Return the token endpoint under each host name that the settings let be an audience (not published)."""
    if settings.audience_hosts == "all":
        hosts = host_names
    else:
        hosts = (addressed,) if settings.audience_hosts == "addressed" and addressed in host_names else host_names[:1]
    return [address.replace(f"://{host_names[0]}/", f"://{host}/", 1) for host in hosts]


def _scopes(wanted: str, allowed: list[str]) -> tuple[str, ...]:
    """Return what is granted: what was asked for, or all that is allowed but `offline_access`."""
    if not wanted:
        found = tuple(one for one in allowed if one != "offline_access")
    else:
        found = tuple(dict.fromkeys(wanted.split(" ")))
        if not set(found) <= set(allowed):
            raise Refusal(400, "invalid_scope", "Invalid scope", "The client may not have a scope that is asked for.")
    if not found:
        raise Refusal(400, "invalid_scope", "Invalid scope", "The client has no scope.")
    return found


def _basic(request: Request) -> tuple[str, str]:
    """Return id and secret of HTTP Basic (RFC 6749 2.3.1: form-encoded), or two empty texts."""
    header = request.header("authorization")
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError:
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id or not secret:
        raise _invalid_client("The authorization header is malformed.", basic=True)
    return unquote_plus(client_id), unquote_plus(secret)


def _text(sent: dict[str, Any], name: str) -> str:
    value = sent.get(name, "")
    if not isinstance(value, str):
        raise _invalid_request(f"{name} must be a text.")
    return value


def _invalid_request(detail: str) -> Refusal:
    return Refusal(400, "invalid_request", "Invalid request", detail)


def _invalid_client(detail: str, *, basic: bool = False) -> Refusal:
    return Refusal(401, "invalid_client", "Invalid client", detail, headers=_BASIC_CHALLENGE if basic else ())
