"""The replacement of a client's list of public keys, in the form in which the tenant takes it.

The public documents do not say what the `value` of a PATCH on `/publicKeys` looks like (qlik-cloud-contract, "Not
published"). An array of JWKs is sent; where the tenant refuses it, the form that `probe` has measured on a throw-away
client is used. No other form is tried on a client that is in use: what a tenant would make of it is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import Outcome, TenantRejected
from qlik_keys.keystore.profiles import measured_on
from qlik_keys.tenant import PatchOperation
from qlik_keys.tenant.resources.key_forms import encoded_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant, RegisteredKey
    from qlik_keys.tenant.resources.key_forms import KeysForm


def replace_keys(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    keys: Sequence[RegisteredKey],
    more: Sequence[PatchOperation] = (),
) -> None:
    """Replace a client's list of public keys.

    Args:
        tenant: the tenant; the form that it took is remembered for its other clients.
        store: has the tenant's profile, which is read only where the tenant refuses the usual form.
        client_id: the client.
        keys: the whole list.
        more: further changes in the same request.

    Raises:
        TenantRejected: the tenant refuses the list in every form that is known to work there.
        TenantError: any other failure.
    """
    documents = [key.to_dict() for key in keys]

    def patch(form: KeysForm) -> None:
        operation = PatchOperation("replace", "/publicKeys", encoded_keys(documents, form))
        tenant.oauth_clients.patch(client_id, [operation, *more])

    usual = tenant.http.keys_form
    try:
        patch(usual)
    except TenantRejected as error:
        refusal = error
    else:
        return
    profile = measured_on(store, tenant.host) if refusal.outcome is Outcome.NOT_APPLIED else None
    form = profile.keys_form if profile is not None else None
    if form in (None, usual):
        raise refusal
    patch(form)
    tenant.http.keys_form = form
