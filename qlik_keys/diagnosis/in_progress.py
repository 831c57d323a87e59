"""What was started with a client's keys and is not finished, as far as its record tells. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.clock import describe_duration

if TYPE_CHECKING:
    from qlik_keys.keystore.base import ClientRecord


def removes_no_key(record: ClientRecord) -> bool:
    """Tell whether finishing it leaves every key in use that can log in now.

    So it is where a first key is given to a client, and where an old one goes on next to the new one for a while.
    """
    started = record.operation
    if started is not None and started.is_serious:
        return False
    if record.unpurged or record.in_state("previous") or not record.in_state("next"):
        return False
    return record.current is None or bool(record.overlap_seconds)


def started(record: ClientRecord) -> str:
    """Return in words what was started, by whom and when, as far as the record tells."""
    if record.operation is not None:
        return record.operation.to_text()
    if record.in_state("next"):
        if record.current is None:
            return "giving it a first key (adopt)"
        if record.overlap_seconds:
            return f"a rotation of its key with an overlap of {describe_duration(record.overlap_seconds)}"
        return "a replacement of its key at once (revoke, or rotate without overlap)"
    if record.in_state("previous"):
        return "removal of its old key"
    return "destruction of the record versions that contain a removed key"
