"""One probe: what it measures in which order, and that nothing of it is left behind."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from qlik_keys.auth.token_endpoint import revoke_token
from qlik_keys.core.arguments import CALLBACK, CLOCK, FLAG, TEXT, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.diagnosis.probe import looks, measurements
from qlik_keys.diagnosis.probe.asking import Login
from qlik_keys.diagnosis.probe.assumptions import ASSUMPTIONS
from qlik_keys.diagnosis.probe.results import Anonymizer, Observation, ProbeReport
from qlik_keys.diagnosis.probe.throwaway import NAME, ThrowAwayClient, end_earlier_tokens, new_key, remove_all
from qlik_keys.errors import (
    ClockSkewError,
    ConfigurationError,
    Interrupted,
    ManualActionRequired,
    Outcome,
    QlikKeysError,
    TenantAuthError,
    TenantConflict,
    TenantError,
    TenantRejected,
)
from qlik_keys.keystore.lookup import check_sides
from qlik_keys.keystore.optional import KeepsProfiles
from qlik_keys.keystore.profiles import TenantProfile, measured_on
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.tenant.http.versions import requested_version

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import Exchange, QlikTenant
    from qlik_keys.tenant.resources.key_forms import KeysForm
    from qlik_keys.tenant.resources.raw import RawAnswer

LOOKS: tuple[tuple[str, Callable[[ProbeRun], Observation]], ...] = (
    ("users-me", looks.look_at_users_me),
    ("host-names", looks.look_at_host_names),
    ("token-list", looks.look_at_token_list),
    ("events", looks.look_at_events),
    ("page-length", looks.look_at_page_length),
)
MEASUREMENTS: tuple[tuple[str, Callable[[ProbeRun], Observation]], ...] = (
    ("client-id", measurements.measure_client_id),
    ("first-login", measurements.measure_first_login),
    ("token", measurements.measure_token),
    ("machine-tokens", measurements.measure_machine_tokens),
    ("empty-scope", measurements.measure_empty_scope),
    ("filters", measurements.measure_filters),
    ("absent-member", measurements.measure_absent_member),
    ("keys-form", measurements.measure_keys_form),
    ("new-key", measurements.measure_new_key),
    ("removed-key", measurements.measure_removed_key),
    ("audiences", measurements.measure_audiences),
    ("replayed-jti", measurements.measure_replayed_jti),
    ("most-keys", measurements.measure_most_keys),
    ("login-events", measurements.measure_login_events),
    ("after-deletion", measurements.measure_after_deletion),
)


def what_it_does(host: str, *, read_only: bool = False) -> str:
    """Return what a probe does and what stays, to be told before it is asked for.

    Args:
        host: the tenant's.
        read_only: for a probe that makes no client.
    """
    if read_only:
        return f"It reads from {host}, and sends a few requests that are refused. It changes nothing."
    return (
        f"It creates a client named {NAME} on {host}, logs in as it, changes its keys, and deletes it: about a minute, "
        "and about 75 requests. What stays: the client's bot user (Qlik Cloud creates it at the first login), and "
        "entries in the tenant's events."
    )


def probe(
    tenant: QlikTenant,
    store: KeyStore | None = None,
    *,
    confirm: str = "",
    read_only: bool = False,
    names: bool = False,
    on_look: Callable[[str, int, int], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> ProbeReport:
    """Measure what a tenant does where Qlik's public documents leave it open.

    It makes one throw-away client, and deletes it whatever happens; what an earlier probe left is deleted first. What
    it finds and the product uses (the form in which keys are taken, how long a new key takes, the accepted audiences)
    is written to the store, next to the clients' records. It never provokes a rate limit.

    Args:
        tenant: the tenant, with a Tenant Admin's credential.
        store: where the measured profile is kept; without one it is only in the report.
        confirm: the tenant's host once more, since a client is made; not needed with `read_only`.
        read_only: make no client, and measure what needs none.
        names: leave the names of tenant, clients and people in the report.
        on_look: told what is measured next, how many are done, and of how many.
        cancel: when set, it stops after what it is measuring, and cleans up.
        clock: time.

    Returns:
        What was seen, with what the product does about it; secrets are never in it.

    Raises:
        ConfigurationError: `confirm` is not the tenant's host.
        Interrupted: cancelled; nothing is left.
        ClockSkewError: this machine's clock is too far off for any login; nothing is left.
        ManualActionRequired: the client could not be deleted again.
        TenantError: the tenant cannot be asked at all.
        TypeError: an argument is of another type.

    Example:
        >>> print(probe(tenant, store, confirm=tenant.host).to_text())  # doctest: +SKIP
    """
    check_sides(tenant, store, may_lack_store=True)
    require(TEXT, confirm=confirm)
    require(FLAG, read_only=read_only, names=names)
    optional(CALLBACK, on_look=on_look)
    require(CLOCK, clock=clock)
    if not read_only and confirm != tenant.host:
        raise ConfigurationError(
            f"A probe of {tenant.host} must be confirmed. {what_it_does(tenant.host)}",
            hint=f"Pass confirm={tenant.host!r}, or read_only=True.",
        )
    run = ProbeRun(tenant, names=names, on_look=on_look, cancel=cancel, clock=clock, read_only=read_only)
    counted: list[Exchange] = []
    unsubscribe = tenant.subscribe(counted.append)
    try:
        run.perform()
    finally:
        unsubscribe()
    folder = None if store is None or read_only else folder_of(tenant, store)
    unkept = "" if folder is None else run.keep_measured(folder)
    return run.report(requests=len(counted), unkept=unkept)


class ProbeRun:
    """What one probe knows so far.

    Attributes:
        tenant: the tenant.
        clock: time.
        client: the throw-away client.
        second_key: another key for it.
        anonymizer: makes what the tenant says fit for the report.
        host_names: the tenant's.
        keys_form: the form in which keys are taken, None for none.
        replayed: an assertion that was used, when, and whether it was accepted a second time.
        has_bot: whether the client's bot user is left.
        logs_in: whether a key of it was accepted.
        is_disturbed: the client was deleted by others while it was measured.
        measured: what the profile has.
    """

    def __init__(
        self,
        tenant: QlikTenant,
        *,
        names: bool,
        on_look: Callable[[str, int, int], None] | None,
        cancel: threading.Event | None,
        clock: Clock,
        read_only: bool,
    ) -> None:
        self.tenant = tenant
        self.clock = clock
        self.client = ThrowAwayClient(tenant)
        self.second_key = new_key()
        self.anonymizer = Anonymizer(tenant.http.redactor, keeps_names=names)
        self.anonymizer.replace(tenant.host, "the tenant")
        self.host_names: tuple[str, ...] = ()
        self.keys_form: KeysForm | None = None
        self.replayed: tuple[Secret, float, bool] | None = None
        self.logs_in = True
        self.has_bot = self.is_disturbed = False
        self.measured: dict[str, Any] = {}
        self._names = names
        self._on_look = on_look or (lambda _name, _done, _all: None)
        self._cancel = cancel
        self._read_only = read_only
        self._is_asked_for = False
        self._found: dict[str, Observation] = {}
        self._refusals: dict[str, Any] = {}

    def perform(self) -> None:
        """Measure all of it, and leave nothing.

        Raises:
            Interrupted: cancelled.
            ClockSkewError: this machine's clock is too far off for any login.
            ManualActionRequired: the client could not be deleted again.
            TenantError: the tenant cannot be asked at all, or makes no client.
        """
        self._look("users-me", looks.look_at_users_me, is_first=True)
        for name, look in LOOKS[1:]:
            self._look(name, look)
        self._refusals.update(looks.look_at_refusals(self))
        if self._read_only:
            self._look("next-page", looks.look_at_next_page)
            return
        self._clean_up()
        self.quietly(lambda: end_earlier_tokens(self.tenant, utc_now(self.clock)))
        try:
            if not self._make():
                return
            self.anonymizer.replace(self.client.client_id, "client")
            self._look("next-page", looks.look_at_next_page)  # there is one client more now
            for name, measure in MEASUREMENTS:
                self._look(name, measure)
                if name == "first-login":
                    self.quietly(lambda: measurements.begin_replay(self))
                if name == "filters":
                    self._refusals.update(measurements.refusals_with_client(self))
        finally:
            self._clean_up()

    def keep_measured(self, store: KeyStore) -> str:
        """Write what was measured to the store; what was not measured this time stays as an earlier probe wrote it.

        Returns:
            Why it is not kept, fit for the report; "" if it is.
        """
        if not isinstance(store, KeepsProfiles):
            return "This key store keeps no such measurements."
        if self.is_disturbed:
            return "The client was deleted by another probe or user while it was measured."
        if not self.measured:
            return "No client could be made."
        before = measured_on(store, self.tenant.host)
        earlier = {} if before is None else {one.name: getattr(before, one.name) for one in fields(before)}
        profile = TenantProfile(**{**earlier, "probed_at": utc_now(self.clock), **self.measured})
        try:
            store.write_profile(self.tenant.host, profile)
        except QlikKeysError as error:  # what was measured is told, also where it cannot be kept
            return f"The key store did not take it ({type(error).__name__})."  # its words name hosts and paths
        return ""

    def report(self, *, requests: int, unkept: str = "") -> ProbeReport:
        """Return what was seen."""
        self._found["refusals"] = Observation(
            name="refusals", seen=f"{len(self._refusals)} bodies, below", details=self._refusals
        )
        deprecated = ", ".join(endpoint.name for endpoint in self.tenant.deprecations)
        told = f"deprecated: {deprecated}" if deprecated else "nothing is deprecated"
        self._found["api-version"] = Observation(name="api-version", seen=f"accepted, {told}")
        stays = ["entries in the tenant's events"] if not self._read_only else []
        if self.has_bot:
            which = f" qlikbot\\{self.client.client_id}" if self._names else ""
            stays.insert(0, f"the bot user{which} of the client that was deleted")
        return ProbeReport(
            tenant=self.tenant.host if self._names else "the tenant",
            at=utc_now(self.clock),
            api_version=requested_version(),
            is_read_only=self._read_only,
            requests=requests,
            observations=tuple(self._found[name] for name in ASSUMPTIONS if name in self._found),
            stays=tuple(stays),
            unkept=unkept,
        )

    def stop(self) -> None:
        """Stop if that was asked for.

        Raises:
            Interrupted: it was.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise Interrupted("The probe was cancelled.", hint="Its client was deleted; start it again at any time.")

    def keep(self, login: Login) -> None:
        """Keep a token, so that it is ended afterwards."""
        if login.token is not None:
            self.client.tokens.append(login.token)

    def end_tokens(self) -> bool:
        """End the tokens that were kept; return whether there were any."""
        had_some = bool(self.client.tokens)
        while self.client.tokens:
            token = self.client.tokens.pop()
            self.quietly(lambda token=token: revoke_token(self.tenant.http, token))  # type: ignore[misc]
        return had_some

    def is_taken(self, call: Callable[[], object]) -> bool:
        """Tell whether the tenant takes a change.

        Raises:
            TenantError: it neither took nor refused it.
        """
        try:
            call()
        except TenantRejected:
            return False
        return True

    def refusal(self, call: Callable[[], RawAnswer | Login]) -> dict[str, Any]:
        """Return the answer to a call that should be refused, fit for the report."""
        try:
            answer = call()
        except TenantError as error:
            return {"status": error.status, "error": type(error).__name__}
        if isinstance(answer, Login):
            self.keep(answer)
            return {"status": answer.status, "body": self.anonymizer.document(dict(answer.document))}
        body: Any = answer.content_type or "empty"
        with contextlib.suppress(TenantError):
            body = answer.json()
        return {"status": answer.status, "body": self.anonymizer.document(body)}

    def quietly(self, call: Callable[[], object]) -> None:
        """Do something that may fail without harm."""
        with contextlib.suppress(QlikKeysError):
            call()

    def _make(self) -> bool:
        """Make the client; a refusal is what was seen.

        Raises:
            TenantError: the tenant neither made nor refused it.
        """
        self._is_asked_for = True
        self._tell("client")
        try:
            self.client.make()
        except (TenantRejected, TenantAuthError, TenantConflict) as error:
            why = f"refused with {error.status}: {self.anonymizer.text(error.message)}"
            self._found["client"] = Observation(name="client", seen=why)
            return False
        self._found["client"] = Observation(name="client", seen="made")
        return True

    def _tell(self, name: str) -> None:
        """Tell what is measured next, unless to stop was asked for."""
        self.stop()
        count = len(ASSUMPTIONS) if not self._read_only else sum(not one.needs_client for one in ASSUMPTIONS.values())
        self._on_look(ASSUMPTIONS[name].question, len(self._found), count)

    def _look(self, name: str, look: Callable[[ProbeRun], Observation], *, is_first: bool = False) -> None:
        self._tell(name)
        try:
            self._found[name] = look(self)
        except (Interrupted, ClockSkewError):
            raise
        except QlikKeysError as error:
            if is_first:
                raise
            why = self.anonymizer.text(error.message)
            self._found[name] = Observation(name=name, seen=f"{type(error).__name__}: {why}", is_measured=False)

    def _clean_up(self) -> None:
        """End the tokens, and delete every client of a probe.

        Raises:
            ManualActionRequired: one could not be deleted.
        """
        self.end_tokens()
        _, problem = remove_all(self.tenant)
        if problem is None:
            return
        if isinstance(problem, TenantAuthError) and not self._is_asked_for:
            raise problem  # no client of this run can be there: the caller may not manage clients
        raise ManualActionRequired(
            f"The probe's client {NAME} on {self.tenant.host} could not be deleted ({problem.message})",
            hint="Run the probe again, which deletes it first, or delete the client in Qlik's console.",
            outcome=Outcome.UNKNOWN,
        )
