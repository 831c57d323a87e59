// What a user of @qlik/api writes who takes tenant and credential from the environment.
import { createQlikApi } from "@qlik/api";

const { QLIK_TENANT_URL: host, QLIK_API_KEY: apiKey } = process.env;
const { users } = createQlikApi({ hostConfig: { authType: "apikey", host, apiKey } });
process.stdout.write(JSON.stringify((await users.getMyUser()).data));
