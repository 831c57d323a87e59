"""What a user of qlik-sdk writes who takes tenant and credential from the environment."""

import json
import os

from qlik_sdk import Auth, AuthType, Config

host, api_key = os.environ["QLIK_TENANT_URL"], os.environ["QLIK_API_KEY"]
print(json.dumps(Auth(Config(host=host, auth_type=AuthType.APIKey, api_key=api_key)).rest(path="/users/me").json()))
