"""Three real OpenBao servers on loopback that are one cluster (raft), one of which can be killed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Self

import httpx
from support import PATIENCE_SECONDS, wait_for

from qlik_keys.sandbox.openbao import find_free_port, find_program

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION = """
storage "raft" {{
  path = "{folder}"
  node_id = "{name}"
  performance_multiplier = 1
  autopilot_reconcile_interval = "500ms"
  autopilot_update_interval = "500ms"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
disable_mlock = true
"""


class Node:
    """One server of the cluster."""

    def __init__(self, folder: Path, name: str) -> None:
        self.port = find_free_port()  # and the next one is free too
        self.url = f"http://127.0.0.1:{self.port}"
        data = folder / name
        data.mkdir()
        configuration = folder / f"{name}.hcl"
        configuration.write_text(
            _CONFIGURATION.format(folder=data, name=name, port=self.port, cluster_port=self.port + 1)
        )
        self._command = [find_program(), "server", f"-config={configuration}"]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": os.devnull, "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
        )

    def call(self, method: str, path: str, body: object = None, token: str = "") -> httpx.Response:
        return httpx.request(
            method, f"{self.url}/v1/{path}", json=body, headers={"X-Vault-Token": token}, timeout=PATIENCE_SECONDS
        )

    def is_leader(self) -> bool:
        try:
            return self.call("GET", "sys/leader").json().get("is_self") is True
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Cluster:
    """The servers, unsealed, with KV version 2 at `secret/` and Transit at `transit/`; a context manager.

    Attributes:
        nodes: those that run.
        token: the root token.
    """

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(folder, f"node-{number}") for number in range(3)]
        self.token = ""
        self._unseal: dict[str, str] = {}
        self._killed: list[Node] = []

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for node in (*self.nodes, *self._killed):
            node.kill()

    def leader(self) -> Node:
        return wait_for(lambda: next((node for node in self.nodes if node.is_leader()), None), "no leader")

    def follower(self) -> Node:
        leader = self.leader()
        return next(node for node in self.nodes if node is not leader)

    def kill_leader(self) -> None:
        leader = self.leader()
        self.nodes.remove(leader)
        self._killed.append(leader)
        leader.kill()

    def restore(self) -> None:
        """Start again what was killed, and wait until all are of the cluster."""
        for node in self._killed:
            node.start()
            wait_for(lambda node=node: answers(node), "a server does not answer")
            node.call("POST", "sys/unseal", self._unseal).raise_for_status()
            self.nodes.append(node)
        self._killed.clear()
        for node in self.nodes:
            wait_for(lambda node=node: node.call("GET", "secret/config", None, self.token).is_success, "not ready")
        wait_for(self._is_healthy, "not all are healthy")

    def _build(self) -> None:
        first, *others = self.nodes
        for node in self.nodes:
            wait_for(lambda node=node: answers(node), "a server does not answer")
        made = first.call("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1}).json()
        self.token, self._unseal = made["root_token"], {"key": made["keys_base64"][0]}
        first.call("POST", "sys/unseal", self._unseal).raise_for_status()
        wait_for(first.is_leader, "the first server does not lead")
        # Else a server that joins may vote after ten seconds only.
        autopilot = {"server_stabilization_time": "0s"}
        first.call("POST", "sys/storage/raft/autopilot/configuration", autopilot, self.token).raise_for_status()
        for node in others:
            node.call("POST", "sys/storage/raft/join", {"leader_api_addr": first.url}).raise_for_status()
            node.call("POST", "sys/unseal", self._unseal).raise_for_status()
        wait_for(lambda: self._voters() == len(self.nodes), "not all have joined")
        for path, about in (("secret", {"type": "kv", "options": {"version": "2"}}), ("transit", {"type": "transit"})):
            first.call("POST", f"sys/mounts/{path}", about, self.token).raise_for_status()
        for node in self.nodes:
            wait_for(
                lambda node=node: node.call("GET", "secret/config", None, self.token).is_success, "KV is not ready"
            )

    def _is_healthy(self) -> bool:
        answer = self.leader().call("GET", "sys/storage/raft/autopilot/state", None, self.token)
        return answer.is_success and answer.json()["data"]["failure_tolerance"] == 1

    def _voters(self) -> int:
        answer = self.leader().call("GET", "sys/storage/raft/configuration", None, self.token)
        return sum(server["voter"] for server in answer.json()["data"]["config"]["servers"]) if answer.is_success else 0


def answers(node: Node) -> bool:
    try:
        return node.call("GET", "sys/seal-status").is_success
    except httpx.TransportError:
        return False
