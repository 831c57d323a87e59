// What an operator of oidc-provider writes: an authorization server whose clients log in by private_key_jwt and act for
// themselves. Reads {clients: [{clientId, alg, keys}]}, one line, from its input; writes {url}, one line, to its output;
// ends when its input does.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin });
lines.once("close", () => process.exit(0));
const { clients } = JSON.parse(await new Promise((resolve) => lines.once("line", resolve)));
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: clients.map(({ clientId, alg, keys }) => ({
    client_id: clientId,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "private_key_jwt",
    token_endpoint_auth_signing_alg: alg,
    scope: "user_default",
    jwks: { keys },
  })),
  clientAuthMethods: ["private_key_jwt"],
  enabledJWA: { clientAuthSigningAlgValues: ["RS256", "RS512", "ES384"] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
  },
  routes: { token: "/oauth/token", introspection: "/oauth/introspection" },
  scopes: ["user_default", "admin_classic"],
});
server.on("request", provider.callback());
process.stdout.write(`${JSON.stringify({ url: issuer })}\n`);
