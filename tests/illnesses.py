"""Every fault that the doctor should name, made for real on a sandbox; each is data for several tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx
from patient import Patient, other_key_as, with_token_url
from sandbox_door import serving

import qlik_keys as qk
from qlik_keys.keystore.vault.store import UserPass
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.tenant import RateBudget

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_CHECKS = frozenset({"method", "kid-registered", "same-key", "alg"})
CLIENT_CHECKS = frozenset({"client-enabled", "machine-to-machine", "consent", "user", "scopes"}) | KEY_CHECKS
TENANT_CHECKS = frozenset({"discovery", "clock", "audience", "client-exists", "login"}) | CLIENT_CHECKS
SIGNED_OUT = frozenset({"login"})  # a tenant refuses before it gets to what only a login finds


@dataclass(frozen=True)
class Illness:
    """One fault.

    Attributes:
        finding: the check that must fail for it, and no other.
        inflict: makes it.
        hides: checks that cannot be made while it lasts.
        never_with: findings that cannot be seen while it lasts, though the check can be made in part.
        fix: the fix that the finding must name.
        is_rsa: it needs a client with an RSA key.
    """

    finding: str
    inflict: Callable[[Patient], None]
    hides: frozenset[str] = frozenset()
    never_with: frozenset[str] = frozenset()
    fix: str = ""
    is_rsa: bool = False


def nothing_listens(patient):
    """The tenant is gone from its own address, so that what the store files under it is still found."""
    with serving(SandboxTenant) as (_, address):
        patient.url = address
    # The record lies under the host of the shared sandbox; one is written for the host that is gone.
    host = address.removeprefix("http://")
    record = patient.record
    token_url = record.token_url.replace(patient.tenant.url, address)
    patient.store.write(replace(record, tenant_host=host, token_url=token_url, version=0))


def other_website(patient):
    patient.url = patient.box.vault_url


def alias(patient):
    patient.url = patient.box.tenant_url.replace("127.0.0.1", "localhost")


def server_error(patient):
    fault = {"fault": 503, "path": "/.well-known/*", "times": 1}
    patient.fail_next(fault)


def clock_ahead_by(seconds):
    return lambda patient: patient.box.configure(clock_skew_seconds=-seconds)


def says_of_itself(**words):
    """The tenant's answer about itself is changed on its way, as a proxy might do."""

    def change(patient):
        def changed(request, response):
            if not request.url.path.startswith("/.well-known/") or response.status_code != httpx.codes.OK:
                return response
            told = {name: text.format(url=patient.tenant.url) for name, text in words.items()}
            document = {**json.loads(response.read()), **told}
            return httpx.Response(200, headers={"date": response.headers["date"]}, json=document)

        patient.on_its_way = changed

    return change


def discovery_refused(patient):
    patient.fail_next({"fault": 403, "path": "/.well-known/*", "times": 5})


def alias_with_a_record(patient):
    """Somebody has made the client by another name of the tenant; its key lies under that, and is good there."""
    alias(patient)
    host = patient.url.removeprefix("http://")
    patient.store.write(replace(patient.record, tenant_host=host, version=0))


def other_audience(patient):
    patient.store.write(with_token_url(patient.record, f"{patient.tenant.token_url}/"))


def deleted(patient):
    patient.tenant.oauth_clients.delete(patient.client_id)


def disabled(patient):
    patient.control(f"clients/{patient.client_id}/disable")


def no_machine(patient):
    patient.patch("/allowedGrantTypes", [])


def no_impersonation(patient):
    patient.seen["user"] = qk.UserLookup("subject", "somebody")


def not_trusted(patient):
    patient.tenant.oauth_clients.set_consent(patient.client_id, "required")


def consent_deleted(patient):
    patient.tenant.oauth_clients.delete_connection_config(patient.client_id)


def by_secret_only(patient):
    patient.patch("/allowedAuthMethods", ["client_secret"])


def other_key_registered(patient):
    patient.patch("/publicKeys", [qk.generate(qk.KeySpec("ES384")).public])


def other_key_under_its_name(patient):
    current = patient.record.current
    patient.patch("/publicKeys", [other_key_as(current.kid, current.alg)])


def key_rotated_in_the_engine(patient):
    patient.operator.secrets.transit.rotate_key(patient.record.current.reference)


def key_gone_from_the_engine(patient):
    reference = patient.record.current.reference
    patient.operator.secrets.transit.update_key_configuration(reference, deletion_allowed=True)
    patient.operator.secrets.transit.delete_key(reference)


def key_of_another_kind_in_the_engine(patient):
    reference = patient.record.current.reference
    key_gone_from_the_engine(patient)
    patient.operator.secrets.transit.create_key(reference, key_type="aes256-gcm96")


def no_engine(patient):
    """As if the Transit engine were not mounted, which would be the end of other patients' keys."""
    patient.rules = ""  # the root token, which sees every mount
    patient.store_options["transit_mount"] = "transfer"


def other_algorithm(patient):
    registered = patient.tenant.oauth_clients.get(patient.client_id).public_keys[0].to_dict()
    patient.patch("/publicKeys", [{**registered, "alg": "RS512"}])


def scopes_not_allowed(patient):
    patient.seen["scopes"] = ["apps:read", "user_default"]


def no_scopes(patient):
    patient.patch("/allowedScopes", [])


def no_record(patient):
    patient.store.delete(patient.tenant.host, patient.client_id)


def record_soft_deleted(patient):
    patient.operator.secrets.kv.v2.delete_latest_version_of_secret(patient.path)


def record_of_somebody_else(patient):
    patient.operator.secrets.kv.v2.create_or_update_secret(patient.path, secret={"password": "correct horse"})


def wrong_key_written(patient):
    patient.edit_record(private_key=qk.generate(qk.KeySpec("RS256", bits=2048)).reveal())


def vault_gone(patient):
    patient.store_options = {"url": "http://127.0.0.1:9", "token": patient.box.vault_token}


def mount_unseen(patient):
    patient.store_options["mount"] = "secrets"


def mount_wrong(patient):
    patient.rules = ""  # the root token, which sees every mount
    patient.store_options["mount"] = "secrets"


def rotation_cut_off(patient):
    stop_at(patient, "publish", lambda **told: qk.rotate(patient.tenant, patient.store, patient.client_id, **told))


def token_ends_soon(patient):
    patient.token_options |= {"ttl": "5m", "renewable": False}


def token_ends_soon_and_can_be_renewed(patient):
    patient.token_options |= {"ttl": "20m", "renewable": True, "shorten_to": "8m"}


def token_revoked(patient):
    token = patient.token()
    patient.operator.auth.token.revoke(token)
    patient.store_options["token"] = token


def login_refused(patient):
    if "patients/" not in patient.operator.sys.list_auth_methods()["data"]:
        patient.operator.sys.enable_auth_method("userpass", path="patients")
    patient.store_options["login"] = UserPass("nobody", "wrong horse battery", mount="patients")


def may_not_read(patient):
    patient.rules = patient.rules.replace('"read", ', "")


def may_not_sign(patient):
    host, kid = patient.tenant.host, patient.client_id
    patient.rules = qk.vault_policy("consumer", tenant_host=host, client_id=kid, client_name=patient.name, custody="kv")


def waits_after_a_429(patient):
    patient.budget = RateBudget()
    patient.budget.block(2, 45)


def waits_before_anything(patient):
    patient.budget = RateBudget()
    patient.budget.block(1, 45)


def nearly_used_up(patient):
    patient.budget = RateBudget(limits_per_minute={1: 1000, 2: 100})
    for _ in range(460):
        patient.budget.count(2)


def answers_429(patient):
    fault = {"fault": 429, "path": "/.well-known/*", "retry_after": 0}
    patient.fail_next(fault)


def answers_429_to_the_login(patient):
    patient.fail_next({"fault": 429, "path": "/oauth/token", "retry_after": 0})


def no_current_key(patient):
    record = patient.operator.secrets.kv.v2.read_secret_version(patient.path, raise_on_deleted_version=True)
    keys = record["data"]["data"]["keys"]
    old = {kid: {**entry, "state": "previous"} for kid, entry in keys.items()}
    patient.edit_record(keys=old, private_key="", kid="", alg="")


def key_field_emptied(patient):
    patient.edit_record(private_key="")


def record_destroyed(patient):
    patient.operator.secrets.kv.v2.destroy_secret_versions(patient.path, list(range(1, 9)))


def tenant_for_vault(patient):
    patient.store_options = {"url": patient.box.tenant_url, "token": patient.box.vault_token}


def token_reaches_its_longest_life(patient):
    patient.token_options |= {"ttl": "8m", "explicit_max_ttl": "9m", "renewable": True}


def token_of_few_uses(patient):
    patient.token_options |= {"num_uses": 12, "ttl": "1h"}


def bot_disabled(patient):
    patient.control(f"users/{patient.bot_user}/disable")


def too_many_tokens(patient):
    patient.box.configure(maximum_tokens=1)


def key_not_seen_yet(patient):
    patient.box.configure(key_propagation_seconds=3600)


def led_elsewhere(patient):
    patient.box.configure(users_me_redirect="http://127.0.0.1:9/")


def make(patient, client_keys, *illnesses, **wishes):
    if any(illness.is_rsa for illness in illnesses):
        wishes["key"] = client_keys["RS256"]
    patient.make(**wishes)
    for illness in illnesses:
        illness.inflict(patient)


def in_order(pair):
    """What takes something away comes last: after it there may be nothing left to change."""
    last = ("store-record", "client-exists", "tenant-url", "clock")
    return sorted(pair, key=lambda illness: last.index(illness.finding) if illness.finding in last else -1)


class Stopped(Exception):
    pass


def stop_at(patient, step, operation):
    """Cut an operation off before a step."""

    def stop(event):
        if event.step == step and event.phase == "before":
            raise Stopped

    try:
        operation(on_step=stop)
    except Stopped:
        return
    raise AssertionError(f"it has no step {step}")


NO_KEY = KEY_CHECKS | {"login"}
UNUSABLE = NO_KEY - {"method"}  # there is, or was, a record of ours: the client is meant to have a key
IN_THE_RECORD = frozenset({"audience"})
# What may strike any client, in the order in which it is told; two of them at a time are tried too.
ILLNESSES = {
    "nothing listens": Illness("tenant-url", nothing_listens, TENANT_CHECKS),
    "ahead": Illness("clock", clock_ahead_by(90), SIGNED_OUT),
    "audience": Illness("audience", other_audience, fix="token-url"),
    "deleted": Illness("client-exists", deleted, CLIENT_CHECKS | SIGNED_OUT),
    "disabled": Illness("client-enabled", disabled, SIGNED_OUT),
    "no machine": Illness("machine-to-machine", no_machine, SIGNED_OUT, fix="machine-to-machine"),
    "not trusted": Illness("consent", not_trusted, SIGNED_OUT, fix="trust"),
    "by secret only": Illness("method", by_secret_only, SIGNED_OUT, fix="method"),
    "another key": Illness("kid-registered", other_key_registered, SIGNED_OUT | {"same-key", "alg"}),
    "under its name": Illness("same-key", other_key_under_its_name, SIGNED_OUT, frozenset({"alg"})),
    "algorithm": Illness("alg", other_algorithm, SIGNED_OUT, is_rsa=True),
    "scopes": Illness("scopes", scopes_not_allowed),
    "no record": Illness("store-record", no_record, NO_KEY, IN_THE_RECORD | {"tenant-url", "client-exists"}),
    "cut off": Illness("store-record", rotation_cut_off, fix="resume"),
    "token ends": Illness("vault-token", token_ends_soon),
    "may not read": Illness("vault-rights", may_not_read, NO_KEY | {"store-record"}, IN_THE_RECORD),
    "nearly used up": Illness("rate-budget", nearly_used_up),
    "bot disabled": Illness("user", bot_disabled, SIGNED_OUT),
}
NO_ANSWER = TENANT_CHECKS - {"discovery"}
# Other ways to the same findings.
MORE = {
    "another website": Illness("discovery", other_website, NO_ANSWER - {"clock"} | NO_KEY | {"store-record"}),
    "another name of the tenant": Illness("discovery", alias, NO_KEY | {"store-record", "audience"}),
    "a server error": Illness("discovery", server_error, NO_ANSWER),
    "a record under another name": Illness("discovery", alias_with_a_record, SIGNED_OUT | {"audience"}),
    "another issuer": Illness("discovery", says_of_itself(issuer="https://evil.example.com")),
    "another path": Illness("discovery", says_of_itself(token_endpoint="{url}/api/token"), SIGNED_OUT | {"audience"}),
    "discovery refused": Illness("discovery", discovery_refused, frozenset({"audience"})),
    "just ahead": Illness("clock", clock_ahead_by(71), SIGNED_OUT),
    "two minutes ahead": Illness("clock", clock_ahead_by(119), SIGNED_OUT),
    "far ahead": Illness("clock", clock_ahead_by(300), SIGNED_OUT),
    "behind": Illness("clock", clock_ahead_by(-300), SIGNED_OUT),
    "no impersonation": Illness("machine-to-machine", no_impersonation, SIGNED_OUT),
    "consent deleted": Illness("consent", consent_deleted, SIGNED_OUT, fix="trust"),
    "no scopes": Illness("scopes", no_scopes),
    "soft-deleted": Illness("store-record", record_soft_deleted, UNUSABLE),
    "somebody else's": Illness("store-record", record_of_somebody_else, UNUSABLE),
    "wrong key written": Illness("store-record", wrong_key_written, UNUSABLE),
    "private key emptied": Illness("store-record", key_field_emptied, UNUSABLE),
    "destroyed": Illness("store-record", record_destroyed, UNUSABLE),
    "the tenant for a Vault": Illness("store-record", tenant_for_vault, NO_KEY),
    "longest life": Illness("vault-token", token_reaches_its_longest_life),
    "few uses": Illness("vault-token", token_of_few_uses),
    "Vault gone": Illness("store-record", vault_gone, NO_KEY),
    "renewable": Illness("vault-token", token_ends_soon_and_can_be_renewed, fix="renew-vault-token"),
    "revoked": Illness("vault-token", token_revoked, NO_KEY),
    "login refused": Illness("vault-token", login_refused, NO_KEY),
    "wrong mount": Illness("store-record", mount_wrong, NO_KEY),
    "unseen mount": Illness("vault-rights", mount_unseen, NO_KEY | {"store-record"}),
    "429 before": Illness("rate-budget", waits_after_a_429, SIGNED_OUT),
    "429 before, for everything": Illness("rate-budget", waits_before_anything, TENANT_CHECKS | {"tenant-url"}),
    "429 now": Illness("rate-budget", answers_429),
    "429 to the login": Illness("rate-budget", answers_429_to_the_login, SIGNED_OUT),
    "no current key": Illness("store-record", no_current_key, KEY_CHECKS | SIGNED_OUT),
    "too many tokens": Illness("login", too_many_tokens),
    "not seen yet": Illness("login", key_not_seen_yet),
    "led elsewhere": Illness("login", led_elsewhere),
}
IN_TRANSIT = {
    "rotated in the engine": Illness("same-key", key_rotated_in_the_engine, SIGNED_OUT),
    "gone from the engine": Illness("same-key", key_gone_from_the_engine, SIGNED_OUT),
    "of another kind in the engine": Illness("same-key", key_of_another_kind_in_the_engine, SIGNED_OUT),
    "no engine": Illness("same-key", no_engine, SIGNED_OUT),
    "may not sign": Illness("vault-rights", may_not_sign, SIGNED_OUT | {"same-key"}),
}
