"""QK3xx: a client's settings on the tenant."""

from __future__ import annotations

from qlik_keys.rules.model import Rule

CLIENT_ABSENT = Rule(
    "QK301",
    "client-absent",
    "high",
    "The tenant has no such client.",
    "Check the id or name and the tenant.",
)
CLIENT_DELETED = Rule(
    "QK302",
    "client-deleted",
    "high",
    "The tenant marks the client as deleted.",
    "If it shall log in again: delete what is left of it, and provision it again.",
)
METHOD_NOT_ALLOWED = Rule(
    "QK303",
    "method-not-allowed",
    "high",
    "The store has a key of the client, and the client may not log in by private-key JWT: consumers cannot log in.",
    "Allow the method private_key_jwt.",
    "method",
)
GRANT_MISSING = Rule(
    "QK304",
    "grant-missing",
    "high",
    "The client lacks a grant that a machine needs.",
    "Tick Machine-to-machine on it.",
    "machine-to-machine",
)
USER_DISABLED = Rule(
    "QK305",
    "user-disabled",
    "high",
    "The user of the client's tokens is disabled or deleted.",
    "Find out who did that and why; a Tenant Admin enables users in Qlik's console, under Users.",
)
SECRET_ONLY = Rule(
    "QK306",
    "secret-only",
    "medium",
    "A machine logs in by a client secret alone: whoever sees it once has it.",
    "Adopt: it gives the client a key, and takes the secret away if you say so.",
    "adopt",
)
ADMIN_SCOPE = Rule(
    "QK307",
    "admin-scope",
    "medium",
    "admin_classic: this client may administer the whole tenant.",
    "Give it the scopes that it needs, in Qlik's console; or make sure that its key is well kept.",
)
CONSENT_NOT_TRUSTED = Rule(
    "QK308",
    "consent-not-trusted",
    "medium",
    "A machine cannot log in before its consent method is trusted.",
    "Set the consent method to trusted.",
    "trust",
)
SCOPE_MISSING = Rule(
    "QK309",
    "scope-missing",
    "medium",
    "The client may not have the scopes that are asked for, or has none.",
    "Ask for others, or give it these. A Tenant Admin changes them in Qlik's console.",
)
SECRET_BESIDE_KEY = Rule(
    "QK310",
    "secret-beside-key",
    "low",
    "A machine with a key has a client secret too, which logs in as well.",
    "If no consumer uses it: adopt with --remove-secrets takes it away.",
)
DYNAMIC_REGISTRATION = Rule(
    "QK311",
    "dynamic-registration",
    "low",
    "The client registered itself.",
    "Find out which program did, and whether it should.",
)
DISABLED = Rule(
    "QK312",
    "disabled",
    "low",
    "The tenant has disabled the client.",
    "Find out why; delete it when nobody needs it.",
    "delete",
)
