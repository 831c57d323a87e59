"""A calendar of the days on which keys should be replaced (RFC 5545): an event per client.

An event's UID is made of the tenant's and the client's names for machines, so that the same calendar, imported again,
moves its events; SEQUENCE grows with the date. An event of a client that is gone is not withdrawn: a calendar that is
subscribed to, and not imported, forgets it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.inventory.formats.rows import audited_at, dated_keys, is_of_several, tenants_of
from qlik_keys.rules.fixes import shell_command

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    from icalendar import Event

    from qlik_keys.inventory.formats.rows import DatedKey


def audit_as_calendar(found: pd.DataFrame) -> str:
    """Return the calendar, with the lines ended as RFC 5545 has it."""
    from icalendar import Calendar  # noqa: PLC0415  # for this format alone

    calendar = Calendar()
    calendar.add("prodid", "-//qlik_keys//audit//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"Keys to rotate: {', '.join(tenants_of(found))}")
    now = audited_at(found)
    for key in dated_keys(found):
        if key.rotate_by is not None:
            calendar.add_component(_event(key, key.rotate_by, now, is_of_several=is_of_several(found)))
    written: bytes = calendar.to_ical()
    return written.decode()


def _event(key: DatedKey, rotate_by: datetime, now: datetime, *, is_of_several: bool) -> Event:
    from icalendar import Event  # noqa: PLC0415  # for this format alone

    event = Event()
    event.add("uid", f"{key.client_id}.rotate-by@{key.tenant}")
    event.add("dtstamp", now)
    event.add("sequence", int(rotate_by.timestamp()) // 60)
    event.add("dtstart", rotate_by.date())
    event.add("dtend", rotate_by.date() + timedelta(days=1))
    event.add("transp", "TRANSPARENT")  # no one is busy that day
    where = f" on {key.tenant}" if is_of_several else ""
    event.add("summary", f"Rotate the key of {key.name or key.client_id}{where}")
    # The tenant's name may be of a context or of a fleet file, and the command differs.
    how = "" if is_of_several else f": {shell_command('rotate', key.client_id)}"
    event.add(
        "description",
        f"Tenant {key.tenant}, client {key.client_id}. The key should be replaced by {rotate_by:%Y-%m-%d %H:%M} UTC"
        f"{how or '.'}",
    )
    return event
