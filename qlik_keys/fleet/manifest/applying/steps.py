"""Each kind of change of one client, done by the operations of `lifecycle`; nothing else changes anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys import lifecycle
from qlik_keys.errors import QlikKeysError
from qlik_keys.fleet.manifest.applying.results import AppliedChange
from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP, ROTATE_AFTER
from qlik_keys.keystore.other_custody import in_custody
from qlik_keys.lifecycle.declaring import ClientFields, declare, finish_pending, update_client
from qlik_keys.lifecycle.provisioning.operations import resume_client_in
from qlik_keys.lifecycle.provisioning.run import Provisioned
from qlik_keys.lifecycle.provisioning.specification import CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from qlik_keys.fleet.manifest.comparing.changes import Kind, PlannedChange
    from qlik_keys.fleet.manifest.comparing.facts import FoundClient
    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.keystore.declarations import Declaration
    from qlik_keys.lifecycle.context import OperationContext


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
        made = lifecycle.provision(
            self._context.tenant,
            self._in_custody[declared.custody],
            name=declared.name,
            scopes=declared.scopes,
            key=(declared.key or DEFAULT_KEY) if declared.has_key else None,
            client_secret=declared.has_secret,
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
        try:
            self._declare(made.client_id, declared.mark(self._fleet, None), None)
        except QlikKeysError as problem:
            return replace(result, outcome="failed", error=problem)  # the client is there, and so is its secret
        return result

    def _finish(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        if there is not None and there.summary is not None:
            finished = [each.result for each in resume_client_in(self._context, there.client_id)]
            secrets = [each.client_secret for each in finished if isinstance(each, Provisioned)]
            return replace(result, client_secret=next((each for each in secrets if each is not None), None))
        made = finish_pending(self._context, change.client)
        if made is None:
            return result
        return replace(result, client_id=made.client_id, kid=made.kid, client_secret=made.client_secret)

    def _change(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        assert there is not None  # it was found
        declared, fields = self._declared[change.client], {name for name, _, _ in change.fields}
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        mark = there.summary.declaration if there.summary is not None else None
        # The record first: nothing may fail between a change that brings a client secret and its report.
        self._declare(change.client_id, declared.mark(self._fleet, mark), self._serves(declared, fields, mark))
        removes_secret = "methods" in fields and not declared.has_secret and CLIENT_SECRET in there.auth_methods
        if removes_secret:
            lifecycle.adopt(
                self._context.tenant, self._context.store, change.client_id, remove_secrets=True, **self._options
            )
        secret = update_client(self._context, change.client_id, _wanted(declared, there, fields))
        return replace(result, client_secret=secret)

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
