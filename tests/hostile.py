"""A tenant on loopback that answers as a test wants, for a client of the sandbox whose key is in the Vault."""

from __future__ import annotations

import contextlib
import dataclasses

from loopback import Loopback, Reply

from qlik_keys.tenant.url import tenant_host, token_url_of

TOKEN = "canary-bearer-QQ7Zk3vP0xYt9LmN4sWd8RbJ"


@contextlib.contextmanager
def hostile(box, store, made, token_answer, answer=lambda _: Reply(404, {})):
    """Such a tenant; the client's record stands in the store for it as well.

    Args:
        box: the sandbox.
        store: its Vault.
        made: the client.
        token_answer: what `/oauth/token` answers next to the token, or a function of the call that returns the reply.
        answer: what it answers else.
    """

    def reply(call):
        if call.path != "/oauth/token":
            return answer(call)
        if callable(token_answer):
            return token_answer(call)
        return Reply(200, {"access_token": TOKEN, "token_type": "Bearer", "scope": "user_default", **token_answer})

    with Loopback(reply) as server:
        record = store.read(tenant_host(box.tenant_url), made.client_id)
        host, token_url = tenant_host(server.url), token_url_of(server.url)
        store.write(dataclasses.replace(record, tenant_host=host, token_url=token_url, version=0))
        yield server
