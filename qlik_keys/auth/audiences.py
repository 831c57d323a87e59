"""Which audience a tenant with several host names accepts (qlik-cloud-contract, "Host names"; docs/decisions/0045).

Not done here: the login that finds it out (`token_source`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qlik_keys.errors import TenantError
from qlik_keys.tenant.http.host_names import host_names
from qlik_keys.tenant.url import may_be_same_tenant, tenant_host, token_url_by

if TYPE_CHECKING:
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.tenant.http.session import Session


def audience_of(http: Session, record: ClientRecord) -> str:
    """Return the audience that a record names, where it is that of another host name and none is known to be accepted.

    Args:
        http: the tenant.
        record: the client's record.

    Returns:
        The token endpoint, "" where the audience is the tenant's (`http.audience`).
    """
    if http.is_audience_accepted:
        return ""
    is_other = record.token_url != http.token_url and may_be_same_tenant(http.url, tenant_host(record.token_url))
    return record.token_url if is_other else ""


def other_audiences(http: Session) -> list[str]:
    """Return the token endpoints under the host names that are known; the tenant is asked where none is.

    They are taken from what the server says only where this cannot name another tenant, and after the own one was
    refused (docs/decisions/0045).
    """
    names: tuple[str, ...] = ()
    with contextlib.suppress(TenantError):
        names = host_names(http, None)
    return [http.token_url, *(token_url_by(http.url, name) for name in names)]
