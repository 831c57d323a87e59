"""Each kind of change of one client, done by the operations of `lifecycle`; nothing else changes anything."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys import lifecycle
from qlik_keys.errors import QlikKeysError, StoreError
from qlik_keys.fleet.manifest.applying.results import AppliedChange
from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP, ROTATE_AFTER
from qlik_keys.keystore.other_custody import in_custody
from qlik_keys.lifecycle.declaring import ClientFields, declare, finish_pending, note_secret_shown, update_client
from qlik_keys.lifecycle.provisioning.operations import resume_client_in
from qlik_keys.lifecycle.provisioning.run import Provisioned
from qlik_keys.lifecycle.provisioning.specification import CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from qlik_keys.fleet.manifest.comparing.changes import Kind, PlannedChange
    from qlik_keys.fleet.manifest.comparing.facts import FoundClient
    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.keystore.declarations import Declaration
    from qlik_keys.lifecycle.context import OperationContext


_MAKES_KEYS = frozenset({"create", "finish", "rotate", "unmanaged"})
_UNSEEN = (  # no secret, what is said of one
    "It has a client secret that this run has not shown. If no one has it, because the run that made it was "
    "interrupted, delete it and create another one: `qlik-keys oauth-client client-secret create ID`."
)


class ChangeSteps:
    """Does the changes of one tenant, each by its kind; called from several threads.

    Args:
        context: the tenant, the store and the hooks.
        fleet: the name of the file's fleet.
        declared: the clients that should be there, by name.
    """

    def __init__(self, context: OperationContext, *, fleet: str, declared: Mapping[str, DeclaredClient]) -> None:
        self._context, self._fleet, self._declared = context, fleet, declared
        self._options: dict[str, Any] = {"cancel": context.cancel, "clock": context.clock}
        self._of_keys = self._options | {"hooks": context.hooks}
        # One for each custody: the tenant keeps what it knows of a store's folder by the store.
        self._in_custody = {each: in_custody(context.store, each) for each in (None, "kv", "transit")}

    def perform(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        """Do one change; what was made before a failure is part of the result."""
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        steps: dict[Kind, Callable[[PlannedChange, FoundClient | None], AppliedChange]] = {
            "create": self._create,
            "finish": self._finish,
            "change": self._change,
            "mark": self._change,
            "retire": self._retire,
            "rotate": self._rotate,
            "unmanaged": self._adopt,
            "removed": self._delete,
        }
        try:
            return steps[change.kind](change, there)
        except QlikKeysError as problem:
            return replace(result, outcome="failed", error=problem)

    # --- each kind ---

    def _create(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        declared = self._declared[change.client]
        # With a key, the secret comes by a change: its record says by then that it is awaited.
        adds_secret = declared.has_key and declared.has_secret
        made = lifecycle.provision(
            self._context.tenant,
            self._in_custody[declared.custody],
            name=declared.name,
            scopes=declared.scopes,
            key=(declared.key or DEFAULT_KEY) if declared.has_key else None,
            client_secret=declared.has_secret and not adds_secret,
            description=declared.description or "",
            impersonation=bool(declared.impersonation),
            trusted=declared.consent != "required",
            rotate_after=declared.rotate_after,
            **self._options,
        )
        result = AppliedChange(
            change=change,
            outcome="done",
            client_id=made.client_id,
            kid=made.kid,
            client_secret=made.client_secret,
            warnings=made.warnings,
        )
        mark = replace(declared.mark(self._fleet, None), awaits_secret=declared.has_secret)
        try:
            self._declare(made.client_id, mark, None)
            if not adds_secret:
                return result
            wanted = ClientFields(auth_methods=declared.methods)
            return replace(result, client_secret=update_client(self._context, made.client_id, wanted))
        except QlikKeysError as problem:
            return replace(result, outcome="failed", error=problem)  # the client is there, and so may be its secret

    def _finish(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        if there is not None and there.summary is not None:
            mark, is_busy = there.summary.declaration, there.summary.is_in_progress or there.summary.pending_hooks
            if mark is not None and mark.awaits_secret and not is_busy:
                return self._make_another_secret(result)
            finished = [each.result for each in resume_client_in(self._context, there.client_id)]
            secrets = [each.client_secret for each in finished if isinstance(each, Provisioned)]
            return replace(result, client_secret=next((each for each in secrets if each is not None), None))
        made = finish_pending(self._context, change.client)
        if made is None:
            return result
        return replace(result, client_id=made.client_id, kid=made.kid, client_secret=made.client_secret)

    def _make_another_secret(self, result: AppliedChange) -> AppliedChange:
        """Make a client secret in place of one whose answer was lost; that one is not deleted: someone may have it."""
        clients = self._context.tenant.oauth_clients
        before = clients.get(result.client_id).client_secrets
        made = clients.create_secret(result.client_id)
        hints = ", ".join(each.hint for each in before)
        warning = (
            f"It has older client secrets ({hints}), and the last of them may have been shown to no one. Delete what "
            f"no one has: `qlik-keys oauth-client client-secret rm {result.client_id} HINT`, or in Qlik's console."
        )
        return replace(result, client_secret=made.client_secret, warnings=(warning,) if before else ())

    def note_secret(self, result: AppliedChange) -> AppliedChange:
        """Let the record say that the new client secret was handed over; return the result, with a warning if not."""
        try:
            note_secret_shown(self._context, result.client_id)
        except QlikKeysError as problem:
            warning = (
                f"Its record could not be written, so the next `apply` makes another client secret: {problem.message}"
            )
            return replace(result, warnings=(*result.warnings, warning))
        return result

    def remove_left_keys(self, changes: Iterable[PlannedChange], found: Mapping[str, FoundClient]) -> None:
        """Remove keys in Transit that an interrupted run had Vault make for these clients, and that no record names.

        It is one list of the engine's keys, and more only where one of them has no name in the metadata.
        """
        store = self._context.store
        names, known = set(), set()
        for change in changes:
            if change.kind not in _MAKES_KEYS:
                continue
            there = found.get(change.client_id)
            summary = None if there is None else there.summary
            custody = self._declared[change.client].custody or (store.custody if summary is None else summary.custody)
            if custody == "transit":
                names |= {change.client, *([] if there is None else [there.name])}
                names |= set() if summary is None else {summary.client_name}
        if names:
            known |= {each.summary.reference for each in found.values() if each.summary is not None}
            with contextlib.suppress(StoreError):  # `resume` reports it; what follows needs other rights
                store.sweep(self._context.tenant.host, of=names, known=known)

    def _change(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        assert there is not None  # it was found
        declared, fields = self._declared[change.client], {name for name, _, _ in change.fields}
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        mark = there.summary.declaration if there.summary is not None else None
        wanted = declared.mark(self._fleet, mark)
        if "methods" in fields and declared.has_secret and CLIENT_SECRET not in there.auth_methods:
            wanted = replace(wanted, awaits_secret=True)
        # The record first: nothing may fail between a change that brings a client secret and its report. If the answer
        # is lost all the same, the record says that a secret was made and shown to no one.
        self._declare(change.client_id, wanted, self._serves(declared, fields, mark))
        removes_secret = "methods" in fields and not declared.has_secret and CLIENT_SECRET in there.auth_methods
        if removes_secret:
            lifecycle.adopt(
                self._context.tenant, self._context.store, change.client_id, remove_secrets=True, **self._options
            )
        secret = update_client(self._context, change.client_id, _wanted(declared, there, fields))
        is_in_doubt = mark is None and declared.has_secret and not declared.has_key and secret is None
        return replace(result, client_secret=secret, warnings=(_UNSEEN,) if is_in_doubt else ())

    @staticmethod
    def _serves(declared: DeclaredClient, fields: set[str], mark: Declaration | None) -> timedelta | None:
        """Return how long the current key should serve, None where that stays as it is."""
        return declared.rotate_after if "rotate-after" in fields or mark is None else None

    def _declare(self, client_id: str, mark: Declaration, rotate_after: timedelta | None) -> None:
        declare(self._context, client_id, declaration=mark, rotate_after=rotate_after)

    def _retire(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        retired = lifecycle.retire_due(self._context.tenant, self._context.store, change.client_id, **self._options)
        warnings = tuple(warning for each in retired for warning in each.warnings)
        return AppliedChange(change=change, outcome="done", client_id=change.client_id, warnings=warnings)

    def _rotate(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        declared = self._declared[change.client]
        if there is None or there.summary is None or not there.summary.current_kid:
            return self._adopt(change, there)
        rotated = lifecycle.rotate(
            self._context.tenant,
            self._context.store,
            change.client_id,
            key=declared.key,
            overlap=DEFAULT_OVERLAP if declared.overlap is None else declared.overlap,
            rotate_after=declared.rotate_after,
            custody=declared.custody,
            **self._of_keys,
        )
        return AppliedChange(
            change=change, outcome="done", client_id=change.client_id, kid=rotated.kid, warnings=rotated.warnings
        )

    def _adopt(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        declared = self._declared[change.client]
        adopted = lifecycle.adopt(
            self._context.tenant,
            self._context.store,
            change.client_id,
            key=declared.key,
            remove_secrets=declared.methods == (PRIVATE_KEY_JWT,),
            rotate_after=declared.rotate_after or ROTATE_AFTER,
            custody=declared.custody,
            **self._of_keys,
        )
        return AppliedChange(
            change=change, outcome="done", client_id=change.client_id, kid=adopted.kid, warnings=adopted.warnings
        )

    def _delete(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        deleted = lifecycle.delete(
            self._context.tenant, self._context.store, change.client_id, confirm=change.client_id
        )
        return AppliedChange(
            change=change, outcome="done", client_id=change.client_id, warnings=tuple(deleted.warnings)
        )


def _wanted(declared: DeclaredClient, there: FoundClient, fields: set[str]) -> ClientFields:
    """Return what the fields of a client should be, of those that the plan names; grants of others' are kept."""
    grants, methods = None, None
    if {"machine-to-machine", "impersonation"} & fields:
        kept = [grant for grant in there.grant_types if declared.impersonation is None or grant != IMPERSONATION]
        grants = tuple(dict.fromkeys([*kept, CLIENT_CREDENTIALS, *([IMPERSONATION] if declared.impersonation else [])]))
    if "methods" in fields and declared.methods is not None:
        others = [method for method in there.auth_methods if method not in (PRIVATE_KEY_JWT, CLIENT_SECRET)]
        methods = (*others, *declared.methods)
    return ClientFields(
        name=declared.name if "name" in fields else None,
        description=declared.description if "description" in fields else None,
        scopes=declared.scopes if "scopes" in fields else None,
        grant_types=grants,
        auth_methods=methods,
        consent=declared.consent if "consent" in fields else None,
    )
