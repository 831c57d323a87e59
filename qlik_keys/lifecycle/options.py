"""What each operation may be asked for: one class of options per operation, with its defaults and its bounds.

The public functions, the command line, the panel and the preview make these values, so that a default or a bound is
stated here alone. An operation takes them as `rotate(tenant, store, client, **options.arguments)`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import DURATION, FLAG, TEXT, optional, require, texts
from qlik_keys.errors import ConfigurationError
from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP, ROTATE_AFTER
from qlik_keys.lifecycle.record_changes import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import Custody
    from qlik_keys.lifecycle.hooks.definition import Hook

CUSTODY_TEXTS: Mapping[Custody, str] = MappingProxyType(
    {
        "kv": "kv (anyone who may read the secret can read the key)",
        "transit": "transit (Vault signs and never returns the key)",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an operation may be asked for."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The options by their names, as the operation's function takes them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionOptions(Options):
    """See `provision`; `ClientSpecification.of` checks the bounds."""

    name: str
    scopes: Iterable[str]
    key: KeySpec | PrivateKey | None = DEFAULT_KEY
    client_secret: bool = False
    description: str = ""
    impersonation: bool = False
    trusted: bool = True
    rotate_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateOptions(Options):
    """See `rotate`.

    Raises:
        ConfigurationError: a value is out of bounds.
        TypeError: a value is of another type.
    """

    key: KeySpec | PrivateKey | None = None
    overlap: timedelta = DEFAULT_OVERLAP
    allow_swap: bool = False
    rotate_after: timedelta | None = None
    custody: Custody | None = None
    hooks: Iterable[Hook] = ()

    def __post_init__(self) -> None:
        require(FLAG, allow_swap=self.allow_swap)
        _take_hooks(self)
        refuse_overlap(self.overlap)
        if self.rotate_after is not None:
            refuse_unserviceable(self.rotate_after)
        _refuse_custody(self.custody)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeOptions(Options):
    """See `revoke`.

    Raises:
        ConfigurationError: there is no such custody.
        TypeError: a value is of another type.
    """

    key: KeySpec | PrivateKey | None = None
    allow_swap: bool = False
    custody: Custody | None = None
    hooks: Iterable[Hook] = ()

    def __post_init__(self) -> None:
        require(FLAG, allow_swap=self.allow_swap)
        _take_hooks(self)
        _refuse_custody(self.custody)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptOptions(Options):
    """See `adopt`.

    Raises:
        ConfigurationError: a value is out of bounds.
        TypeError: a value is of another type.
    """

    key: KeySpec | PrivateKey | None = None
    remove_secrets: bool = False
    rotate_after: timedelta = ROTATE_AFTER
    custody: Custody | None = None
    hooks: Iterable[Hook] = ()

    def __post_init__(self) -> None:
        require(FLAG, remove_secrets=self.remove_secrets)
        _take_hooks(self)
        refuse_unserviceable(self.rotate_after)
        _refuse_custody(self.custody)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireOptions(Options):
    """See `retire_due`.

    Raises:
        TypeError: a value is of another type.
    """

    force: bool = False

    def __post_init__(self) -> None:
        require(FLAG, force=self.force)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions(Options):
    """See `delete`; None as `confirm` is for a plan, which needs none.

    Raises:
        TypeError: a value is of another type.
    """

    confirm: str | None = None
    keep_secret: bool = False
    remove_bot: bool = False

    def __post_init__(self) -> None:
        optional(TEXT, confirm=self.confirm)
        require(FLAG, keep_secret=self.keep_secret, remove_bot=self.remove_bot)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOptions(Options):
    """See `resume`, which finishes each operation as it was started.

    Raises:
        TypeError: a value is of another type.
    """

    hooks: Iterable[Hook] = ()
    drop_hooks: Iterable[str] = ()

    def __post_init__(self) -> None:
        _take_hooks(self)
        object.__setattr__(self, "drop_hooks", texts("drop_hooks", self.drop_hooks))

    @property
    def context(self) -> dict[str, Any]:
        """The same as an `OperationContext` takes it."""
        return {"hooks": tuple(self.hooks), "drop_hooks": frozenset(self.drop_hooks)}


OPTIONS: Mapping[str, type[Options]] = MappingProxyType(
    {
        "provision": ProvisionOptions,
        "rotate": RotateOptions,
        "retire": RetireOptions,
        "revoke": RevokeOptions,
        "adopt": AdoptOptions,
        "delete": DeleteOptions,
        "resume": ResumeOptions,
    }
)


def refuse_unserviceable(rotate_after: timedelta) -> None:
    """Raise where a key would serve for too short or too long.

    Raises:
        ConfigurationError: under a day, or over ten years.
        TypeError: it is no timedelta.
    """
    require(DURATION, rotate_after=rotate_after)
    if not timedelta(days=1) <= rotate_after <= LONGEST:
        raise ConfigurationError(
            "The rotation period of a key must be from one day to ten years.", hint="Give another `rotate_after`."
        )


def _take_hooks(options: RotateOptions | RevokeOptions | AdoptOptions | ResumeOptions) -> None:
    if options.hooks != ():
        from qlik_keys.lifecycle.hooks.definition import checked_hooks  # noqa: PLC0415  # for those who have hooks

        object.__setattr__(options, "hooks", checked_hooks(options.hooks))


def refuse_overlap(overlap: timedelta) -> None:
    """Raise where an old key would go on for less than no time, or for too long.

    Raises:
        ConfigurationError: it is negative, or over ten years.
        TypeError: it is no timedelta.
    """
    require(DURATION, overlap=overlap)
    if not timedelta(0) <= overlap <= LONGEST:
        raise ConfigurationError(
            "The overlap must be from zero to ten years.", hint="Zero retires the old key at once."
        )


def _refuse_custody(custody: str | None) -> None:
    optional(TEXT, custody=custody)
    if custody is not None and custody not in CUSTODY_TEXTS:
        raise ConfigurationError(f"There is no custody {custody!r}.", hint='Give "kv" or "transit".')
