"""The checks of the workshop (03-workshop.ipynb): each says ✓, or what is still missing, and never raises."""

from __future__ import annotations

from typing import Any

import qlik_keys as qk
from qlik_keys.tenant import eq


class Checks:
    """Looks at the tenant and at the Vault, and says how far an exercise is.

    Args:
        tenant: the sandbox's tenant.
        store: the key store.
    """

    def __init__(self, tenant: qk.QlikTenant, store: qk.VaultKeyStore) -> None:
        self._tenant = tenant
        self._store = store

    def exercise_1(self) -> bool:
        """A client "etl" that logs in by a key of ours."""
        client = self._client("etl")
        if client is None:
            return _not_yet("There is no client with the name etl.")
        if list(client.allowed_auth_methods) != ["private_key_jwt"]:
            return _not_yet("It should log in by private key JWT, and by nothing else.")
        if not self._key_ids(client):
            return _not_yet("The Vault has no key of it. Use provision(), or the panel.")
        return _done("etl is there, and the Vault has its key.")

    def exercise_2(self, me: Any) -> bool:
        """The answer of users/me, asked as that client."""
        client = self._client("etl")
        if client is None or not isinstance(me, dict):
            return _not_yet("Put the answer of /api/v1/users/me, a dict, into `me`.")
        if me.get("subject") != f"qlikbot\\{client.client_id}":
            return _not_yet(f"`me` is {me.get('subject')!r}: that is somebody else. Use PrivateKeyJwtAuth.")
        return _done("You logged in with a private key. Qlik's own tools cannot.")

    def exercise_3(self, refused: Any) -> bool:
        """The error of a login with a key that the tenant does not know."""
        if not isinstance(refused, qk.errors.AssertionRejected):
            return _not_yet("Catch the error of source.token() in `refused`.")
        return _done(f"Refused, as it should be. The hint of the error: {refused.hint}")

    def exercise_4(self) -> bool:
        """Two keys beside each other, the newer one current."""
        client = self._client("etl")
        if client is None or len(client.public_keys) != 2:  # noqa: PLR2004
            return _not_yet("Rotate etl with an overlap: the tenant should have two of its keys.")
        return _done("Both keys log in until the overlap is over: nobody notices a rotation.")

    def exercise_5(self) -> bool:
        """The old key gone on both sides."""
        client = self._client("etl")
        if client is None or len(client.public_keys) != 1:
            return _not_yet("The tenant should have one key of etl. Retire the old one, by force.")
        if [key.kid for key in client.public_keys] != self._key_ids(client):
            return _not_yet("The Vault has other keys than the tenant.")
        return _done("One key, the same on both sides.")

    def exercise_6(self, by_secret: Any) -> bool:
        """How many clients log in by a client secret alone, and one of them mended."""
        found = qk.audit(self._tenant, self._store)
        adopted = self._client("seeded-00003")
        wanted = int((found["finding"] == "secret-only").sum())
        if adopted is None or "private_key_jwt" not in adopted.allowed_auth_methods:
            return _not_yet("Adopt seeded-00003: it should have a key of ours.")
        if by_secret != wanted + 1:
            return _not_yet("How many were there before you mended one? Count the finding secret-only.")
        return _done(f"There were {by_secret}, and now there is one less.")

    def exercise_7(self, leaked_kid: Any) -> bool:
        """The key that was out is on neither side any more."""
        client = self._client("etl")
        if client is None or not isinstance(leaked_kid, str):
            return _not_yet("Note the current kid in `leaked_kid`, then revoke.")
        if leaked_kid in {key.kid for key in client.public_keys} | set(self._key_ids(client)):
            return _not_yet("That key is still there.")
        return _done("Whoever has the old key is locked out; the job reads the new one.")

    def exercise_8(self) -> bool:
        """A client whose key the Vault never gives out."""
        client = self._client("vault-only")
        if client is None:
            return _not_yet("There is no client with the name vault-only.")
        summary = self._store.summary(self._tenant.host, client.client_id)
        if summary is None or summary.custody != "transit":
            return _not_yet("Its key lies in the KV store. Use a VaultKeyStore with custody='transit'.")
        return _done("The Vault signs for it, and nobody can read its key. Not even you.")

    def _client(self, name: str) -> Any:
        return next(iter(self._tenant.oauth_clients.list(eq("clientName", name))), None)

    def _key_ids(self, client: Any) -> list[str]:
        try:
            return list(self._store.read(self._tenant.host, client.client_id).keys)
        except qk.errors.StoreNotFound:
            return []


def _done(words: str) -> bool:
    print("✓", words)  # noqa: T201
    return True


def _not_yet(words: str) -> bool:
    print("○ Not yet.", words)  # noqa: T201
    return False
