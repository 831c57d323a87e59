// What a user of @qlik/api writes; nothing but its host configuration knows of the sandbox.
// Reads {host, apiKey, publicKey} from its input, writes what it saw to its output.
import { readFileSync } from "node:fs";
import { createQlikApi } from "@qlik/api";

const { host, apiKey, publicKey } = JSON.parse(readFileSync(0, "utf8"));
const { oauthClients, oauthTokens, users } = createQlikApi({ hostConfig: { authType: "apikey", host, apiKey } });
const fresh = { noCache: true };
const machine = {
  appType: "web",
  allowedScopes: ["user_default"],
  allowedGrantTypes: ["client_credentials", "urn:qlik:oauth:user-impersonation"],
  connectionConfig: { consentMethod: "trusted" },
};

async function refusal(call) {
  try {
    await call;
    return null;
  } catch (error) {
    return { status: error.status, errors: error.errors ?? error.data?.errors };
  }
}

function loggedIn(clientId, clientSecret, more = {}) {
  const hostConfig = { authType: "oauth2", host, clientId, clientSecret, noCache: true, ...more };
  const api = createQlikApi({ hostConfig });
  return { users: api.users, token: () => api.auth.getAccessToken({ hostConfig }) };
}

const seen = {};
seen.admin = (await users.getMyUser(fresh)).data;

// Create, read, list.
const created = await oauthClients.createOAuthClient({ ...machine, clientName: "by @qlik/api" });
const { clientId, clientSecret } = created.data;
seen.created = { ...created.data, status: created.status };
seen.read = (await oauthClients.getOAuthClient(clientId, fresh)).data;
const keyed = await oauthClients.createOAuthClient({
  ...machine,
  clientName: "by @qlik/api, keyed",
  allowedAuthMethods: ["private_key_jwt"],
  publicKeys: [publicKey],
});
seen.keyed = { ...keyed.data, status: keyed.status };
const query = { filter: 'clientName sw "by @qlik/api"', sort: "-clientName", limit: 1, totalResults: true };
let page = await oauthClients.getOAuthClients(query, fresh);
seen.total = page.data.totalResults;
seen.pages = [];
while (page) {
  seen.pages.push(page.data.data.map((client) => client.clientId));
  page = await page.next?.(fresh);
}

// Log in by the client secret, as itself and for a person.
const bot = loggedIn(clientId, clientSecret);
seen.token = await bot.token();
seen.bot = (await bot.users.getMyUser(fresh)).data;
seen.impersonated = (await loggedIn(clientId, clientSecret, { userId: seen.admin.id }).users.getMyUser(fresh)).data;

// Its tokens, listed and ended by an administrator.
await loggedIn(clientId, clientSecret).token();
seen.tokenPages = [];
let tokens = await oauthTokens.getOauthTokens({ userId: seen.bot.id, limit: 1, sort: "userId" }, fresh);
while (tokens) {
  seen.tokenPages.push(tokens.data.data);
  tokens = await tokens.next?.(fresh);
}
seen.tokensDeleted = [];
for (const [row] of seen.tokenPages) seen.tokensDeleted.push((await oauthTokens.deleteOauthToken(row.id)).status);
const withDeadToken = createQlikApi({ hostConfig: { authType: "apikey", host, apiKey: seen.token } });
seen.afterDelete = await refusal(withDeadToken.users.getMyUser(fresh));
seen.wrongSecret = await refusal(loggedIn(clientId, "0".repeat(64)).token());

// Change.
const renamed = [{ op: "replace", path: "/clientName", value: "renamed by @qlik/api" }];
seen.patched = (await oauthClients.patchOAuthClient(clientId, renamed)).status;
const secretAdded = [{ op: "add", path: "/allowedAuthMethods", value: ["private_key_jwt", "client_secret"] }];
const patched = await oauthClients.patchOAuthClient(keyed.data.clientId, secretAdded);
seen.secretAdded = { ...patched.data, status: patched.status };
const second = await oauthClients.createOAuthClientSecret(clientId);
seen.second = { ...second.data, status: second.status };
seen.secondDeleted = (await oauthClients.deleteOAuthClientSecret(clientId, second.data.hint)).status;
const consent = [{ op: "replace", path: "/consentMethod", value: "required" }];
seen.consentPatched = (await oauthClients.patchOAuthClientConnectionConfig(clientId, consent)).status;
seen.consent = (await oauthClients.getOAuthClientConnectionConfig(clientId, fresh)).data;
seen.consentDeleted = (await oauthClients.deleteOAuthClientConnectionConfig(clientId)).status;
seen.published = (await oauthClients.publishOAuthClient(clientId)).data;
seen.changed = (await oauthClients.getOAuthClient(clientId, fresh)).data;

// Delete.
seen.unconfirmed = await refusal(oauthClients.deleteOAuthClient(clientId));
seen.deleted = [];
for (const id of [clientId, keyed.data.clientId]) {
  const confirmed = { headers: { "qlik-confirm-delete": id } };
  seen.deleted.push((await oauthClients.deleteOAuthClient(id, confirmed)).status);
}
seen.gone = await refusal(oauthClients.getOAuthClient(clientId, fresh));

process.stdout.write(JSON.stringify(seen));
