"""What to do next, from what the tenant and the store say: a pure function.

Tenant and store are the only journal (docs/concepts/lifecycle.md): anyone who reads the two and asks `plan` gets the
same next step, on any machine, after any crash. Nothing here reads a clock, a network or a disk; `run` does what the
plan says and asks again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlik_keys.lifecycle.actions import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.keystore.base import ClientRecord, Custody, PendingClient
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
    from qlik_keys.tenant import OAuthClient


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantState:
    """What the tenant says.

    Attributes:
        clients: the clients that bear the name or hold the pending key, oldest first.
        consents: the consent method of each of them that was asked for, by client id.
    """

    clients: Sequence[OAuthClient] = ()
    consents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What the store says.

    Attributes:
        pending: the document that waits under the name, if any.
        records: the records of the tenant state's clients, by client id.
    """

    pending: PendingClient | None = None
    records: Mapping[str, ClientRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """The request for a client, with what this run alone can know.

    Attributes:
        specification: what the client should be.
        custody: who should hold its key; None where no one says so: a resumed run takes what is there.
        registered: ids of the clients that this run has registered.
        secret_known: this run holds the client secret, which the tenant shows once.
        consent_known: the tenant is known to have the consent that was asked for.
        verified: the key in the store has logged in.
    """

    specification: ClientSpecification
    custody: Custody | None = None
    registered: frozenset[str] = frozenset()
    secret_known: bool = False
    consent_known: bool = False
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Do this, then ask again.

    Attributes:
        action: what to do.
        client_id: to which client, where there is one.
    """

    action: Action
    client_id: str = ""


# What is pending was started from a stale look, before another actor's client of that name was finished: it has no
# client.
DISCARD = Step(Action.REMOVE_PENDING)


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do: this client is what was asked for."""

    client_id: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A person must decide.

    Attributes:
        message: what is in the way.
        hint: what the person can do.
        differences: field -> (asked for, there).
    """

    message: str
    hint: str
    differences: Mapping[str, tuple[object, object]] = field(default_factory=dict)


def plan(tenant: TenantState, store: StoreState, intent: Provision) -> Step | Done | Conflict:
    """Return the next step towards the intent, or that it is done, or why a person must decide."""
    if store.pending is None:
        return _plan_without_pending(tenant, store, intent)
    return _plan_pending(tenant, store, store.pending, intent)


def _plan_without_pending(tenant: TenantState, store: StoreState, intent: Provision) -> Step | Done | Conflict:
    name = intent.specification.name
    ours = [client for client in tenant.clients if client.client_id in store.records]
    others = [client for client in tenant.clients if client.client_id not in store.records]
    duplicate = _duplicate(others, ours, store, intent)
    if duplicate:
        return Step(Action.REMOVE_DUPLICATE, duplicate)
    if not tenant.clients:
        return Step(Action.WRITE_PENDING)
    if not ours:
        return Conflict(
            f"The tenant has a client named {name!r} that is not managed by qlik_keys ({others[0].client_id}).",
            "Choose another name, or adopt that client.",
        )
    if len(tenant.clients) > 1:
        ids = ", ".join(client.client_id for client in tenant.clients)
        return Conflict(f"The tenant has {len(tenant.clients)} clients named {name!r}: {ids}.", "Rename all but one.")
    client = ours[0]
    differences = intent.specification.differences(
        client,
        store.records[client.client_id],
        custody=intent.custody,
        consent=tenant.consents.get(client.client_id),
    )
    if differences:
        told = "; ".join(
            f"{key}: requested {asked!r}, existing {there!r}" for key, (asked, there) in differences.items()
        )
        return Conflict(
            f"The client {name!r} exists with another specification. {told}.",
            "Request the existing specification, choose another name, or change the client: `rotate` changes key, "
            "custody and rotation period; change the rest in Qlik's console.",
            differences,
        )
    return Done(client.client_id)


def _duplicate(
    others: Sequence[OAuthClient], ours: Sequence[OAuthClient], store: StoreState, intent: Provision
) -> str | None:
    """Return a client that a second actor's run (or a lost answer) made of the same request, None for none.

    It is ours for certain: this run registered it, or it bears the name *and* holds a key whose private half is in
    our store under the other client. Where there is no other, this run registered it from a document that someone has
    removed in the same moment, with the client that was there: no one has its key.
    """
    our_kids = {kid for client in ours for kid in store.records[client.client_id].keys}
    for client in others:
        if client.client_id in intent.registered or our_kids & {key.kid for key in client.public_keys}:
            return client.client_id
    return None


def _plan_pending(
    tenant: TenantState, store: StoreState, pending: PendingClient, intent: Provision
) -> Step | Done | Conflict:
    specification = intent.specification
    if pending.specification != specification.to_document():
        return Conflict(
            f"A client named {specification.name!r} is already being created with another specification.",
            "Finish that one first (resume), or choose another name.",
        )
    mine = [client for client in tenant.clients if _is_mine(client, pending, store, intent)]
    bound = next((client for client in mine if client.client_id == pending.client_id), None)
    surplus = [client.client_id for client in tenant.clients if _is_surplus(client, mine, bound, store, intent)]
    if surplus:
        return Step(Action.REMOVE_DUPLICATE, surplus[0])
    if bound is None:
        if mine:
            return Step(Action.BIND, mine[0].client_id)
        if any(client.client_id in store.records for client in tenant.clients):
            return DISCARD
        if tenant.clients:
            return Conflict(
                f"While {specification.name!r} was being created, another user created a client of that name "
                f"({tenant.clients[0].client_id}).",
                "Rename that client and resume, or choose another name.",
            )
        return Step(Action.REGISTER)
    return _plan_bound(bound, store, intent)


def _plan_bound(bound: OAuthClient, store: StoreState, intent: Provision) -> Step:
    if bound.client_id not in store.records:
        return Step(Action.RECORD, bound.client_id)
    if not intent.consent_known:
        return Step(Action.TRUST, bound.client_id)
    if intent.specification.client_secret and not intent.secret_known:
        return Step(Action.REPLACE_SECRET, bound.client_id)
    if not intent.verified:
        return Step(Action.VERIFY, bound.client_id)
    return Step(Action.REMOVE_PENDING, bound.client_id)


def _is_mine(client: OAuthClient, pending: PendingClient, store: StoreState, intent: Provision) -> bool:
    if pending.key is None and client.client_id in intent.registered:
        return True  # by secret alone, it has no key to be known by once another one is bound
    # The claim comes before the record: one that has a record and is not bound is another document's.
    is_recorded_elsewhere = client.client_id in store.records and client.client_id != pending.client_id
    return is_made_from(client, pending) and not is_recorded_elsewhere


def _is_surplus(
    client: OAuthClient, mine: Sequence[OAuthClient], bound: OAuthClient | None, store: StoreState, intent: Provision
) -> bool:
    """Tell whether that client is one too many: made of the pending record, as the bound one, or of a lost record.

    The latter is a client that this run registered from a document that is not there any more: no one has its key.
    """
    if client in mine:
        return bound is not None and client is not bound
    return client.client_id in intent.registered and client.client_id not in store.records


def is_made_from(client: OAuthClient, pending: PendingClient) -> bool:
    """Tell whether that client was registered from this pending record.

    A key is verification enough. A client that logs in by secret alone has none, so it must bear the name and be
    younger than the pending record (with a minute for the clocks' difference), which was written when the name was
    free.
    """
    if pending.key is not None:
        return pending.key.kid in {key.kid for key in client.public_keys}
    if pending.client_id:
        return client.client_id == pending.client_id
    younger = client.created_at is None or (client.created_at - pending.pending_at).total_seconds() > -60  # noqa: PLR2004
    return client.client_name == pending.name and not client.public_keys and younger
