"""Tokens on the requests of `httpx.AsyncClient`: the event loop continues while a token is requested."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import httpx
import pytest
from fixtures.one_key_store import OneKeyStore
from fixtures.scripted_transport import ScriptedTransport

from qlik_keys import errors
from qlik_keys.auth.http_auth import BearerAuth, PrivateKeyJwtAuth, TokenSource

URL = "https://acme.eu.qlikcloud.com"
TOKEN_URL = URL + "/oauth/token"
PATIENCE = 30
USER = httpx.Response(200, json={"id": "u1"})
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class SlowEndpoint(ScriptedTransport):
    """A token endpoint that gives token-1, token-2 and so on, each when it is allowed to."""

    def __init__(self, *failures: httpx.Response) -> None:
        super().__init__(self._answer)
        self.asked, self.go_on = threading.Event(), threading.Event()
        self._failures = list(failures)

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        number = len(self.sent)
        self.asked.set()
        assert self.go_on.wait(PATIENCE), "the token endpoint was not allowed to answer: the loop was blocked"
        if self._failures:
            return self._failures.pop(0)
        return httpx.Response(200, json={"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 3600})


@pytest.fixture
def endpoint():
    slow = SlowEndpoint()
    yield slow
    slow.go_on.set()


@pytest.fixture
def source_at(client_keys, clock):
    def make(endpoint, **options):
        by = options or {"signer": client_keys["ES384"].signer()}
        return TokenSource(TOKEN_URL, client_id="c" * 32, clock=clock, transport=endpoint, **by)

    return make


@pytest.fixture
def source(endpoint, source_at):
    return source_at(endpoint)


@contextlib.asynccontextmanager
async def client(source, *replies, kind=PrivateKeyJwtAuth):
    api = ScriptedTransport(*(replies or (USER,)))
    async with httpx.AsyncClient(base_url=URL, auth=kind(source), transport=api, follow_redirects=True) as http:
        yield http, api


async def until(event):
    assert await asyncio.to_thread(event.wait, PATIENCE)


def worker_threads():
    """The threads that anyio has made; those of an earlier test may still be ending."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("AnyIO worker")}


async def rounds(count=100):
    for _ in range(count):
        await asyncio.sleep(0)


class SlowStore(OneKeyStore):
    """Answers when it is allowed to."""

    def __init__(self, key) -> None:
        super().__init__(key)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def read(self, *where):
        self.asked.set()
        assert self.go_on.wait(PATIENCE)
        return super().read(*where)


async def test_neither_store_nor_endpoint_blocks_the_loop(endpoint, client_keys, source_at):
    store = SlowStore(client_keys["ES384"])
    async with client(source_at(endpoint, store=store), kind=BearerAuth) as (http, api):
        call = asyncio.create_task(http.get("/api/v1/users/me"))
        for slow in (store, endpoint):
            await until(slow.asked)
            await rounds()
            assert not call.done()
            slow.go_on.set()
        assert (await call).json() == {"id": "u1"}
        await http.post("/api/v1/items", json={})
    assert (api.bearers(), len(endpoint.sent)) == (["Bearer token-1"] * 2, 1)


async def test_twenty_tasks_and_five_threads_ask_once(source, endpoint):
    results, barrier, before = [], threading.Barrier(6), worker_threads()
    threads = [
        threading.Thread(target=lambda: (barrier.wait(), results.append(source.token().reveal()))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    async with client(source) as (http, api):
        tasks = [asyncio.create_task(http.get("/api/v1/users/me")) for _ in range(20)]
        await rounds()
        barrier.wait()
        await until(endpoint.asked)
        await rounds()
        # One thread for all of the loop's tasks: a program's own threads are not taken from it.
        assert len(worker_threads() - before) <= 1
        endpoint.go_on.set()
        await asyncio.gather(*tasks)
    assert api.bearers() == ["Bearer token-1"] * 20
    for thread in threads:
        thread.join(PATIENCE)
    assert (results, len(endpoint.sent)) == (["token-1"] * 5, 1)


async def test_a_task_that_is_cancelled_takes_no_other_along(source, endpoint):
    async with client(source) as (http, api):
        first, *others = [asyncio.create_task(http.get("/api/v1/users/me")) for _ in range(4)]
        await until(endpoint.asked)
        await rounds()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first  # at once, while the endpoint still thinks
        others[0].cancel()
        await rounds()
        endpoint.go_on.set()
        answers = await asyncio.gather(*others, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [answer.status_code for answer in answers[1:]] == [200, 200]
    assert api.bearers() == ["Bearer token-1"] * 2
    assert (source.token().reveal(), len(endpoint.sent)) == ("token-1", 1)


async def test_tasks_share_a_failure_each_with_an_error_of_its_own(source_at):
    endpoint = SlowEndpoint(httpx.Response(401, json={"error": "invalid_client"}))
    source = source_at(endpoint)
    async with client(source) as (http, api):
        tasks = [asyncio.create_task(http.get("/api/v1/users/me")) for _ in range(8)]
        await until(endpoint.asked)
        await rounds()
        endpoint.go_on.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(error) for error in found} == {errors.AssertionRejected}
        assert len({id(error) for error in found}) == 8
        assert len({(str(error), error.status, error.client_id) for error in found}) == 1
        assert api.bearers() == []
        assert (await http.get("/api/v1/users/me")).status_code == 200  # and it is not kept
    assert [sent.method for sent in endpoint.sent] == ["POST", "GET", "POST"]  # with the question for another host name


def test_one_auth_serves_one_loop_after_the_other(source, endpoint, clock):
    endpoint.go_on.set()

    async def run():
        async with client(source) as (http, api):
            await http.get("/api/v1/users/me")
        return api.bearers()

    assert asyncio.run(run()) == ["Bearer token-1"]
    clock.advance(3600)
    assert asyncio.run(run()) == ["Bearer token-2"]
