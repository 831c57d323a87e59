"""A client on the sandbox that can be made ill for real, and who sees the doctor about it."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass, field, replace

import httpx
import hvac

import qlik_keys as qk
from qlik_keys.tenant import NewOAuthClient, PatchOperation, RetryPolicy

ALL = 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }\n'
ALL += 'path "transit/*" { capabilities = ["create", "read", "update", "delete", "list"] }\n'
EVERYTHING = 'path "*" { capabilities = ["create", "read", "update", "delete", "list"] }\n'
ONE_TRY = RetryPolicy(attempts=1)
WELL = {
    "clock_skew_seconds": 0,
    "maximum_tokens": None,
    "key_propagation_seconds": 0,
    "users_me_redirect": "",
    "oauth_error_style": "qlik",
    "fail_next": [],
}


class Changing(httpx.BaseTransport):
    """The network, and somebody on the way who changes what the tenant answers."""

    def __init__(self, network, change):
        self._network = network
        self._change = change

    def handle_request(self, request):
        return self._change(request, self._network.handle_request(request))

    def close(self):
        self._network.close()


@dataclass
class Patient:
    """What is asked about, and with what; a fault changes it, or the tenant, or the Vault.

    Attributes:
        tenant, store: of whoever made the client, with all rights: faults are made by them.
        tenant_options, store_options: how the doctor's own differ from these.
        seen: what the doctor is called with besides the client.
        on_its_way: makes another answer of a request and the tenant's answer to it; None for none.
    """

    box: object
    tenant: qk.QlikTenant
    store: qk.VaultKeyStore
    operator: hvac.Client
    client_id: str = ""
    name: str = ""
    bot_user: str = ""
    url: str = ""
    credential: object = None
    budget: object = None
    rules: str = ALL
    token_options: dict = field(default_factory=dict)
    store_options: dict = field(default_factory=dict)
    seen: dict = field(default_factory=dict)
    asked_for: str = ""
    faults: list = field(default_factory=list)
    tokens: list = field(default_factory=list)
    transport: object = None
    on_its_way: object = None
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def make(self, **wishes):
        """Make the client by `provision`."""
        self.name = f"patient-{uuid.uuid4().hex[:10]}"
        made = qk.provision(self.tenant, self.store, **{"name": self.name, "scopes": ["user_default"], **wishes})
        self.client_id = made.client_id
        self.bot_user = made.verification.user.id if made.verification else ""
        return self

    def register(self, **changes):
        """Make the client as somebody without us does."""
        self.name = f"patient-{uuid.uuid4().hex[:10]}"
        values = {
            "app_type": "web",
            "client_name": self.name,
            "allowed_scopes": ("user_default",),
            "allowed_grant_types": ("client_credentials",),
            "allowed_auth_methods": ("client_secret",),
            "consent_method": "trusted",
        }
        created = self.tenant.oauth_clients.create(NewOAuthClient(**{**values, **changes}))
        self.client_id = created.client.client_id
        return created

    def patch(self, path, value):
        self.tenant.oauth_clients.patch(self.client_id, [PatchOperation("replace", path, value)])

    @property
    def record(self):
        return self.store.read(self.tenant.host, self.client_id)

    @property
    def path(self):
        return f"qlik-keys/{self.tenant.host}/{self.client_id}"

    def edit_record(self, **fields):
        """Change fields of the client's document in the Vault by hand."""
        kv = self.operator.secrets.kv.v2
        document = kv.read_secret_version(self.path, raise_on_deleted_version=True)["data"]["data"]
        kv.create_or_update_secret(self.path, secret={**document, **fields})

    def control(self, path, body=None):
        return self.box._control("POST", path, body)

    def fail_next(self, fault):
        """Have the tenant fail once more, next to what it shall fail at already."""
        self.faults.append(fault)
        self.box.configure(fail_next=self.faults)

    def token(self):
        """A Vault token with the patient's rights and life; every one is kept, to be looked for in what was said."""
        if not self.rules and not self.token_options:
            return self.box.vault_token
        name = f"patient-{uuid.uuid4().hex[:10]}"
        self.operator.sys.create_or_update_policy(name, self.rules or EVERYTHING)
        options = {"no_parent": True, **self.token_options}
        shorten = options.pop("shorten_to", None)
        token = self.operator.auth.token.create(policies=[name], **options)["auth"]["client_token"]
        if shorten:
            own = hvac.Client(url=self.box.vault_url, token=token)
            own.auth.token.renew_self(increment=shorten)
            own.adapter.close()
        self.tokens.append(token)
        return token

    def limited_token(self, uses):
        """A Vault token that is good for so many requests."""
        self.token_options |= {"num_uses": uses, "ttl": "1h"}
        return self.token()

    def uses_left(self, token):
        """How many uses Vault says that a token has left, 0 for one that it no longer knows."""
        try:
            return self.operator.auth.token.lookup(token)["data"]["num_uses"]
        except (hvac.exceptions.Forbidden, hvac.exceptions.InvalidPath):
            return 0

    def doctors(self):
        """The tenant and the store that the doctor looks at."""
        transport = self.transport
        if self.on_its_way is not None:
            transport = Changing(transport or httpx.HTTPTransport(), self.on_its_way)
        tenant = qk.QlikTenant(
            self.url or self.box.tenant_url,
            credential=self.credential or qk.ApiKey(self.box.api_key),
            retry=ONE_TRY,
            budget=self.budget,
            transport=transport,
        )
        options = {"url": self.box.vault_url, "token": None, **self.store_options}
        url, token = options.pop("url"), options.pop("token")
        if "login" not in options:
            options["token"] = token or self.token()
        store = qk.VaultKeyStore(url, timeout_seconds=2.0, **options)
        return self.stack.enter_context(tenant), self.stack.enter_context(store)

    def diagnose(self):
        tenant, store = self.doctors()
        return qk.doctor(tenant, store, self.asked_for or self.client_id, **self.seen)

    def forget(self):
        self.stack.close()
        self.box.configure(**WELL)
        for client in self.tenant.oauth_clients.list(qk_eq(self.name)) if self.name else []:
            self.tenant.oauth_clients.delete(client.client_id)
        with contextlib.suppress(qk.QlikKeysError):
            self.store.delete(self.tenant.host, self.client_id)


def qk_eq(name):
    from qlik_keys.tenant import eq

    return eq("clientName", name)


def found(diagnosis):
    """The names of the findings."""
    return [check.name for check in diagnosis.findings]


def check_of(diagnosis, name):
    [check] = [check for check in diagnosis.checks if check.name == name]
    return check


def other_key_as(kid, alg="ES384"):
    """Another key, under a name that is not its own."""
    spec = qk.KeySpec(alg) if alg == "ES384" else qk.KeySpec(alg, bits=2048)
    return {**qk.generate(spec).public.to_dict(), "kid": kid}


def with_token_url(record, token_url):
    return replace(record, token_url=token_url)
