"""Command lines in advice, ready to paste: with the values of what was seen. Pure.

A test has the command tree parse every one of them.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from qlik_keys.errors import StoreDenied
from qlik_keys.keystore import defaults
from qlik_keys.tenant.url import tenant_host

if TYPE_CHECKING:
    from qlik_keys.diagnosis.facts import Facts

# As `qlik-keys vault-policy` takes them where they are not given.
_USUAL = {"--mount": defaults.MOUNT, "--prefix": defaults.PREFIX, "--transit-mount": defaults.TRANSIT_MOUNT}


def command(*words: str) -> str:
    """Return a command line of qlik_keys, as a shell takes it."""
    return f"`{shlex.join(('qlik-keys', *words))}`"


def make_again(facts: Facts) -> str:
    """Return how to clear away what is left of a client that is gone, and how to make it again."""
    name = facts.client_name or "NAME"
    making = command("provision", "--scope", "SCOPE", *(("--", name) if name.startswith("-") else (name,)))
    clearing = command("delete", facts.client_id, "--confirm", facts.client_id)
    return f"{clearing} removes its remains; then {making}, with its scopes, creates it again."


def policy(facts: Facts) -> str:
    """Return what prints the least policy for a login: of this client where its name is known, else of all of them."""
    record = facts.record.value
    host = tenant_host(facts.tenant_url) if record is None else record.tenant_host  # the folder may be another name's
    seen = facts.record.value or facts.client.value
    whose: tuple[str, ...] = ()
    if seen is not None and seen.client_name:
        whose = ("--client", facts.client_id, "--client-name", seen.client_name)
    places = {name: place for name, place in _places(facts, host).items() if place and place != _USUAL[name]}
    where = (word for place in places.items() for word in place)
    return command("vault-policy", "--role", "consumer", "--tenant", host, *whose, *where)


def _places(facts: Facts, host: str) -> dict[str, str]:
    """Return the engines and the folder that the store works in, "" for what it does not tell."""
    mount, _, rest = (facts.health.value.path if facts.health.value is not None else "").partition("/data/")
    refused = facts.signing.problem
    engine = refused.path.rpartition("/")[0] if isinstance(refused, StoreDenied) else ""
    return {"--mount": mount, "--prefix": rest.rpartition(f"/{host}/")[0], "--transit-mount": engine}
