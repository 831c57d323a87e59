"""hvac, tamed: no redirect to another origin, nothing from the environment, no secret in what it raises.

hvac follows redirects with token and key, and with redirects switched off it reports a 307 as success
(reliability-facts 0.1, 0.2); so the session below decides about each of them. `hvac.Client` picks up VAULT_TOKEN,
`~/.vault-token`, VAULT_ADDR and client certificates automatically, so it is not used: only its adapter and its API
classes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import re
import threading
import time
import weakref
from base64 import b64decode
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import hvac.adapters
import hvac.api
import requests

from qlik_keys.core.origins import same_origin
from qlik_keys.errors import QlikKeysError, StoreSealed, StoreUsesReserved
from qlik_keys.keystore.base import StoreCall
from qlik_keys.keystore.vault.http.adapter import VaultAdapter
from qlik_keys.keystore.vault.http.failures import NOT_INITIALIZED, RedirectRefused, tell, was_not_sent
from qlik_keys.keystore.vault.http.refusals import MOUNTS_PATH
from qlik_keys.keystore.vault.http.repeats import wait_after_answer, wait_after_no_connection, wait_for_a_leader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.vault.http.adapter import VaultNetwork

_logger = logging.getLogger(__name__)
Result = TypeVar("Result")
_MOST_REDIRECTS = 3
_LONGEST_INDEX = 1000
# 307 and 308 keep method and body; a standby sends 307. The others would turn a write into a read.
_FOLLOWED, _FIRST_REDIRECT, _FIRST_ERROR = (307, 308), 300, 400
# Vault answers these to anyone, and takes no use of a token (num_uses) that comes along.
_FREE = (MOUNTS_PATH, "/v1/sys/seal-status")

# An address that requests would take apart, quote and put together again to the same text: no escape, no dot segment.
_AS_IT_IS = re.compile(r"https?://[a-z0-9.:\[\]-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")


class VaultSession(requests.Session):
    """A requests session that follows a redirect within the same origin and refuses any other.

    Args:
        url: Vault's address.
        network: how it is reached.
        clock: for waiting.

    Attributes:
        connections: the connections.
        sent: how many requests were sent so far that take a use of the token.
        good_until: how many of them may have been sent in all when the token's uses are spent; None for any number.
    """

    def __init__(self, url: str, network: VaultNetwork, *, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._has_answered = False
        self._own_headers = dict(self.headers)
        self._index = ""  # of the newest write, as the server names it
        self._noting = threading.Lock()
        self.trust_env = False  # no netrc; authorities and proxy are the adapter's business
        self.connections = VaultAdapter(url, network)
        self.mount("https://", self.connections)
        self.mount("http://", self.connections)
        self.sent = 0
        self.good_until: int | None = None
        self._seen = threading.local()
        self._telling = threading.RLock()  # who is told may ask the store something itself
        self._watchers: tuple[Callable[[StoreCall], None], ...] = ()

    def subscribe(self, callback: Callable[[StoreCall], None]) -> Callable[[], None]:
        """Call back with every request, in the thread that made it, one at a time; return what ends that."""
        self._watchers += (callback,)

        def unsubscribe() -> None:
            self._watchers = tuple(watcher for watcher in self._watchers if watcher is not callback)

        return unsubscribe

    @property
    def uses_left(self) -> int | None:
        """How many requests the token is still good for, as far as it is known; None for any number."""
        return None if self.good_until is None else max(self.good_until - self.sent, 0)

    @contextlib.contextmanager
    def reserving_uses(self, reserve: int) -> Iterator[None]:
        """Have this thread send nothing, while it is in the block, that would leave the token fewer uses than that."""
        before = getattr(self._seen, "reserve", None)
        self._seen.reserve = reserve
        try:
            yield
        finally:
            self._seen.reserve = before

    @property
    def status(self) -> int | None:
        """The status of this thread's last answer, None when its last request got none."""
        return getattr(self._seen, "status", None)

    def request(self, method: str | bytes, url: str | bytes, *_ignored: Any, **options: Any) -> requests.Response:
        """Send a request, and follow where it is led within the same origin.

        Raises:
            RedirectRefused: it is led elsewhere, or round and round.
            requests.exceptions.RequestException: as requests does.
        """
        verb = method.decode() if isinstance(method, bytes) else method.upper()
        address = url.decode() if isinstance(url, bytes) else url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._repeated(verb, address, options)
            if not _FIRST_REDIRECT <= answer.status_code < _FIRST_ERROR:
                return answer
            target = _joined(address, answer.headers.get("location", ""))
            if answer.status_code not in _FOLLOWED or target == address or not same_origin(target, address):
                raise RedirectRefused("" if target == address else _origin(target))
            address = target
            options["params"] = None  # they are in the Location already
        raise RedirectRefused("")

    def _repeated(self, verb: str, address: str, options: Mapping[str, Any]) -> requests.Response:
        """Send a request, again where that is safe and likely to help (`repeats`), and return its answer."""
        started = self._clock.monotonic()
        for attempt in itertools.count(1):
            try:
                answer = self._once(verb, address, options)
            except requests.exceptions.ConnectionError as error:
                # A Vault that never answered has a wrong address; one that did may be changing its leader.
                wait = None
                if self._has_answered and was_not_sent(error):
                    wait = wait_after_no_connection(attempt=attempt, elapsed_seconds=self._clock.monotonic() - started)
                if wait is None:
                    raise
            else:
                elapsed = self._clock.monotonic() - started
                if self._index and self._leads_elsewhere(answer, address):
                    # A cluster's standby whose leader has just gone still names it; soon there is another one.
                    wait = wait_for_a_leader(attempt=attempt, elapsed_seconds=elapsed)
                else:
                    wait = wait_after_answer(
                        verb,
                        answer.status_code,
                        answer.headers,
                        answer.content,
                        attempt=attempt,
                        elapsed_seconds=elapsed,
                    )
                self._has_answered = self._has_answered or answer.ok
                if wait is None:
                    return answer
            self._clock.sleep(wait)
        raise AssertionError("unreachable")

    @staticmethod
    def _leads_elsewhere(answer: requests.Response, address: str) -> bool:
        location = answer.headers.get("location", "")
        return answer.status_code in _FOLLOWED and not same_origin(_joined(address, location), address)

    def _once(self, verb: str, address: str, options: Mapping[str, Any]) -> requests.Response:
        self._seen.status = None
        self._count(address)
        started = time.monotonic()
        try:
            # Not by the session's own way, which merges cookies, hooks and settings that are never set here: a quarter
            # of the time of a call.
            answer = self.connections.send(self._prepared(verb, address, options), timeout=options.get("timeout"))
            self._seen.status = answer.status_code
            self._note_index(answer)
        finally:
            self._tell(verb, address, options.get("params"), time.monotonic() - started)
        return answer

    def _prepared(self, verb: str, address: str, options: Mapping[str, Any]) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.method = verb
        if options.get("params") or _AS_IT_IS.fullmatch(address) is None:
            request.prepare_url(address, options.get("params"))
        else:
            request.url = address
        request.prepare_headers({**self._own_headers, **(options.get("headers") or {}), **self._consistency()})
        request.prepare_body(options.get("data"), None, options.get("json"))
        request.prepare_hooks(None)
        return request

    def _consistency(self) -> dict[str, str]:
        """Ask for an answer that has seen our own writes: a cluster's standbys answer reads themselves, a little late.

        Anyone who serves the request waits for that index or hands it to the leader (OpenBao, "Eventual consistency").
        """
        if not self._index:
            return {}
        return {"X-Vault-Index": self._index, "X-Vault-Inconsistent": "forward-active-node"}

    def _note_index(self, answer: requests.Response) -> None:
        index = answer.headers.get("x-vault-index", "")
        is_write = answer.request.method not in ("GET", "LIST", "HEAD")
        if is_write and answer.ok and 0 < len(index) <= _LONGEST_INDEX and index.isascii() and index.isprintable():
            with self._noting:
                # Of two threads the one with the older write may be the last to come here.
                if not _is_before(index, self._index):
                    self._index = index

    def _count(self, address: str) -> None:
        """Count a request that takes a use of the token.

        Raises:
            StoreUsesReserved: this thread leaves the token's last uses.
        """
        if urlsplit(address).path.startswith(_FREE):
            return
        reserve, left = getattr(self._seen, "reserve", None), self.uses_left
        if reserve is not None and left is not None and left <= reserve:
            raise StoreUsesReserved(
                f"The Vault token can be used for only {left} more requests, which are reserved for the client "
                "that logs in with it.",
                hint="Use a token without a limit on its number of uses.",
            )
        self.sent += 1

    def _tell(self, method: str, address: str, query: object, elapsed_seconds: float) -> None:
        if not self._watchers:
            return
        words = f"?{urlencode(query)}" if isinstance(query, dict) and query else ""
        call = StoreCall(
            method=method,
            path=urlsplit(address).path + words,
            status=self.status,
            elapsed_seconds=elapsed_seconds,
        )
        with self._telling:
            for watcher in self._watchers:
                try:
                    watcher(call)
                except Exception as error:  # noqa: BLE001  # a watcher must not turn what was done into a failure
                    _logger.warning("a subscriber to the store's calls failed with %s", type(error).__name__)


def _is_before(index: str, other: str) -> bool:
    """Tell whether an index is of an earlier write than another; those of two clusters, or of another form, are not."""
    place, reference = _place(index), _place(other)
    return place is not None and reference is not None and place[0] == reference[0] and place[1] < reference[1]


def _place(index: str) -> tuple[str, int] | None:
    """Return the cluster of an index and the place in its log, None where it has another form than OpenBao's."""
    try:
        document = json.loads(b64decode(index, validate=True))
        return document["cluster"], int(document["value"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _joined(address: str, location: str) -> str:
    try:
        return urljoin(address, location)
    except ValueError:
        return ""  # of no origin


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL that a server sent: nothing else of it is fit to be shown."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}" if parts.hostname and host.isprintable() else ""


class VaultApi:
    """hvac's API classes over one adapter and one connection pool.

    Attributes:
        kv: KV version 2.
        transit: the Transit engine.
        auth: the auth methods.
        system: the system backend.
        adapter: for the few calls that hvac has no method for.
        host: the server's host and port.
    """

    def __init__(
        self, url: str, *, namespace: str | None, network: VaultNetwork, timeout_seconds: float, clock: Clock
    ) -> None:
        self._session = VaultSession(url, network, clock=clock)
        self.host = urlsplit(url).netloc
        self.adapter: Any = hvac.adapters.JSONAdapter(
            base_uri=url,
            timeout=timeout_seconds,
            allow_redirects=False,
            session=self._session,
            namespace=namespace,
            strict_http=True,  # a GET in place of the verb LIST, which some gateways refuse
        )
        engines = hvac.api.SecretsEngines(adapter=self.adapter)
        self.kv: Any = engines.kv.v2
        self.transit: Any = engines.transit
        self.auth: Any = hvac.api.AuthMethods(adapter=self.adapter)
        self.system: Any = hvac.api.SystemBackend(adapter=self.adapter)
        # Who never closes a store in a notebook gets no warning of an unclosed socket: it is closed when forgotten.
        weakref.finalize(self, self._session.close)

    @property
    def sent(self) -> int:
        """How many requests were sent so far that take a use of the token."""
        return self._session.sent

    @property
    def uses_left(self) -> int | None:
        """How many requests the token is still good for, as far as it is known; None for any number."""
        return self._session.uses_left

    def know_uses(self, uses_left: int | None) -> None:
        """Take it from Vault's last answer how many requests the token is good for from now on, None for any number."""
        self._session.good_until = None if uses_left is None else self._session.sent + uses_left

    def reserving_uses(self, reserve: int) -> AbstractContextManager[None]:
        """Have this thread send nothing, while it is in the block, that would leave the token fewer uses than that."""
        return self._session.reserving_uses(reserve)

    def subscribe(self, callback: Callable[[StoreCall], None]) -> Callable[[], None]:
        """Call back with every request; return what ends that."""
        return self._session.subscribe(callback)

    def use_token(self, token: Secret | None) -> None:
        """Send that token from now on."""
        self.know_uses(None)
        self.adapter.token = None if token is None else token.reveal()

    def shielded(self, operation: Callable[[VaultApi], Result], *, path: str) -> Result:
        """Run an operation whose frames hold secrets, and let nothing of them out but its result.

        An error that passes through hvac keeps frames with token and key in its traceback, which IPython prints with
        their arguments, and the foreign error in its `__context__`. So what is raised here is raised again: outside of
        any `except`, without a cause, and with a traceback that begins here. That holds for a KeyboardInterrupt too.

        Args:
            operation: the calls, and the reading of their answers; it may raise our own errors.
            path: where in the store, for the error.

        Raises:
            StoreError: what the failure means.
        """
        failure: BaseException
        try:
            return operation(self)
        except QlikKeysError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # whatever it is, it may hold a secret: see above
            connections = self._session.connections
            if self._session.status is None:
                connections.doubt()
            failure = tell(
                error,
                host=self.host,
                path=path,
                status=self._session.status,
                proxy=connections.proxy,
                has_certificate=connections.has_certificate,
            )
            if isinstance(failure, StoreSealed) and self._is_new():
                failure = NOT_INITIALIZED.error(host=self.host, path=path)
        except BaseException as error:  # noqa: BLE001  # raised again below, without its frames
            failure = error
        failure.__cause__ = failure.__context__ = None
        raise failure.with_traceback(None)

    def _is_new(self) -> bool:
        """Tell whether the server was never initialized: it calls itself sealed then."""
        try:
            status = self.system.read_seal_status()
        except Exception:  # noqa: BLE001  # the question only refines an error that there is already
            return False
        return isinstance(status, dict) and status.get("initialized") is False

    def close(self) -> None:
        """Close the connections and forget the token."""
        self.adapter.token = None
        self._session.close()

    def __repr__(self) -> str:
        return f"<VaultApi {self.host}>"
