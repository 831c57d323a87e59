"""What an error about many items counts: a tenant as a whole is none of its clients."""

from __future__ import annotations

import pytest

from qlik_keys.errors import FleetError, TenantUnreachable
from qlik_keys.lifecycle.many import FleetResult

DEAD = TenantUnreachable("It does not answer.")
WHAT = "clients could not be rotated."


def result(tenant="prod", client_id="", name="", error=DEAD):
    return FleetResult(
        tenant=tenant, client_id=client_id, name=name, outcome="failed" if error else "rotated", error=error
    )


@pytest.mark.parametrize(
    ("results", "left", "first"),
    [
        ([result()], 0, ["1 tenant could not be processed.", "prod: It does not answer."]),
        ([result(), result("test")], 0, ["2 tenants could not be processed."]),
        ([result(), result(client_id="a"), result(client_id="b", error=None)], 0, ["1 tenant", "1 of 2 clients could"]),
        ([result(client_id="a")], 0, ["1 client could not be rotated.", "prod: a: It does not answer."]),
        ([result(client_id="a"), result(client_id="b")], 0, ["2 clients could not be rotated."]),
        ([result(client_id="a")], 3, ["1 of 4 clients could"]),
        ([result(tenant="", name="no such")], 0, ["1 client could not be rotated.", "no such: It does not answer."]),
    ],
)
def test_tenants_are_counted_apart_from_clients(results, left, first):
    lines = FleetError(results, what=WHAT, left=left).message.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, first, strict=False)] == first
