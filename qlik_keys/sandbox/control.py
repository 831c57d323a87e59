"""The sandbox's own controls over HTTP, below `/__sandbox__/`: what a teacher, a test and a benchmark need.

`PUT settings` (JSON, the names of `SandboxSettings`; only those given are turned), `GET settings`, `GET requests`,
`DELETE requests`, `POST seed` (`{"clients": 10000}`), `POST users` (`{"name", "subject", "roles"}`, answers `{"id",
"apiKey"}`), and `POST users/{id}/disable`, `…/enable`, `POST clients/{id}/disable`, `…/enable`. All need the control
token. No tenant has any of this.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qlik_keys.sandbox.simulator.messages import (
    SANDBOX_HEADER,
    Refusal,
    Request,
    Response,
    bad_request,
    json_body,
    json_response,
    not_found,
)
from qlik_keys.sandbox.simulator.tenant import log_document

if TYPE_CHECKING:
    from qlik_keys.sandbox.simulator.tenant import SandboxTenant

CONTROL_PREFIX = "/__sandbox__/"
_MAXIMUM_SEEDED = 100_000


class Controls:
    """Answers below `/__sandbox__/`.

    Args:
        tenant: the simulator.
        token: the control token.
    """

    def __init__(self, tenant: SandboxTenant, *, token: str) -> None:
        self._tenant = tenant
        self._credential = f"Bearer {token}".encode()

    def handle(self, request: Request) -> Response:
        """Answer one request; nothing that comes in makes it raise."""
        try:
            self._check_credential(request)
            answer = self._call(request)
            response = json_response(200, answer) if answer is not None else Response(status=204)
        except Refusal as refusal:
            response = refusal.response(style="qlik", trace_id="")
        return Response(status=response.status, headers=(*response.headers, SANDBOX_HEADER), body=response.body)

    def _check_credential(self, request: Request) -> None:
        if not hmac.compare_digest(request.header("authorization").encode("latin-1"), self._credential):
            raise Refusal(401, "HTTP-401", "Unauthorized", "The control endpoints require the control token.")

    def _call(self, request: Request) -> Any:
        tenant = self._tenant
        match request.method, request.path.removeprefix(CONTROL_PREFIX).split("/"):
            case "GET", ["settings"]:
                return asdict(tenant.settings)
            case "PUT", ["settings"]:
                return self._turn(_object(request))
            case "GET", ["requests"]:
                return [log_document(one) for one in tenant.requests()]
            case "DELETE", ["requests"]:
                return tenant.forget_requests()
            case "POST", ["seed"]:
                return self._seed(_object(request).get("clients"))
            case "POST", ["users"]:
                return self._add_user(_object(request))
            case "POST", [("users" | "clients") as kind, one_id, ("disable" | "enable") as what]:
                return self._set_disabled(kind, one_id, disabled=what == "disable")
        raise not_found()

    def _turn(self, changes: dict[str, Any]) -> dict[str, Any]:
        problem = ""
        try:
            self._tenant.configure(**changes)
        except (ValueError, TypeError) as error:
            problem = str(error)
        if problem:
            raise bad_request(problem)
        return asdict(self._tenant.settings)

    def _seed(self, count: object) -> None:
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MAXIMUM_SEEDED:
            raise bad_request(f"clients must be a whole number up to {_MAXIMUM_SEEDED}.")
        self._tenant.seed_clients(count)

    def _add_user(self, document: dict[str, Any]) -> dict[str, str]:
        name, subject, roles = document.get("name"), document.get("subject"), document.get("roles", [])
        if not isinstance(name, str) or not isinstance(subject, str) or not isinstance(roles, list):
            raise bad_request("A user has a name, a subject, and perhaps roles.")
        user, api_key = self._tenant.add_user(name=name, subject=subject, roles=tuple(map(str, roles)))
        return {"id": user.user_id, "apiKey": api_key}

    def _set_disabled(self, kind: str, one_id: str, *, disabled: bool) -> None:
        change = self._tenant.set_user_disabled if kind == "users" else self._tenant.set_client_disabled
        try:
            change(one_id, disabled=disabled)
        except KeyError:
            pass
        else:
            return
        raise not_found()


def _object(request: Request) -> dict[str, Any]:
    document = json_body(request)
    if not isinstance(document, dict):
        raise bad_request("The body is not a JSON object.")
    return document
