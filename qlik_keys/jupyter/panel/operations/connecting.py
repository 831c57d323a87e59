"""From what was typed in the tab "Connect" to a tenant and a key store.

A credential that was not typed may come from the settings (environment, qlik-cli's context), but only for the address
that it belongs to there: an API key is never sent to another address that was typed.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from qlik_keys.auth.http_auth import ClientSecret, StoredKeyLogin
from qlik_keys.config.settings import Settings
from qlik_keys.core.origins import same_origin
from qlik_keys.errors import ConfigurationError
from qlik_keys.keystore.vault.store import AppRole, UserPass, VaultKeyStore
from qlik_keys.tenant import ApiKey, QlikTenant, normalise_tenant_url

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.model.forms import ConnectForm
    from qlik_keys.tenant import Credential


def build_tenant(form: ConnectForm, settings: Settings, key_store: VaultKeyStore) -> QlikTenant:
    """Return the tenant that the form names; nothing is sent yet.

    Args:
        form: what was typed.
        settings: where a credential comes from that was not typed.
        key_store: has the private key of a client that logs in by it; the caller closes it after the tenant.

    Raises:
        ConfigurationError: the address is wrong, or a credential is missing or malformed.
    """
    url, _ = normalise_tenant_url(form.tenant_url)
    if form.credential == "context":
        chosen = Settings.resolve(context=form.context)
        if not same_origin(url, chosen.tenant_url):
            raise ConfigurationError(
                f"The qlik-cli context {form.context!r} is for another tenant than the address says.",
                hint="Choose the context again: it fills in its address.",
            )
        return chosen.tenant()
    typed: Credential | None = None
    if form.credential == "vault_key":
        client = form.login_client.strip()
        if not client:
            raise ConfigurationError(
                "No client to log in as is given.",
                hint="Type the id or the name of a client whose key is in the Vault.",
            )
        typed = StoredKeyLogin(key_store, client)
    if form.credential == "api_key" and form.api_key is not None:
        typed = ApiKey(form.api_key)
    elif form.credential == "client_secret" and form.client_secret is not None:
        typed = ClientSecret(form.client_id.strip(), form.client_secret)
    if typed is not None:
        return QlikTenant(form.tenant_url, credential=typed)
    known = {
        "api_key": settings.api_key is not None,
        "client_secret": settings.client_secret is not None and form.client_id.strip() == settings.client_id,
    }[form.credential]
    if known and same_origin(url, settings.tenant_url):
        return settings.tenant()
    what = "an API key" if form.credential == "api_key" else "a client secret"
    raise ConfigurationError(f"There is no credential for {url}.", hint=f"Type {what} into its field.")


def build_store(form: ConnectForm, settings: Settings) -> VaultKeyStore:
    """Return the key store in the Vault that the form names; nothing is sent yet.

    Raises:
        ConfigurationError: the address, the mount or the folder is wrong, or a credential is missing or malformed.
    """
    address = form.vault_url.strip()
    if not address:
        raise ConfigurationError("No Vault address is given.", hint="Write it as https://vault.example.com:8200.")
    is_known = bool(settings.vault_url) and same_origin(address, settings.vault_url)
    build = functools.partial(
        VaultKeyStore,
        address,
        mount=form.mount,
        prefix=form.prefix,
        namespace=form.namespace.strip() or None,
        custody=form.custody,
        **(settings.vault_network() if is_known else {}),
    )
    if form.vault_login == "approle":
        return build(login=AppRole(form.role_id.strip(), form.secret_id))
    if form.vault_login == "environment":
        if not is_known:
            raise ConfigurationError(
                "The login of the environment is for another Vault than the address says.",
                hint="Type the address that VAULT_ADDR has, or choose another login.",
            )
        return build(**settings.vault_login())
    if form.vault_login == "userpass":
        if form.secret_id is None:
            raise ConfigurationError("There is no password for that Vault.", hint="Type it into its field.")
        return build(login=UserPass(form.role_id, form.secret_id))
    token = form.vault_token
    if token is None and is_known:
        return build(**settings.vault_login())
    if token is None:
        raise ConfigurationError("There is no token for that Vault.", hint="Type it, or choose another login.")
    return build(token=token)
