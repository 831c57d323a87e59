"""QK4xx, QK5xx, QK6xx: what keeps a login from the tenant, from the store, and what only a login finds."""

from __future__ import annotations

from qlik_keys.rules.model import Rule

TENANT_UNREACHABLE = Rule(
    "QK401",
    "tenant-unreachable",
    "high",
    "Nothing answers at the tenant's URL.",
    "Check the tenant's URL and the network.",
)
NOT_A_TENANT = Rule(
    "QK402",
    "not-a-tenant",
    "high",
    "What answers at the URL does not say that it is this Qlik tenant.",
    "Check the tenant's URL, https://<tenant>.<region>.qlikcloud.com, and that no proxy or login page answers in its "
    "place.",
)
TENANT_UNAVAILABLE = Rule(
    "QK403",
    "tenant-unavailable",
    "high",
    "The tenant answers with an error of its own.",
    "Try again later; if the problem persists, ask Qlik's support.",
)
TENANT_ALIAS = Rule(
    "QK404",
    "tenant-alias",
    "high",
    "The URL in use is another name of the tenant: assertions that are made for it are refused.",
    "Use the tenant's own host name, the one of its token endpoint: assertions are made for it.",
)
TOKEN_ENDPOINT_DIFFERS = Rule(
    "QK405",
    "token-endpoint-differs",
    "high",
    "The tenant names another token endpoint than the one that assertions are made for.",
    "Check that no proxy rewrites the tenant's answers; else ask Qlik's support.",
)
CLOCK_OFF = Rule(
    "QK406",
    "clock-off",
    "high",
    "This machine's clock is off: an assertion carries its time, and is refused for it.",
    "Set the clock right: switch on NTP (timedatectl set-ntp true), or have the machine's operator do so.",
)
CREDENTIAL_REFUSED = Rule(
    "QK407",
    "credential-refused",
    "high",
    "The tenant refuses the administrator's credential, so nobody can look at the client.",
    "Give a credential that the tenant accepts.",
)
RATE_LIMITED = Rule(
    "QK408",
    "rate-limited",
    "medium",
    "The tenant's rate limit is used up, or nearly.",
    "Wait, and ask less often: one token serves for hours, and one session per process counts its own requests. "
    "Other programs of the same user count too.",
)
STORE_FAILED = Rule(
    "QK501",
    "store-failed",
    "high",
    "The store cannot be asked for the client's key.",
    "Check the Vault, its address and its mount.",
)
VAULT_TOKEN_REFUSED = Rule(
    "QK502",
    "vault-token-refused",
    "high",
    "Vault refuses the token, or the login.",
    "Log in again (`vault login`) and pass the new token.",
)
VAULT_RIGHTS_MISSING = Rule(
    "QK503",
    "vault-rights-missing",
    "high",
    "The Vault token may not do what a login needs: read the record, or have Vault sign.",
    "Give it the policy of a consumer, which `qlik-keys vault-policy --role consumer` prints.",
)
VAULT_TOKEN_ENDS = Rule(
    "QK504",
    "vault-token-ends",
    "medium",
    "The Vault token ends soon.",
    "Log in again (`vault login`) and pass the new token.",
    "renew-vault-token",
)
VAULT_TOKEN_FEW_USES = Rule(
    "QK505",
    "vault-token-few-uses",
    "medium",
    "The Vault token is good for few more requests (num_uses).",
    "Use a token without a limit on its number of uses. Log in again (`vault login`) and pass the new token.",
)
NOT_CHECKED = Rule(
    "QK506",
    "not-checked",
    "medium",
    "The store did not tell about this client's key, or the tenant about its consent: what they hide is not known.",
    "Look at the client with the doctor: it says which of them failed, and why.",
    "doctor",
)
LOGIN_REFUSED = Rule(
    "QK601",
    "login-refused",
    "high",
    "The tenant refuses the client's login with the store's key.",
    "Look for the user under Users in the console and enable it; revoke tokens that nobody needs, or let them end.",
)
LOGIN_FAILED = Rule(
    "QK602",
    "login-failed",
    "high",
    "The client's login did not come to an end.",
    "Ask again; if it stays so, have a person look at it.",
)
TOKEN_REFUSED = Rule(
    "QK603",
    "token-refused",
    "high",
    "The client gets a token, and the tenant refuses a call with it.",
    "Look for the user under Users in the console and enable it; revoke tokens that nobody needs, or let them end.",
)
TOKEN_OF_ANOTHER = Rule(
    "QK604",
    "token-of-another-client",
    "high",
    "The client gets a token, and it belongs to another client.",
    "Do not use this client; tell Qlik's support.",
)
