"""QK3xx: a client's settings on the tenant, and what is to be done for it soon."""

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
    "If it should log in again: delete its remains, then provision it again.",
)
METHOD_NOT_ALLOWED = Rule(
    "QK303",
    "method-not-allowed",
    "high",
    "The store has a key of the client, but the client may not authenticate by private-key JWT: consumers cannot "
    "log in.",
    "Allow the method private_key_jwt.",
    "method",
)
GRANT_MISSING = Rule(
    "QK304",
    "grant-missing",
    "high",
    "The client lacks a grant that a machine-to-machine client needs.",
    "Select Machine-to-machine for it.",
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
    "A machine-to-machine client authenticates only by client secret: anyone who sees the secret once can use it.",
    "Adopt gives the client a key, and removes the secret if you request it.",
    "adopt",
)
ADMIN_SCOPE = Rule(
    "QK307",
    "admin-scope",
    "medium",
    "The client has the scope admin_classic: it may administer the whole tenant.",
    "Give it the scopes that it needs, in Qlik's console; or make sure that its key is well protected.",
)
CONSENT_NOT_TRUSTED = Rule(
    "QK308",
    "consent-not-trusted",
    "medium",
    "A machine-to-machine client cannot log in until its consent method is trusted.",
    "Set the consent method to trusted.",
    "trust",
)
SCOPE_MISSING = Rule(
    "QK309",
    "scope-missing",
    "medium",
    "The client may not have the requested scopes, or has none.",
    "Request other scopes, or give it these. A Tenant Admin changes them in Qlik's console.",
)
SECRET_AND_KEY = Rule(
    "QK310",
    "secret-and-key",
    "low",
    "A machine-to-machine client with a key also has a client secret that can still log in.",
    "If no consumer uses it, remove it: adopt with --remove-secrets.",
)
DYNAMIC_REGISTRATION = Rule(
    "QK311",
    "dynamic-registration",
    "low",
    "The client registered itself.",
    "Find out which program registered it, and whether that is intended.",
)
DISABLED = Rule(
    "QK312",
    "disabled",
    "low",
    "The tenant has disabled the client.",
    "Find out why; delete it if it is not needed.",
    "delete",
)
ORPHANED_BOT = Rule(
    "QK313",
    "orphaned-bot",
    "low",
    "The tenant has the bot user of a client that was deleted, with its roles and with what it owns.",
    "If nothing needs the user, delete it.",
    "remove-bot",
)
TOKEN_OUTLIVES_CLIENT = Rule(
    "QK314",
    "token-outlives-client",
    "high",
    "Access tokens of a client that was deleted are still valid: anyone who has one can use it until it expires.",
    "Delete, once more, ends the tokens that the tenant lists.",
    "delete",
)
UNUSED_90_DAYS = Rule(
    "QK315",
    "unused-90-days",
    "low",
    "The tenant issued no token to this machine-to-machine client in the last 90 days.",
    "Find out whether it is still needed; delete it if it is not.",
    "delete",
)
SECRET_STILL_USED = Rule(
    "QK316",
    "secret-still-used",
    "medium",
    "The client logged in within the last 30 days, and a client secret is its only login: a consumer uses the secret.",
    "Adopt gives the client a key; move its consumers to the key before you remove the secret.",
    "adopt",
)
TWO_FOLDERS = Rule(
    "QK317",
    "two-folders",
    "medium",
    "The store has records of this tenant's clients under another of its host names too. Lists by the name in use do "
    "not show them.",
    "An operation on one of these clients finds its record. For all of them at once (clients, audit, rotate_due, "
    "retire, resume) give that host name as the tenant's URL as well, until they are deleted.",
)
HOOK_PENDING = Rule(
    "QK319",
    "hook-pending",
    "high",
    "A hook that tells a consumer about the client's new key has not succeeded: the consumer may still use the old "
    "key. No old key is removed until then.",
    "Resume runs the hook where it is defined (--hooks); --drop-hook removes one that is not needed any more.",
    "resume",
)
ROTATION_DUE_SOON = Rule(
    "QK318",
    "rotation-due-soon",
    "low",
    "The client's key should be replaced within the time that the audit was asked for (--due-within).",
    "Plan its rotation, or rotate it now.",
    "rotate",
)
