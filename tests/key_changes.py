"""The operations on a client's keys by name, for the tests that strike at each of them."""

from __future__ import annotations

import functools
from datetime import timedelta

from qlik_keys.lifecycle import adopt, delete, resume, retire_due, revoke, rotate

CHANGES = {
    "rotate": rotate,
    "rotate at once": functools.partial(rotate, overlap=timedelta(0)),
    "revoke": revoke,
    "retire": functools.partial(retire_due, force=True),
    "adopt": functools.partial(adopt, remove_secrets=True),
}


def delete_it(tenant, store, client_id, **told):
    delete(tenant, store, client_id, confirm=client_id, on_step=told.get("on_step"))


def resume_all(tenant, store, client_id, **told):
    assert client_id
    resume(tenant, store, **told)


# Those after which there is another end than "one key on both sides".
OTHERS = {"delete": delete_it, "resume": resume_all}
