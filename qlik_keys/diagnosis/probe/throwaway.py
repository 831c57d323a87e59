"""The throw-away client of a probe, and its end: whatever a probe leaves, the next one finds by its name."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.errors import QlikKeysError, TenantNotFound, TenantRejected
from qlik_keys.keys import KeySpec, generate
from qlik_keys.lifecycle.remains import end_tokens
from qlik_keys.tenant import NewOAuthClient, PatchOperation, eq
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS
from qlik_keys.tenant.resources.key_forms import encoded_keys
from qlik_keys.tenant.resources.users import BOT_SUBJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from qlik_keys.core.secret import Secret
    from qlik_keys.keys import PrivateKey
    from qlik_keys.tenant import OAuthClient, QlikTenant
    from qlik_keys.tenant.resources.key_forms import KeysForm

NAME = "qlik_keys-probe"
DESCRIPTION = "Made by qlik-keys probe for a few seconds; it may be deleted."
SCOPES = ("user_default",)
_MOST_BOTS = 100
_LONGEST_TOKEN = timedelta(days=2)  # no lifetime is promised; six hours are usual


class ThrowAwayClient:
    """A client that lives as long as a probe; its keys are in memory alone.

    Args:
        tenant: the tenant, with an administrator's credential.

    Attributes:
        client_id: its id, "" before it is made.
        key: its first key.
        secret: its client secret, None for none.
        tokens: the tokens that it was given.
    """

    def __init__(self, tenant: QlikTenant) -> None:
        self._tenant = tenant
        self.client_id = ""
        self.key = new_key()
        self.secret: Secret | None = None
        self.tokens: list[Secret] = []

    def make(self) -> None:
        """Make the client: by key and by client secret, so that both can be measured.

        Raises:
            TenantError: it was not made, or by `outcome` may have been; `remove_all` finds it then.
        """
        made = self._tenant.oauth_clients.create(
            NewOAuthClient(
                app_type="web",
                client_name=NAME,
                description=DESCRIPTION,
                allowed_scopes=SCOPES,
                allowed_grant_types=(CLIENT_CREDENTIALS,),
                allowed_auth_methods=("private_key_jwt", "client_secret"),
                public_keys=(self.key.public,),
                consent_method="trusted",
            )
        )
        self.client_id, self.secret = made.client.client_id, made.client_secret

    def registered_kids(self) -> list[str]:
        """Return the kids of its registered keys."""
        return [key.kid for key in self._tenant.oauth_clients.get(self.client_id).public_keys]

    def set_keys(self, keys: Sequence[PrivateKey], form: KeysForm) -> None:
        """Replace its list of public keys.

        Raises:
            TenantRejected: the tenant refuses it.
        """
        value = encoded_keys([key.public.to_dict() for key in keys], form)
        self._tenant.oauth_clients.patch(self.client_id, [PatchOperation("replace", "/publicKeys", value)])

    def remove(self) -> bool:
        """Delete the client; return whether it was still there."""
        try:
            self._tenant.oauth_clients.delete(self.client_id)
        except TenantNotFound:
            return False
        return True


def new_key() -> PrivateKey:
    """Return a new key, of the kind that is made fastest."""
    return generate(KeySpec("ES384"))


def leftovers(tenant: QlikTenant) -> Iterator[OAuthClient]:
    """Yield the throw-away clients that are on the tenant, those of earlier probes too.

    Raises:
        TenantError: they could not be listed.
    """
    try:
        found = tenant.oauth_clients.list(eq("clientName", NAME))
    except TenantRejected:  # a tenant that takes no filter
        found = tenant.oauth_clients.list()
    for client in found:
        if client.client_name == NAME and client.description == DESCRIPTION:
            yield client


def end_earlier_tokens(tenant: QlikTenant, now: datetime) -> None:
    """End the tokens that a probe left which was killed behind its client's end: its bot bears the same name.

    Raises:
        TenantError: the tenant does not list its users or their tokens.
    """
    for user in tenant.users.search(NAME, limit=_MOST_BOTS):
        is_recent = user.created_at is None or user.created_at > now - _LONGEST_TOKEN
        if user.name == NAME and user.subject.startswith(BOT_SUBJECT) and is_recent:
            for token in tuple(tenant.oauth_tokens.of_user(user.id)):
                with contextlib.suppress(TenantNotFound):  # it has expired in between
                    tenant.oauth_tokens.end(token.id)


def remove_all(tenant: QlikTenant) -> tuple[list[str], QlikKeysError | None]:
    """Delete every throw-away client, having ended the tokens that the tenant lists of it: they would outlive it.

    Returns:
        Their ids, and why one could not be deleted, None where all are gone.
    """
    removed: list[str] = []
    problem: QlikKeysError | None = None
    try:
        for client in leftovers(tenant):
            end_tokens(tenant, client.client_id)  # before: a run that is killed here is found by its client
            try:
                tenant.oauth_clients.delete(client.client_id)
            except TenantNotFound:
                continue
            removed.append(client.client_id)
    except QlikKeysError as error:
        problem = error
    return removed, problem
