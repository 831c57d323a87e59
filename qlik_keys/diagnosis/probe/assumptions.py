"""What the probe measures: each assumption with what is expected, and what the product does about the answer.

Source of each expectation: qlik-cloud-contract ("Not published", and the section of the call).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that is measured.

    Attributes:
        name: its stable name.
        question: what is measured.
        expected: the answer that the product expects, as `Observation.seen` words it; "" where any will do.
        reaction: what the product does about it.
        needs_client: whether a client is made for it.
    """

    name: str
    question: str
    expected: str
    reaction: str
    needs_client: bool = True


_KEEPS_TRYING = "A new key is tried for a minute, or for twice as long as was measured."

ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        one.name: one
        for one in (
            Assumption(
                "api-version",
                "Is the API version that calls ask for accepted?",
                "accepted, nothing is deprecated",
                "QLIK_API_VERSION sets another version; deprecated endpoints are findings of the audit.",
                needs_client=False,
            ),
            Assumption(
                "host-names",
                "Which host names does the tenant have, and which is in use?",
                "",
                "Every host name leads to the same records.",
                needs_client=False,
            ),
            Assumption(
                "users-me",
                "Where does users/me lead?",
                "redirects to the user's own address on the same host",
                "A redirect is followed within the tenant's own host names alone.",
                needs_client=False,
            ),
            Assumption(
                "page-length",
                "How many clients may a page of a list have?",
                "100 at most",
                "100 are asked for, and pages are followed whatever their length.",
                needs_client=False,
            ),
            Assumption(
                "next-page",
                "What names the next page of a list?",
                "a whole address with the parameter next",
                "Only the query of that address is used, and no other host is called.",
                needs_client=False,
            ),
            Assumption(
                "token-list",
                "What does this caller see of oauth-tokens?",
                "a list",
                "Without it, the living tokens of a client that is deleted cannot be listed or ended.",
                needs_client=False,
            ),
            Assumption(
                "events",
                "What does this caller see of the tenant's events?",
                "a list",
                'Without it, the last login of a client is "unknown".',
                needs_client=False,
            ),
            Assumption(
                "refusals",
                "What do refusals look like?",
                "",
                "A refusal is told by its HTTP status; the tenant's words are shown as they are.",
                needs_client=False,
            ),
            Assumption(
                "client",
                "Does the tenant take a client that logs in by key and by client secret?",
                "made",
                "`provision` sends the same fields; without a client nothing below can be measured.",
            ),
            Assumption(
                "client-id",
                "What does a client id look like?",
                "32 hexadecimal digits",
                "An id of another form is a client's id too where the tenant has a client of it.",
            ),
            Assumption("first-login", "How long does a new client's key take to log in?", "at once", _KEEPS_TRYING),
            Assumption(
                "token",
                "What does the token endpoint answer, with a key and with a client secret?",
                "",
                "A token is renewed by what its answer says, never by an assumed lifetime.",
            ),
            Assumption(
                "machine-tokens",
                "Does oauth-tokens list the living tokens of a client?",
                "those of its bot user",
                "`delete` and `revoke` end what is listed; other tokens are valid until they expire.",
            ),
            Assumption(
                "empty-scope",
                "What does a request without a scope get?",
                "all scopes of the client",
                "Without scopes none are sent; where that is refused, name them.",
            ),
            Assumption(
                "filters",
                "Does a filter find a client by its name, and does case matter?",
                "finds it, in any case",
                "What a filter finds is compared again, so that neither answer finds a wrong client.",
            ),
            Assumption(
                "absent-member",
                "May a change replace a member that is absent?",
                "refused",
                "A member that may be absent is added, never replaced.",
            ),
            Assumption(
                "keys-form",
                "In which form does PATCH /publicKeys take keys?",
                "objects",
                "Rotation uses the form that was measured; without one it sends objects and tries no other.",
            ),
            Assumption("new-key", "How long does a key that was added take to log in?", "at once", _KEEPS_TRYING),
            Assumption(
                "removed-key",
                "How long may a removed key still log in?",
                "not at all",
                "A revocation counts as done when the list of keys is; the measured time comes on top.",
            ),
            Assumption(
                "most-keys",
                "How many public keys may a client hold?",
                "",
                "Two are needed at most; where one is the limit, a rotation needs allow_swap.",
            ),
            Assumption(
                "replayed-jti",
                "Is an assertion that was used refused?",
                "refused",
                "Each request has an assertion of its own, so neither answer changes anything.",
            ),
            Assumption(
                "audiences",
                "Which audiences does the token endpoint accept?",
                "",
                "Assertions are made for an audience that is accepted.",
            ),
            Assumption(
                "login-events",
                "Which events tell of a client's logins?",
                "",
                'Both names are asked for; where neither tells of a client, its last login is "unknown".',
            ),
            Assumption(
                "after-deletion",
                "What outlives a client?",
                "its token and its bot user",
                "`delete` and `revoke` name what still lives.",
            ),
        )
    }
)
