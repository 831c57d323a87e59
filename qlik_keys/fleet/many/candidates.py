"""Which clients of one tenant an operation would work on, told without reading a key.

The store's summaries say how a client's keys stand, the tenant's list what it has for scopes and methods, the audit's
table its findings; each is asked only where the selection or the operation needs it. Of a record whose metadata say
nothing (a policy may forbid to write them), the run finds out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, StoreNotFound, TenantNotFound
from qlik_keys.fleet.selection import ClientFacts
from qlik_keys.keystore.lookup import CLIENT_ID, ClientLookup
from qlik_keys.lifecycle.many import FleetResult
from qlik_keys.lifecycle.options import AdoptOptions, RetireOptions, RotateOptions
from qlik_keys.lifecycle.ownership import is_trusted
from qlik_keys.rules.records import OPERATION_INTERRUPTED
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from qlik_keys.fleet.selection import Selection
    from qlik_keys.keystore.base import KeySummary
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.options import Options
    from qlik_keys.tenant import ClientOverview

_BY_SECRET = "client_secret"  # noqa: S105  # an authentication method
Found = TypeVar("Found")
State = Literal["ready", "started", "held", "overlapping", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClient:
    """A client that an operation would work on.

    Attributes:
        client_id: its id, "" for one that is still being made.
        name: its name, "" where only its record tells it.
        state: "ready"; "started", an operation on it was interrupted and is finished; "held", its old key is due and
            stays until its hooks have succeeded; "overlapping", it has an old key that must go before it gets another
            one; "unknown", only its record tells how it stands, and the run reads it.
        is_at_once: its fleet file says that an old key does not go on at a rotation, and the operation is not told
            otherwise.
    """

    client_id: str
    name: str = ""
    state: State = "ready"
    is_at_once: bool = False


@dataclass(slots=True)
class Candidates:
    """What was found at one tenant.

    Attributes:
        clients: on which the operation would work, by their names.
        done: how many of the selected ones need nothing.
        unmanaged: how many would be meant, were they managed by qlik_keys.
        missing: what the selection names and the tenant has not.
        problems: clients about which the tenant or the store did not tell.
        pending_hooks: names of the hooks that the looked at clients have pending.
    """

    clients: list[PlannedClient] = field(default_factory=list)
    done: int = 0
    unmanaged: int = 0
    missing: list[str] = field(default_factory=list)
    problems: list[FleetResult] = field(default_factory=list)
    pending_hooks: set[str] = field(default_factory=set)


def candidates_of(
    work: OperationContext,
    operation: str,
    selection: Selection,
    options: Options,
    *,
    now: datetime,
    made_before: datetime | None = None,
) -> Candidates:
    """Return the clients of a tenant on which an operation would work.

    Args:
        work: tenant and store.
        operation: one of `operations.FACTS`.
        selection: which clients are meant.
        options: the operation's.
        now: the time, UTC.
        made_before: of a revocation: a key that was made at that moment or later is replaced already.

    Raises:
        TenantError, StoreError: one of them could not be asked.
    """
    search = _Search(work, operation, selection, options, now=now, made_before=made_before)
    search.look()
    search.found.clients.sort(key=lambda each: (each.name, each.client_id))
    return search.found


class _Search:
    def __init__(
        self,
        work: OperationContext,
        operation: str,
        selection: Selection,
        options: Options,
        *,
        now: datetime,
        made_before: datetime | None,
    ) -> None:
        self._work, self._operation, self._selection, self._options = work, operation, selection, options
        self._now, self._made_before = now, made_before
        self._host = work.tenant.host
        self._without_clients = replace(selection, clients=())  # a name was looked up: a record may have an older one
        self._named: set[str] | None = None
        self._listed: dict[str, ClientOverview] = {}
        self._findings: dict[str, tuple[str, ...]] = {}
        self._consents: dict[str, str] = {}
        self.found = Candidates()

    def look(self) -> None:
        """Fill `found`."""
        if self._selection.clients:
            self._named = self._ids_of_named()
        if self._selection.findings:
            from qlik_keys.inventory.findings_by_client import findings_by_client  # noqa: PLC0415  # brings pandas

            self._findings = findings_by_client(self._work.tenant, self._work.store, clock=self._work.clock)
        has_record = set(self._work.store.client_ids(self._host))
        is_by_tenant = self._operation in ("adopt", "trust")
        if self._selection.scopes or is_by_tenant:
            pages = self._work.tenant.oauth_clients.overviews()
            self._listed = {each["client_id"]: each for page in pages for each in page}
        wanted = set(self._listed) if is_by_tenant else has_record
        if self._named is not None:
            wanted = self._among_named(wanted, has_record)
        if self._operation == "trust":
            self._look_at_consents(wanted, has_record)
        else:
            self._look_at_records(wanted, has_record)
        if self._operation == "resume":
            pending = self._work.store.pending(self._host, on_damaged=lambda _: None)
            self.found.clients += [
                PlannedClient(client_id=each.client_id, name=each.name, state="started") for each in pending
            ]

    def _ids_of_named(self) -> set[str]:
        """Return the ids of the clients that the selection names; what is not found is missing."""
        lookup = ClientLookup.of(self._work.tenant, self._work.store)
        names = [each for each in self._selection.clients if not CLIENT_ID.fullmatch(each)]
        ids = {*self._selection.clients} - {*names}
        for name, answer in zip(names, side_by_side(_or_none(lookup.find), names), strict=True):
            if isinstance(answer, str):
                ids.add(answer)
            else:
                self._note_absence(name, answer)
        return ids

    def _among_named(self, wanted: Collection[str], has_record: Collection[str]) -> set[str]:
        """Return the named ids that the tenant, or the store, has; the others are missing."""
        named = self._named or set()
        unknown = sorted(named - {*wanted} - {*has_record})
        get = self._work.tenant.oauth_clients.get
        for client_id, answer in zip(unknown, side_by_side(_or_none(get), unknown), strict=True):
            if answer is None or isinstance(answer, QlikKeysError):
                self._note_absence(client_id, answer)
                named.discard(client_id)
        return named

    def _note_absence(self, named: str, problem: QlikKeysError | None) -> None:
        if problem is None:
            self.found.missing.append(named)
            return
        is_id = CLIENT_ID.fullmatch(named) is not None
        client_id, name = (named, "") if is_id else ("", named)
        self.found.problems.append(FleetResult(client_id=client_id, name=name, outcome="failed", error=problem))

    def _facts(self, client_id: str, summary: KeySummary | None) -> ClientFacts:
        listed = self._listed.get(client_id)
        return ClientFacts(
            client_id=client_id,
            name=listed["client_name"] if listed else summary.client_name if summary else "",
            scopes=None if listed is None else listed["allowed_scopes"],
            findings=self._findings.get(client_id, ()),
            key_made=summary.made_at if summary else None,
            rotate_by=summary.rotate_by if summary else None,
            serves=summary.rotate_after if summary and _is_as_declared(self._options) else None,
            by_secret_alone=None if listed is None else _is_by_secret_alone(listed),
        )

    def _is_about(self, facts: ClientFacts) -> bool:
        if self._named is not None:
            return facts.client_id in self._named and self._without_clients.is_about(facts)
        return self._selection.is_about(facts)

    def _fits(self, facts: ClientFacts) -> bool:
        return self._is_about(facts) and self._without_clients.fits(facts, self._now)

    def _look_at_records(self, wanted: Collection[str], has_record: Collection[str]) -> None:
        ids = sorted({*wanted} & {*has_record} if self._operation == "adopt" else wanted)
        if self._findings or self._selection.findings:
            names = {*self._selection.findings, OPERATION_INTERRUPTED.name}
            ids = [of for of in ids if not names.isdisjoint(self._findings.get(of, ()))]
        shown = dict(zip(ids, self._summaries(ids), strict=True))
        if self._operation == "adopt":
            wanted = {of for of in wanted if CLIENT_CREDENTIALS in self._listed_grants(of)} | shown.keys()
            shown |= {of: None for of in wanted if of not in shown}
        for client_id, answer in shown.items():
            if isinstance(answer, QlikKeysError):
                name = self._listed[client_id]["client_name"] if client_id in self._listed else ""
                failed = FleetResult(client_id=client_id, name=name, outcome="failed", error=answer)
                self.found.problems.append(failed)
            else:
                self._judge(client_id, answer, has_record=client_id in has_record)

    def _listed_grants(self, client_id: str) -> tuple[str, ...]:
        listed = self._listed.get(client_id)
        return () if listed is None else listed["allowed_grant_types"]

    def _summaries(self, ids: Sequence[str]) -> list[KeySummary | QlikKeysError | None]:
        return side_by_side(lambda client_id: self._work.store.summary(self._host, client_id), ids)

    def _judge(self, client_id: str, summary: KeySummary | None, *, has_record: bool) -> None:
        """Decide about one client by what the store shows of it."""
        facts = self._facts(client_id, summary)
        if self._operation == "adopt":
            self._judge_adoption(facts, summary, has_record=has_record)
            return
        if summary is None:
            # A foreign document, or a record without metadata: its name is not known either.
            named = self._named is not None and client_id in self._named
            may_be_meant = self._named is None and self._operation != "resume" and CLIENT_ID.fullmatch(client_id)
            if named or may_be_meant:
                self.found.clients.append(PlannedClient(client_id=client_id, name=facts.name, state="unknown"))
            return
        self.found.pending_hooks |= {*summary.pending_hooks}
        if summary.is_in_progress and self._is_about(facts):
            is_other = self._operation == "revoke" and (summary.operation is None or summary.operation.name != "revoke")
            if not is_other:
                self._add(facts, "started")
                return
        if not self._fits(facts):
            return
        if self._is_to_do(summary):
            self._add(facts, self._state_of(summary), is_at_once=self._is_at_once(summary))
        elif self._operation != "resume":
            self.found.done += 1

    def _is_to_do(self, summary: KeySummary) -> bool:
        if self._operation == "retire":
            assert isinstance(self._options, RetireOptions)
            return summary.retire_at is not None and (self._options.force or summary.retire_at <= self._now)
        if self._operation == "resume":
            return bool(summary.pending_hooks)
        if self._operation == "revoke":
            moment = self._made_before
            if moment is None or summary.is_in_progress or summary.retire_at is not None:
                return True  # of an old key in its overlap only the record tells when it was made
            return summary.made_at is None or summary.made_at < moment
        return self._operation == "rotate" and bool(summary.current_kid)

    def _state_of(self, summary: KeySummary) -> State:
        if isinstance(self._options, RetireOptions) and not self._options.force and summary.pending_hooks:
            return "held"
        has_old = summary.retire_at is not None and summary.retire_at > self._now
        return "overlapping" if has_old and isinstance(self._options, RotateOptions) else "ready"

    def _judge_adoption(self, facts: ClientFacts, summary: KeySummary | None, *, has_record: bool) -> None:
        if summary is not None and summary.is_in_progress and self._is_about(facts):
            self._add(facts, "started")
        elif not self._fits(facts):
            return
        elif has_record and not self._lacks_adoption(facts) and not self._selection.findings:
            self.found.done += 1
        else:
            self._add(facts, "ready")

    def _lacks_adoption(self, facts: ClientFacts) -> bool:
        """Tell whether a client that has a record has no key, or a secret that is to be removed."""
        assert isinstance(self._options, AdoptOptions)
        listed = self._listed.get(facts.client_id)
        has_secret = listed is not None and _BY_SECRET in listed["allowed_auth_methods"]
        return bool(facts.by_secret_alone) or (self._options.remove_secrets and has_secret)

    def _look_at_consents(self, wanted: Collection[str], has_record: Collection[str]) -> None:
        """Look up the consent method of the machines that are meant; those of others are only counted."""
        meant = []
        for client_id in sorted(wanted):
            if self._named is None and CLIENT_CREDENTIALS not in self._listed_grants(client_id):
                continue
            if not self._fits(self._facts(client_id, None)):
                continue
            if self._named is None and client_id not in has_record:
                self.found.unmanaged += 1
            else:
                meant.append(client_id)
        for client_id, answer in zip(meant, side_by_side(self._is_trusted, meant), strict=True):
            facts = self._facts(client_id, None)
            if isinstance(answer, QlikKeysError):
                failed = FleetResult(client_id=client_id, name=facts.name, outcome="failed", error=answer)
                self.found.problems.append(failed)
            elif answer:
                self.found.done += 1
            else:
                self._add(facts, "ready")

    def _is_trusted(self, client_id: str) -> bool:
        return is_trusted(self._work.tenant, client_id)

    def _is_at_once(self, summary: KeySummary) -> bool:
        declared = summary.declaration.overlap_seconds if summary.declaration is not None else None
        return isinstance(self._options, RotateOptions) and self._options.overlap is None and declared == 0

    def _add(self, facts: ClientFacts, state: State, *, is_at_once: bool = False) -> None:
        client = PlannedClient(client_id=facts.client_id, name=facts.name, state=state, is_at_once=is_at_once)
        self.found.clients.append(client)


def _is_as_declared(options: Options) -> bool:
    """Tell whether the next key of a declared client serves as long as its current one."""
    return getattr(options, "rotate_after", None) is None


def _is_by_secret_alone(listed: ClientOverview) -> bool:
    is_machine = CLIENT_CREDENTIALS in listed["allowed_grant_types"]
    return is_machine and _BY_SECRET in listed["allowed_auth_methods"] and not listed["public_keys"]


def _or_none(look_up: Callable[[str], Found]) -> Callable[[str], Found | None]:
    """Return what tells of an absence by None: many errors in a row would be the sign of a server that is down."""

    def look(key: str) -> Found | None:
        try:
            return look_up(key)
        except (TenantNotFound, StoreNotFound):
            return None

    return look
