"""What a tenant says about itself to anyone: its OAuth endpoints (RFC 8414), and by its `Date` what time it has.

For people and for checks. No address is ever taken from it; of its host names, see `tenant.http.host_names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.errors import TenantError
from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.clock_skew import skew_seconds
from qlik_keys.tenant.http.failures import status_error
from qlik_keys.tenant.http.host_names import METADATA_PATH
from qlik_keys.tenant.resources.models import AuthorizationServerMetadata, parse

if TYPE_CHECKING:
    from qlik_keys.tenant.http.calls import Answer
    from qlik_keys.tenant.http.session import Session

# Not 429, which lets the tier wait, and no 5xx, which may pass: those are repeated.
_REFUSALS = frozenset(range(400, 500)) - {408, 429}
_FIRST_ERROR = 400
_HINT = "Check the tenant URL: what answers there does not seem to be a Qlik Cloud tenant."


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """An answer to the question for the metadata, whatever it was.

    Attributes:
        metadata: what the tenant says, None where it says nothing that can be read.
        problem: why not, None where it does.
        skew_seconds: our clock minus the server's, None where its answer has no date.
    """

    metadata: AuthorizationServerMetadata | None
    problem: TenantError | None
    skew_seconds: float | None


def metadata_answer(http: Session, *, accept: frozenset[int] = frozenset()) -> Answer:
    """Request the metadata without a credential, and return the answer unread.

    Args:
        http: the tenant.
        accept: statuses that are an answer too, and no error.

    Raises:
        TenantError: there was no answer, or another one.
    """
    return http.send(Call(method="GET", path=METADATA_PATH, tier=1, again="always", accept=accept), None)


def read_metadata(http: Session) -> AuthorizationServerMetadata:
    """Return the metadata; see `QlikTenant.metadata`."""
    return _read(metadata_answer(http))


def discover(http: Session) -> Discovery:
    """Ask for the metadata without a credential.

    Raises:
        TenantError: there was no answer, or one that says that the tenant cannot answer now.
    """
    answer = metadata_answer(http, accept=_REFUSALS)
    metadata, problem = None, None
    if answer.status >= _FIRST_ERROR:
        problem = status_error(
            answer.status,
            answer.problem,
            host=http.host,
            method="GET",
            path=METADATA_PATH,
            retry_after=None,
            hints=dict.fromkeys(_REFUSALS, _HINT),
        )
    else:
        try:
            metadata = _read(answer)
        except TenantError as error:
            problem = error
    return Discovery(metadata=metadata, problem=problem, skew_seconds=skew_seconds(answer))


def _read(answer: Answer) -> AuthorizationServerMetadata:
    return parse(AuthorizationServerMetadata, answer.content, "GET", METADATA_PATH)
