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
    "The server at this URL does not identify itself as this Qlik tenant.",
    "Check the tenant's URL, https://<tenant>.<region>.qlikcloud.com, and that no proxy or login page answers "
    "instead of it.",
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
    "The URL in use is a name of the tenant that is none of its host names: assertions that are made for it are "
    "refused.",
    "Use one of the tenant's host names (`qlik-keys tenant me`), for example the one of its token endpoint.",
)
TOKEN_ENDPOINT_DIFFERS = Rule(
    "QK405",
    "token-endpoint-differs",
    "high",
    "The tenant's token endpoint differs from the one for which assertions are made.",
    "Check that no proxy changes the tenant's answers; otherwise ask Qlik's support.",
)
CLOCK_OFF = Rule(
    "QK406",
    "clock-off",
    "high",
    "This machine's clock is wrong: assertions contain the time and are refused.",
    "Synchronize the clock: enable NTP (timedatectl set-ntp true), or ask the machine's operator to do it.",
)
CREDENTIAL_REFUSED = Rule(
    "QK407",
    "credential-refused",
    "high",
    "The tenant refuses the administrator's credential, so the client cannot be checked on the tenant.",
    "Give a credential that the tenant accepts.",
)
RATE_LIMITED = Rule(
    "QK408",
    "rate-limited",
    "medium",
    "The tenant's rate limit is used up or nearly used up.",
    "Wait, and send fewer requests: one token is valid for hours. The requests of other programs with the same "
    "user count too.",
)
DEPRECATED_ENDPOINT = Rule(
    "QK409",
    "deprecated-endpoint",
    "low",
    "Qlik Cloud has deprecated an endpoint of its API that this version of qlik_keys calls.",
    "Upgrade qlik_keys before the day on which Qlik may remove it; the release notes say which version no longer calls "
    "it.",
)
TENANT_NOT_ASKED = Rule(
    "QK410",
    "tenant-not-asked",
    "high",
    "The tenant or its key store could not be asked, so its clients are not in the table. The audit of several tenants "
    "has the reason in this place.",
    "Run the same command for this tenant alone.",
)
STORE_FAILED = Rule(
    "QK501",
    "store-failed",
    "high",
    "The store cannot be reached for the client's key.",
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
    "The Vault token has no permission for a login: to read the record, or to sign in Vault.",
    "Give it the policy of a consumer, which `qlik-keys vault-policy --role consumer` prints.",
)
VAULT_TOKEN_ENDS = Rule(
    "QK504",
    "vault-token-ends",
    "medium",
    "The Vault token expires soon.",
    "Log in again (`vault login`) and pass the new token.",
    "renew-vault-token",
)
VAULT_TOKEN_FEW_USES = Rule(
    "QK505",
    "vault-token-few-uses",
    "medium",
    "The Vault token can be used for only a few more requests (num_uses).",
    "Use a token without a limit on its number of uses. Log in again (`vault login`) and pass the new token.",
)
NOT_CHECKED = Rule(
    "QK506",
    "not-checked",
    "medium",
    "The store did not return this client's key, or the tenant did not return its consent method, so this client "
    "was not checked completely.",
    "Run the doctor for this client: it shows which of the two failed, and why.",
    "doctor",
)
LOGIN_REFUSED = Rule(
    "QK601",
    "login-refused",
    "high",
    "The token endpoint refuses the client's login with the key that the store has.",
    "If the key was registered less than a minute ago, try again. Otherwise follow what the doctor says: the tenant "
    "refuses the key, or it accepts the key and the user is disabled or has too many tokens.",
)
LOGIN_FAILED = Rule(
    "QK602",
    "login-failed",
    "high",
    "The client's login was not completed.",
    "Try again; if the problem persists, it must be checked manually.",
)
TOKEN_REFUSED = Rule(
    "QK603",
    "token-refused",
    "high",
    "The client gets a token, but the tenant refuses a call with it.",
    "Find the user under Users in Qlik's console and enable it; revoke tokens that are not needed, or wait until "
    "they expire.",
)
TOKEN_OF_ANOTHER = Rule(
    "QK604",
    "token-of-another-client",
    "high",
    "The client gets a token, but it belongs to another client.",
    "Do not use this client; report it to Qlik's support.",
)
