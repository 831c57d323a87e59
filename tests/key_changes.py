"""The operations on a client's keys by name, for the tests that strike at each of them."""

from __future__ import annotations

import functools
from datetime import timedelta

from qlik_keys.lifecycle import adopt, retire_due, revoke, rotate

CHANGES = {
    "rotate": rotate,
    "rotate at once": functools.partial(rotate, overlap=timedelta(0)),
    "revoke": revoke,
    "retire": functools.partial(retire_due, force=True),
    "adopt": functools.partial(adopt, remove_secrets=True),
}
