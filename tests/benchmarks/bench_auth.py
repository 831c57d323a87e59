"""A call with `PrivateKeyJwtAuth` and a current token, against the same call with a fixed header.

The call goes to a small server on loopback over one connection that is kept alive, so the ratio is that of the dearest
case: a tenant's own answer takes a hundred times as long. The third line is the two without a network, for its size.
"""

import contextlib
import multiprocessing
import socket
import threading

import httpx
from measure import compared, interleaved, main

import qlik_keys as qk

GOAL = 1.02
CALLS = 20
ROUNDS = 400, 30  # many, since the difference is a few microseconds
BODY = b'{"id":"x"}'
TOKEN = b'{"access_token":"%s","token_type":"Bearer","expires_in":21600,"scope":"user_default"}' % (b"t" * 400)
ANSWER, TOKEN_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    for body in (BODY, TOKEN)
)


def converse(connection):
    """Answer one connection's requests: the token endpoint's, and any other."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(OSError):
        while head := connection.recv(65536):
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            connection.sendall(TOKEN_ANSWER if head.startswith(b"POST /oauth/token") else ANSWER)


def serve(listener):
    """Answer every connection, each in a thread of its own, until the process is ended."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=converse, args=(connection,), daemon=True).start()


@contextlib.contextmanager
def serving():
    """Serve on a free port of loopback, in a process of its own: a thread would share our lock. Yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.join()


def calling(client):
    def run():
        for _ in range(CALLS):
            client.get("/api/v1/users/me").raise_for_status()

    return run


def rows(quick):
    signer = qk.generate(qk.KeySpec("ES384")).signer()
    with serving() as url, qk.TokenSource(f"{url}/oauth/token", client_id="c" * 32, signer=signer) as source:
        fixed = {"authorization": f"Bearer {source.token().reveal()}"}
        nowhere = httpx.MockTransport(lambda _request: httpx.Response(200, content=BODY))
        for name, goal, transport in (
            (f"{CALLS} calls with a current token, on loopback", GOAL, None),
            ("the same without a network", None, nowhere),
        ):
            with (
                httpx.Client(base_url=url, headers=fixed, transport=transport) as plain,
                httpx.Client(base_url=url, auth=qk.PrivateKeyJwtAuth(source), transport=transport) as ours,
            ):
                variants = {"httpx, a fixed header": calling(plain), "PrivateKeyJwtAuth": calling(ours)}
                yield compared(name, interleaved(variants, ROUNDS[quick]), goal=goal)


if __name__ == "__main__":
    main(rows)
