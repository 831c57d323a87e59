"""Who calls, and where: the settings by the options of a command, and the clients whose keys are in the Vault."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.output.results import notebook_context
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qlik_keys.auth.http_auth import TokenSource, UserLookup
    from qlik_keys.config.qlik_cli.contexts import Context
    from qlik_keys.config.settings import Settings
    from qlik_keys.tenant import QlikTenant, RetryPolicy


def resolved(
    context: str | Context | None = None,
    server: str | None = None,
    *,
    custody: str | None = None,
    login: bool = True,
    as_json: bool = False,
) -> Settings:
    """Return the settings by these options, and report on standard error what of them was normalized or ignored.

    In a notebook, `%qlik context use` counts like `--context`.

    Args:
        context: of `--context`, or what `--config` has in its place.
        server: of `--server`.
        custody: of `--custody`.
        login: False for a client, which needs no one's login but its own key.
        as_json: nothing is told: on standard error a program looks for an error's document.

    Raises:
        ConfigurationError: as `Settings.resolve`.
    """
    from qlik_keys.config.settings import Settings

    if context is None and server is None:
        context = notebook_context() or None
    settings = Settings.resolve(context=context, tenant_url=server, custody=custody, login=login)
    for notice in () if as_json else settings.notices:
        typer.echo(f"Note: {notice}.", err=True)
    return settings


@contextmanager
def as_client(
    client: str,
    settings: Settings,
    *,
    user: UserLookup | None = None,
    scopes: Sequence[str] = (),
    retry: RetryPolicy | None = None,
    watch: Callable[[QlikTenant], None] = lambda _: None,
) -> Iterator[tuple[QlikTenant, TokenSource]]:
    """Yield the tenant without a credential, and what gets tokens of a client with its key in the Vault.

    No administrator's credential is needed, so settings that were resolved without a login will do.

    Raises:
        ConfigurationError: tenant or Vault is missing, or no client of that name has a key there.
    """
    from qlik_keys.auth.http_auth import TokenSource
    from qlik_keys.keystore.lookup import ClientLookup
    from qlik_keys.keystore.tenant_folder import folder_at

    with anonymous_tenant(settings, retry=retry) as tenant, settings.store() as store:
        watch(tenant)
        client_id = ClientLookup(folder_at(tenant.http, store), tenant.host).find(client)
        yield (
            tenant,
            TokenSource.from_store(
                store, tenant_url=tenant.url, client_id=client_id, scopes=scopes, user=user, http=tenant.http
            ),
        )


@contextmanager
def token_source(
    client: str, settings: Settings, *, user: UserLookup | None = None, scopes: Sequence[str] = ()
) -> Iterator[TokenSource]:
    """Yield what gets tokens of a client with its key in the Vault, for who wants tokens and nothing else.

    Raises:
        ConfigurationError: tenant or Vault is missing, or no client of that name has a key there.
    """
    from qlik_keys.auth.token_source import TokenSource

    url = _tenant_url(settings)
    with (
        settings.store() as store,
        TokenSource.from_store(store, tenant_url=url, client_id=client, scopes=scopes, user=user) as source,
    ):
        yield source


def anonymous_tenant(settings: Settings, *, retry: RetryPolicy | None = None) -> QlikTenant:
    """Return the tenant asked without a credential.

    Raises:
        ConfigurationError: no tenant is set.
    """
    from qlik_keys.tenant import Anonymous, QlikTenant

    return QlikTenant(_tenant_url(settings), credential=Anonymous(), retry=retry)


def _tenant_url(settings: Settings) -> str:
    """Return the tenant's address.

    Raises:
        ConfigurationError: none is set.
    """
    if not settings.tenant_url:
        raise ConfigurationError("No tenant is configured.", hint="Set QLIK_TENANT_URL, or use --server or --context.")
    return settings.tenant_url


def lookup(user_id: str | None, subject: str | None) -> UserLookup | None:
    """Return whom to impersonate, None for no one.

    Raises:
        typer.BadParameter: two are named.
    """
    if user_id is not None and subject is not None:
        raise typer.BadParameter("name one user, by id or by subject, not both", param_hint="--as-user / --as-subject")
    if user_id is None and subject is None:
        return None
    from qlik_keys.auth.http_auth import UserLookup

    if subject is not None:
        return UserLookup("subject", subject)
    return None if user_id is None else UserLookup("userId", user_id)
