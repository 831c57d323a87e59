"""The checks of the workshop (03-workshop.ipynb): each says ✓, or what is wrong with what was done; none raises.

An answer is looked up by its name when a check runs, so a check before its answer says that, and is no NameError.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import qlik_keys as qk

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from qlik_keys.tenant import OAuthClient

_RUN_THE_FIRST = "Run the first cell of this notebook: it starts the sandbox, and where it has ended, another one."
_NEED_ETL = "There is no client with the name etl: do exercise 1 first."
_HOUR = timedelta(hours=1)
_ROTATE = "qk.rotate(tenant, store, etl_id, overlap=timedelta(hours=1))"


class NotYetError(Exception):
    """The answer of a learner is not right yet; the text says what to do."""


class Checks:
    """Checks an exercise on the tenant and in the Vault, and says what is missing.

    Args:
        panel: the panel, which is connected to the sandbox.
        answers: the learner's variables; `etl_id` is put there when exercise 1 is done.
    """

    def __init__(self, panel: qk.Panel, answers: MutableMapping[str, Any]) -> None:
        self._panel = panel
        self._answers = answers
        self._seen_kids: dict[str, None] = {}  # every kid that etl was seen with, in their order

    def check(self, exercise: object = None) -> None:
        """Print the state of an exercise, or what to write if none is named."""
        checks: dict[int, Callable[[], str]] = {
            1: self._client_with_a_key,
            2: self._logged_in,
            3: self._refused,
            4: self._rotated,
            5: self._retired,
            6: self._audited,
            7: self._revoked,
            8: self._kept_in_the_vault,
        }
        if exercise is None:
            _say("○", "Write which exercise: check(1) to check(8).")
            return
        if type(exercise) is not int or exercise not in checks:
            _say("○", f"There is no exercise {exercise!r}: they are 1 to 8.")
            return
        try:
            _say("✓", checks[exercise]())
        except NotYetError as problem:
            _say("○ Not yet.", str(problem))
        except qk.QlikKeysError as problem:
            _say("○ The sandbox cannot be reached.", f"{problem} {_RUN_THE_FIRST}")

    # --- the exercises ---

    def _client_with_a_key(self) -> str:
        client = self._client("etl")
        if client is None:
            raise NotYetError(_no_client("etl", self._like("etl"), _PROVISION))
        self._answers["etl_id"] = client.client_id
        if "private_key_jwt" not in client.allowed_auth_methods:
            raise NotYetError(f"etl has no key: it logs in by a client secret. {_again(client)}")
        if "client_secret" in client.allowed_auth_methods:
            raise NotYetError(
                f"etl may also log in by a client secret, but it must have its key only. {_again(client)}"
            )
        if list(client.allowed_scopes) != ["user_default"]:
            has = ", ".join(client.allowed_scopes)
            raise NotYetError(f"etl has the scopes {has}, but it must have user_default only. {_again(client)}")
        if not self._key_ids(client):
            raise NotYetError(
                "The Vault has no key of etl, so it cannot log in from here. Make the key and the client in one go, "
                f"by qk.provision or in the panel. {_again(client)}"
            )
        self._note(client)
        return f"etl is there, and the Vault has its key. Its id is in `etl_id` from now on: {client.client_id}"

    def _logged_in(self) -> str:
        client = self._etl()
        me = self._answer("me")
        if not isinstance(me, Mapping):
            what = type(me).__name__
            is_answer = hasattr(me, "status_code")
            hint = " Take its .json()." if is_answer else " Call with httpx and PrivateKeyJwtAuth."
            raise NotYetError(f"`me` is of the type {what}, and shall be what the tenant answers, a dict.{hint}")
        subject = me.get("subject")
        if subject is None:
            raise NotYetError(
                "`me` has no subject, so it is no answer of users/me: was the call refused? Print `me`. The path is "
                "/api/v1/users/me, and redirects have to be followed."
            )
        if subject != f"qlikbot\\{client.client_id}":
            hint = " That is the administrator, by an API key." if not str(subject).startswith("qlikbot") else ""
            raise NotYetError(f"`me` is {subject!r}, and shall be etl's bot.{hint} Call with PrivateKeyJwtAuth.")
        return "You logged in with a private key. Qlik's own tools cannot."

    def _refused(self) -> str:
        refused = self._answer("refused")
        if isinstance(refused, type):
            raise NotYetError("`refused` is the class of an error, and shall be the error: `except … as error`.")
        if isinstance(refused, qk.errors.AssertionRejected):
            etl_id = self._etl().client_id
            if etl_id not in str(refused):
                raise NotYetError(
                    f"The tenant refused another client than etl: {refused} Ask with client_id=etl_id, which is its id."
                )
            return f"Refused, as it should be. The hint of the error: {refused.hint}"
        if isinstance(refused, BaseException):
            raise NotYetError(
                f"`refused` is a {type(refused).__name__}, which says something else: {refused} The tenant was not asked "
                "with a strange key. Ask source.token() with stranger.signer() as the signer."
            )
        raise NotYetError(
            f"`refused` is of the type {type(refused).__name__}, and shall be the error itself. If there was none, the "
            "key that signed is registered: sign with one that qk.generate made."
        )

    def _rotated(self) -> str:
        client = self._etl()
        kids = [key.kid for key in client.public_keys]
        if len(kids) == 1:
            if len(self._seen_kids) > 1 and kids[0] in self._seen_kids:
                raise NotYetError(
                    "etl has one key, and the one before it is gone. If that was exercise 5, go on; otherwise rotate it "
                    f"with an overlap: {_ROTATE}"
                )
            if kids[0] in self._seen_kids:
                raise NotYetError(f"etl still has its one key. Rotate it with an overlap: {_ROTATE}")
            raise NotYetError(
                "etl has one key. If you rotated it: the overlap was zero, so the old key went at once. Rotate it with "
                f"an overlap: {_ROTATE}"
            )
        if len(kids) != 2:  # noqa: PLR2004  # the old one and the new one
            raise NotYetError(f"etl has {len(kids)} keys on the tenant, and shall have two. {_again(client)}")
        missing = [kid for kid in kids if kid not in self._key_ids(client)]
        if missing:
            raise NotYetError(f"The key {missing[0]} is registered, but the Vault does not have it. {_again(client)}")
        record = self._panel.store.read(self._panel.tenant.host, client.client_id)
        ends, since = record.old_keys_end, record.current.promoted_at if record.current is not None else None
        if ends is not None and since is not None and abs(ends - since - _HOUR) > _HOUR / 2:
            hours = round((ends - since) / _HOUR, 1)
            raise NotYetError(
                f"The overlap is {hours:g} hours, and shall be one. Remove the old key, "
                f"qk.retire_due(tenant, store, etl_id, force=True), and rotate it again: {_ROTATE}"
            )
        self._note(client)
        return "Both keys log in until the overlap is over: no consumer is interrupted by a rotation."

    def _retired(self) -> str:
        client = self._etl()
        kids = [key.kid for key in client.public_keys]
        if len(kids) > 1:
            raise NotYetError(
                f"The tenant has {len(kids)} keys of etl still. The overlap is not over, so say that you mean it: "
                "qk.retire_due(tenant, store, etl_id, force=True)"
            )
        if len(self._seen_kids) < 2 and kids == [*self._seen_kids]:  # noqa: PLR2004  # never rotated
            raise NotYetError("etl has the one key that it was made with: rotate it first, exercise 4.")
        if kids != self._key_ids(client):
            raise NotYetError(f"The Vault has other keys than the tenant. {_again(client)}")
        self._note(client)
        return "One key, the same on both sides."

    def _audited(self) -> str:
        adopted = self._client("seeded-00003")
        if adopted is None:
            raise NotYetError("There is no client seeded-00003: run the cell with seed_clients first.")
        by_secret = self._answer("by_secret")
        if isinstance(by_secret, bool) or not hasattr(by_secret, "__index__"):
            raise NotYetError(
                f"`by_secret` is of the type {type(by_secret).__name__}, and shall be a whole number: how many rows of the "
                "audit have the finding secret-only."
            )
        found = qk.audit(self._panel.tenant, self._panel.store)
        left = int((found["finding"] == "secret-only").sum())
        if "private_key_jwt" not in adopted.allowed_auth_methods or not self._key_ids(adopted):
            if by_secret != left:
                raise NotYetError(f"`by_secret` is {by_secret}: count the rows with the finding secret-only alone.")
            raise NotYetError("The number is right. Now give seeded-00003 a key: qk.adopt, by its id or its name.")
        if "client_secret" in adopted.allowed_auth_methods or adopted.client_secrets:
            raise NotYetError(
                "seeded-00003 has a key now, and its client secret too. Remove it: "
                f'qk.adopt(tenant, store, "{adopted.client_id}", remove_secrets=True)'
            )
        if by_secret == left:
            raise NotYetError(
                f"`by_secret` is {by_secret}: that is how many there are now. Before you fixed one there was one more."
            )
        if by_secret != left + 1:
            raise NotYetError(
                f"`by_secret` is {by_secret}, which is not how many there were. Count the rows with the finding "
                "secret-only, and the one that you fixed."
            )
        return f"There were {by_secret}, and now there is one less."

    def _revoked(self) -> str:
        client = self._etl()
        leaked = self._answer("leaked_kid")
        if not isinstance(leaked, str):
            raise NotYetError(
                f"`leaked_kid` is of the type {type(leaked).__name__}, and shall be the kid, a text: "
                'store.read(tenant.host, etl_id).current.kid, or "…" from the tab Clients.'
            )
        registered = [key.kid for key in client.public_keys]
        kids = self._key_ids(client)
        if leaked in registered and len(registered) > 1:
            raise NotYetError(
                "That key still logs in: qk.rotate leaves it until the overlap is over. A compromised key goes at once: "
                "qk.revoke(tenant, store, etl_id)"
            )
        if leaked in registered and leaked in self._seen_kids:
            raise NotYetError("That key still logs in: qk.revoke(tenant, store, etl_id) replaces it.")
        if leaked in registered:
            raise NotYetError(
                "`leaked_kid` is the key that etl has now. If you noted it after the revocation, note the kid first and "
                "revoke again; if you have not revoked it yet: qk.revoke(tenant, store, etl_id)"
            )
        if leaked in kids:
            raise NotYetError("The tenant refuses that key, but the Vault still has it. Run qk.revoke again.")
        removed = self._panel.store.read(self._panel.tenant.host, client.client_id).removed_kids
        if leaked not in (*self._seen_kids, *removed):
            raise NotYetError(
                f"`leaked_kid` is {leaked!r}, which is no kid that etl ever had. Note the current kid of the store, and "
                "revoke it."
            )
        return "The old key no longer logs in; the job reads the new one."

    def _kept_in_the_vault(self) -> str:
        client = self._client("vault-only")
        if client is None:
            raise NotYetError(
                _no_client(
                    "vault-only", self._like("vault-only"), 'Make it with a VaultKeyStore(…, custody="transit").'
                )
            )
        if "client_secret" in client.allowed_auth_methods:
            raise NotYetError(
                "vault-only may also log in by a client secret, which can leak, but it must have its key only. "
                f"{_again(client)}"
            )
        summary = self._panel.store.summary(self._panel.tenant.host, client.client_id)
        if summary is None or not summary.current_kid:
            raise NotYetError(f"The Vault has no key of vault-only. {_again(client)}")
        if summary.custody != "transit":
            raise NotYetError(
                "Its key lies in the KV store, where anyone who may read the secret can read it. There is a way back: give "
                "it a key that the Vault makes, and remove the other at once: "
                'qk.rotate(tenant, store, "vault-only", custody="transit", overlap=timedelta(0))'
            )
        if self._key_ids(client) != [summary.current_kid]:
            raise NotYetError(
                "The Vault signs for it now, but its older key still lies in the KV store. Remove it: "
                'qk.retire_due(tenant, store, "vault-only", force=True)'
            )
        return "The Vault signs for it, and no one can read its key. Not even you."

    # --- reading the state ---

    def _answer(self, name: str) -> Any:
        value = self._answers.get(name, ...)
        if value is ...:
            raise NotYetError(f"There is nothing in `{name}` yet: write your answer into the cell above and run it.")
        return value

    def _etl(self) -> OAuthClient:
        client = self._client("etl")
        if client is None:
            raise NotYetError(_NEED_ETL)
        self._answers.setdefault("etl_id", client.client_id)
        return client

    def _client(self, name: str) -> OAuthClient | None:
        """Return the client of exactly that name: a tenant's filter does not tell capitals from small letters."""
        # A learner who ran seed_clients twice has two of a name: the one that was worked on counts.
        same = [client for client in self._like(name) if client.client_name == name]
        return next(
            (client for client in same if "private_key_jwt" in client.allowed_auth_methods), next(iter(same), None)
        )

    def _like(self, name: str) -> list[OAuthClient]:
        from qlik_keys.tenant import eq  # noqa: PLC0415  # a check before the first cell needs none

        return [*self._panel.tenant.oauth_clients.iterate(eq("clientName", name))]

    def _key_ids(self, client: OAuthClient) -> list[str]:
        try:
            return list(self._panel.store.read(self._panel.tenant.host, client.client_id).keys)
        except qk.errors.StoreNotFound:
            return []

    def _note(self, client: OAuthClient) -> None:
        self._seen_kids |= dict.fromkeys(key.kid for key in client.public_keys)


_PROVISION = 'Make it in the tab New client, or by qk.provision(tenant, store, name="etl", scopes=["user_default"]).'
_checks: list[Checks] = []


def begin(answers: MutableMapping[str, Any]) -> qk.Panel:
    """Return a panel that is connected to the sandbox, and check from now on what is done there.

    Called again, when the first cell is run twice, it is the same sandbox with all that was made there.

    Args:
        answers: the notebook's variables, `globals()`.
    """
    if not _checks or _checks[0]._panel.tenant is None:  # noqa: SLF001  # of this module
        panel = qk.Panel()
        panel.start_sandbox()
        _checks[:] = [Checks(panel, answers)]
    return _checks[0]._panel  # noqa: SLF001


def check(exercise: int) -> None:
    """Print how far an exercise is: ✓, or what is wrong with what was done."""
    if not _checks or _checks[0]._panel.tenant is None:  # noqa: SLF001  # of this module
        _say("○ The sandbox is not running.", _RUN_THE_FIRST)
        return
    _checks[0].check(exercise)


def _no_client(name: str, like: list[OAuthClient], how: str) -> str:
    if not like:
        return f"There is no client with the name {name}. {how}"
    other = like[0]
    return (
        f"There is a client {other.client_name!r}; the exercise asks for {name!r}, letter for letter: names that differ "
        f"in capitals are different clients. {_again(other)}"
    )


def _again(client: OAuthClient) -> str:
    client_id = client.client_id
    return f'To begin again, delete it: qk.delete(tenant, store, "{client_id}", confirm="{client_id}")'


def _say(mark: str, words: str) -> None:
    print(mark, words)  # noqa: T201
