// What a user of openid-client writes to log in by private_key_jwt.
// Reads {tenantUrl, clients: [{clientId, kid, alg, pem}]} from its input, writes what it saw of each client to its output.
import { readFileSync } from "node:fs";
import * as client from "openid-client";

const { tenantUrl, clients } = JSON.parse(readFileSync(0, "utf8"));
const importing = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  RS512: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  ES384: { name: "ECDSA", namedCurve: "P-384" },
};

async function imported({ pem, alg }) {
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  return crypto.subtle.importKey("pkcs8", der, importing[alg], false, ["sign"]);
}

async function refusal(call) {
  try {
    await call;
    return null;
  } catch (error) {
    return { status: error.status ?? error.cause?.status ?? error.cause?.cause?.status, name: error.name };
  }
}

const seen = [];
for (const one of clients) {
  const key = { key: await imported(one), kid: one.kid };
  const discovered = async (options) => {
    const authentication = client.PrivateKeyJwt(key, options);
    const settings = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
    return client.discovery(new URL(tenantUrl), one.clientId, {}, authentication, settings);
  };
  const toTheEndpoint = (_header, claims) => {
    claims.aud = `${tenantUrl}/oauth/token`;
  };
  const config = await discovered({ [client.modifyAssertion]: toTheEndpoint });
  const answer = await client.clientCredentialsGrant(config, { scope: "user_default" });
  const call = (address) => client.fetchProtectedResource(config, answer.access_token, new URL(address), "GET");
  const redirect = await call(`${tenantUrl}/api/v1/users/me`);
  const me = await call(redirect.headers.get("location"));
  await client.tokenRevocation(config, answer.access_token);
  seen.push({
    scope: answer.scope,
    expiresIn: answer.expires_in,
    me: await me.json(),
    afterRevoke: await refusal(call(`${tenantUrl}/api/v1/users/me`)),
    // Its own audience is the issuer, which Qlik does not take.
    itsOwnAudience: await refusal(client.clientCredentialsGrant(await discovered({}), {})),
  });
}
process.stdout.write(JSON.stringify(seen));
