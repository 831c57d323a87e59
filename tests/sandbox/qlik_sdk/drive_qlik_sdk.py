"""What a user of qlik-sdk writes; nothing but its Config knows of the sandbox.

Reads {host, api_key} from its input, writes what it saw to its output. The SDK has no class for OAuth clients: its
users take `Auth.rest`, which adds the path's beginning and the credential.
"""

import json
import sys

from qlik_sdk import Auth, AuthType, Config, ListableResource, Users
from qlik_sdk.rest import AuthenticationException
from requests import HTTPError

CLIENTS = "/oauth-clients"
settings = json.load(sys.stdin)
host = settings["host"]
config = Config(host=host, auth_type=AuthType.APIKey, api_key=settings["api_key"])
admin = Auth(config)


def logged_in(client_id, client_secret):
    return Auth(Config(host=host, auth_type=AuthType.OAuth2, client_id=client_id, client_secret=client_secret))


def refusal(call, **options):
    try:
        call(**options)
    except HTTPError as error:
        return error.response.status_code
    except AuthenticationException as error:
        return str(error)
    return None


seen = {"admin": admin.rest(path="/users/me").json(), "admin_by_class": Users(config).get_me().subject}

# Create, read, list.
ids = []
fields = {
    "appType": "web",
    "allowedScopes": ["user_default"],
    "allowedGrantTypes": ["client_credentials"],
    "connectionConfig": {"consentMethod": "trusted"},
}
for number in range(3):
    created = admin.rest(path=CLIENTS, method="post", data={**fields, "clientName": f"by qlik-sdk {number}"})
    ids.append(created.json()["clientId"])
seen["created"] = {**created.json(), "status": created.status_code}
client_id, secret = ids[-1], created.json()["clientSecret"]
path = f"{CLIENTS}/{client_id}"
seen["read"] = admin.rest(path=path).json()
query = {"filter": 'clientName sw "by qlik-sdk"', "limit": 1}
first_page = admin.rest(path=CLIENTS, params=query).json()
listed = ListableResource(response=first_page, auth=admin, path=CLIENTS, query_params=query)
seen["ids"] = ids
seen["first_page"] = len(listed)
seen["listed"] = [client["clientId"] for client in listed.pagination]

# Log in by the client secret.
bot = logged_in(client_id, secret)
seen["token"] = bot.authorize()
seen["bot"] = bot.rest(path="/users/me").json()
token = bot.config.api_key
bot.deauthorize()
bot.config.api_key = token
seen["after_deauthorize"] = refusal(bot.rest, path="/users/me")
seen["wrong_secret"] = refusal(logged_in(client_id, "0" * 64).authorize)

# Change, delete.
renamed = [{"op": "replace", "path": "/clientName", "value": "renamed by qlik-sdk"}]
seen["patched"] = admin.rest(path=path, method="patch", data=renamed).status_code
seen["changed"] = admin.rest(path=path).json()
seen["unconfirmed"] = refusal(admin.rest, path=path, method="delete")
seen["deleted"] = [
    admin.rest(path=f"{CLIENTS}/{one}", method="delete", headers={"qlik-confirm-delete": one}).status_code
    for one in ids
]
seen["gone"] = refusal(admin.rest, path=path)

print(json.dumps(seen))
