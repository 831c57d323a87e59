"""What qlik-cli has and this program has not: refused by name, with what to do instead.

qlik-cli makes a command of each of Qlik Cloud's public APIs; this program has those that keys, clients and who they act
as need. Any other call goes by `raw`, and qlik-cli itself can be run with a client's token.
"""

from __future__ import annotations

_APIS = """
    ai ai-assistant analytics-admin app assistant audit automation automation-connection automl-deployment
    automl-prediction banner brand collection condition conditions connectivity consumption core csp-header csp-origin
    data-alert data-asset data-connection data-credential data-file data-files data-integration data-set data-source
    data-store di-project direct-access-agent edge-auth encryption evaluation extension glossary group identity-provider
    item knowledgebase license lineage-graph login ml natural-language note note-settings notification question
    questions quota reload reload-task report report-template role self-service-payment sharing-task space task
    temp-content tenant-settings theme transport ui-config web-integration web-notification webhook workflow
    automl-experiment data-product data-quality di-gateway ip-policy lineage pinned-link policy script
"""
_PATHS = {
    "data-set": "v1/data-sets",
    "edge-auth": "v1/edge-auth",
    "license": "v1/licenses/overview",
    "core": "core",
    "glossary": "v1/glossaries",
    "identity-provider": "v1/identity-providers",
    "temp-content": "v1/temp-contents",
    "tenant-settings": "v1/tenant-settings",
    "data-files": "v1/data-files",
    "conditions": "v1/conditions",
    "questions": "v1/questions",
}
_OTHERS = {
    "build": "it changes apps",
    "unbuild": "it exports the parts of apps",
    "catwalk": "it shows the model of an app",
    "qrs": "it is for Qlik Sense Enterprise on Windows",
    "spec": "it adds more APIs to qlik-cli; use raw for any API",
    "update": "it updates qlik-cli: this program is updated by pip install --upgrade",
}
_WITH_A_TOKEN = "with a client's token: qlik-keys token --client NAME --exec -- qlik"  # noqa: S105  # a command
_IN_GROUPS = {
    ("context", "login"): "it is for Qlik Sense Enterprise on Windows: use context init, or context create",
    ("oauth-client", "edit"): "it opens an editor: use oauth-client patch",
    ("connection-config", "edit"): "it opens an editor: use oauth-client connection-config patch",
    ("connection-config", "get"): "it is oauth-client connection-config ls",
    ("api-key", "create"): "use a client whose key is in Vault (provision); or raw post v1/api-keys",
    ("api-key", "rm"): "use raw delete v1/api-keys/ID",
    ("api-key", "patch"): "use raw patch v1/api-keys/ID",
    ("api-key", "edit"): "use raw patch v1/api-keys/ID",
    ("api-key", "config"): "use raw get v1/api-keys/configs/TENANT-ID",
    ("user", "create"): "use raw post v1/users",
    ("user", "invite"): "use raw post v1/users/actions/invite",
    ("user", "patch"): "use raw patch v1/users/ID",
    ("user", "edit"): "use raw patch v1/users/ID",
    ("user", "rm"): "use raw delete v1/users/ID",
    ("user", "filter"): "use user ls --filter",
    ("user", "metadata"): "use raw get v1/users/metadata",
    ("tenant", "create"): "it needs an OAuth client of My Qlik; use qlik-cli",
    ("tenant", "patch"): "use raw patch v1/tenants/ID",
    ("tenant", "edit"): "use raw patch v1/tenants/ID",
    ("tenant", "deactivate"): "it needs an OAuth client of My Qlik; use qlik-cli",
    ("tenant", "reactivate"): "it needs an OAuth client of My Qlik; use qlik-cli",
    ("tenant", "delete"): "it needs an OAuth client of My Qlik; use qlik-cli",
}


def reason_against(group: str, word: str) -> str:
    """Return why a word of qlik-cli is no command here and what to do instead, "" for a word that it has not either.

    Args:
        group: the group in which the word stands, "" for none.
        word: as it was typed.
    """
    if group:
        reason = _IN_GROUPS.get((group, word), "")
        return f"`{group} {word}` of qlik-cli is not available here: {reason}." if reason else ""
    if word in _APIS.split():
        path = _PATHS.get(word, f"v1/{word}s")
        return (
            f"`{word}` of qlik-cli is not available here: use raw, as in `raw get {path}`, or qlik-cli "
            f"{_WITH_A_TOKEN} {word} …"
        )
    if word in _OTHERS:
        return f"`{word}` of qlik-cli is not available here: {_OTHERS[word]}."
    return ""
