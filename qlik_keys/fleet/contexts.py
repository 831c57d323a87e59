"""The qlik-cli contexts of this user as tenants of a fleet.

A context's login is looked up when its tenant is connected to, so nothing here holds a secret.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qlik_keys.config.qlik_cli.contexts import no_contexts, users_contexts
from qlik_keys.config.settings import LOGIN_VARIABLES
from qlik_keys.core.origins import same_origin
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.references import TenantReference
from qlik_keys.tenant.url import normalise_tenant_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qlik_keys.config.qlik_cli.contexts import Context, ContextFile
    from qlik_keys.config.settings import Settings

_TENANT_VARIABLE = "QLIK_TENANT_URL"
_LOGINS = ("api_key", "client_secret")


class ContextReference(TenantReference):
    """A tenant of a qlik-cli context, one of several.

    The environment's login is for one tenant: of several contexts without a login of their own, only that one gets it
    which QLIK_TENANT_URL names.
    """

    __slots__ = ()

    def settings(self, *, login: bool = True) -> Settings:
        """Return the settings of the context; see `TenantReference.settings`.

        Raises:
            ConfigurationError: there is no such context, it cannot be used, or it has no login.
        """
        found = TenantReference.settings(self, login=login)
        sources = {found.sources.get(name, "") for name in _LOGINS}
        is_for_any = sources & {*LOGIN_VARIABLES} and not os.environ.get(_TENANT_VARIABLE, "").strip()
        if login and (is_for_any or not found.has_credential):
            raise ConfigurationError(
                f"The qlik-cli context {self.context!r} has no login.",
                hint="Make it again with a login: qlik context create. The environment's login is used for the tenant "
                f"of {_TENANT_VARIABLE} alone, if both are set.",
            )
        return found


def tenants_of_contexts(names: Iterable[str] = ()) -> tuple[dict[str, ContextReference], tuple[str, ...]]:
    """Return a reference for each tenant that this user's qlik-cli contexts name, and what was left out, in words.

    Args:
        names: the contexts; without any all that are for a Qlik Cloud tenant.

    Raises:
        ConfigurationError: there are no contexts, or none of a name.
    """
    asked = [*dict.fromkeys(names)]
    contexts = users_contexts()
    if contexts is None:
        raise no_contexts(asked[0] if asked else "")
    notices: list[str] = []
    if asked:
        chosen = [contexts.get(name) for name in asked]
    else:
        chosen = [each for each in contexts.contexts.values() if each.server]
        notices = [_left_out(each) for each in contexts.contexts.values() if not each.server]
    if not chosen:
        raise ConfigurationError(
            f"No context in {contexts.path} is for a Qlik Cloud tenant.", hint="Add one with: qlik context create"
        )
    found: dict[str, ContextReference] = {}
    for same in _by_tenant(chosen):
        best = _best(same, contexts)
        others = ", ".join(repr(each.name) for each in same if each is not best)
        if others:
            notices.append(f"left out {others}: the context {best.name!r} is for the same tenant")
        found[best.name] = ContextReference(context=best.name)
    return found, tuple(notices)


def _left_out(context: Context) -> str:
    return f"left out {context.name!r}: {next(iter(context.problems), 'it has no server')}"


def _by_tenant(contexts: Sequence[Context]) -> list[list[Context]]:
    """Return contexts of one tenant together, in the order of the first of each."""
    groups: list[tuple[str, list[Context]]] = []
    for each in contexts:
        url = _url_of(each)
        same = next((group for known, group in groups if url and same_origin(known, url)), None)
        if same is None:
            groups.append((url, [each]))
        else:
            same.append(each)
    return [group for _, group in groups]


def _url_of(context: Context) -> str:
    """Return the tenant's URL, "" for one that is none: connecting says what is wrong with it."""
    try:
        return normalise_tenant_url(context.server)[0] if context.server else ""
    except ConfigurationError:
        return ""


def _best(same: Sequence[Context], contexts: ContextFile) -> Context:
    """Return of one tenant's contexts the current one, else the first; one with a login before one without."""

    def rank(context: Context) -> tuple[bool, bool]:
        return not (context.api_key or context.client_secret), context.name != contexts.current

    return min(same, key=rank)
