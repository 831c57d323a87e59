"""The operation in progress within a client's document: how it is written and read. Pure.

It is one text, since Vault's audit log hashes texts and nothing else. Reading is strict: an operation that cannot be
read is never forgotten, and an operation that this version does not know is not finished as another one.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from qlik_keys.keystore.base import Custody, OperationName, StartedOperation
from qlik_keys.keystore.vault.documents.fields import damaged, object_in, parse_time, time_text

_NAMES: tuple[OperationName, ...] = get_args(OperationName)
_CUSTODIES = (None, *get_args(Custody))
_FLAGS = ("remove_secrets", "keep_secret", "remove_bot", "allow_swap")


def check_operation(operation: StartedOperation | None) -> None:
    """Refuse an operation that could not be read again.

    Raises:
        ValueError: its name is not known, or its moment lacks the time zone.
    """
    if operation is None:
        return
    time_text(operation.started_at)
    if operation.name not in _NAMES:
        raise ValueError(f"there is no operation {operation.name!r}")


def encode_operation(operation: StartedOperation | None) -> str:
    """Return an operation as it is written, "" for none."""
    if operation is None:
        return ""
    told = {
        "name": operation.name,
        "started_at": time_text(operation.started_at),
        "started_by": operation.started_by,
        "compromised": sorted(operation.compromised),
        **{flag: getattr(operation, flag) for flag in _FLAGS},
        "custody": operation.custody,
        "key": operation.key,
        "rotate_after_seconds": operation.rotate_after_seconds,
        "replaced": operation.replaced,
        "hooks": operation.hooks,
    }
    return json.dumps({name: value for name, value in told.items() if value})


def decode_operation(text: object, path: str) -> StartedOperation | None:
    """Return the operation in a text, None for none.

    Raises:
        StoreDamaged: it cannot be read.
    """
    if text is None or text == "":
        return None
    told = object_in(text)
    operation = None if told is None else _operation_of(told)
    if operation is None:
        raise damaged(path, "its operation in progress cannot be read")
    return operation


def _operation_of(told: dict[str, Any]) -> StartedOperation | None:
    started_at, seconds = parse_time(told.get("started_at")), told.get("rotate_after_seconds")
    texts = (told.get("started_by", ""), told.get("key", ""))
    lists = (told.get("compromised", []), told.get("replaced", []), told.get("hooks", []))
    is_sound = (
        started_at is not None
        and told.get("name") in _NAMES
        and told.get("custody") in _CUSTODIES
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(each, list) and all(isinstance(item, str) for item in each) for each in lists)
        and all(isinstance(told.get(flag, False), bool) for flag in _FLAGS)
        and (seconds is None or type(seconds) is int)
        and all(name in _NAMES for name in lists[1])
    )
    if not is_sound or started_at is None:
        return None
    return StartedOperation(
        name=told["name"],
        started_at=started_at,
        started_by=texts[0],
        compromised=frozenset(lists[0]),
        custody=told.get("custody"),
        key=texts[1],
        rotate_after_seconds=seconds,
        replaced=tuple(lists[1]),
        hooks=tuple(lists[2]),
        **{flag: told.get(flag, False) for flag in _FLAGS},
    )


def shown_operation(operation: StartedOperation | None) -> str:
    """Return what custom metadata show of an operation: of a serious one its name, its start and who, else nothing."""
    if operation is None or not operation.is_serious:
        return ""
    name = f"{operation.name}+secrets" if operation.remove_secrets else operation.name
    return f"{name} {time_text(operation.started_at)} {operation.started_by}"


def operation_shown(text: str | None) -> StartedOperation | None:
    """Return the operation that custom metadata show, None where they show none that can be read."""
    named, _, rest = (text or "").partition(" ")
    started, _, who = rest.partition(" ")
    called, _, secrets = named.partition("+")
    name = next((known for known in _NAMES if known == called), None)
    started_at = parse_time(started)
    if name is None or started_at is None:
        return None
    return StartedOperation(name=name, started_at=started_at, started_by=who, remove_secrets=bool(secrets))
