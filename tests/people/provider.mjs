// The company's provider: the certified oidc-provider on a free loopback port.
//
//   node provider.mjs HOST REDIRECT_URI…
//
// It says {"issuer": URL} when it answers, and ends when its standard input does. Each line on standard input is a
// JSON order, answered by one line:
//
//   {"lie": {"id_token": {…}, "callback": {…}}}   from now on changes these claims of the ID token, or these
//                                                  parameters of the way back; {} tells the truth again
//   {"asked": true}                               says how often each path was asked for
import http from 'node:http';
import readline from 'node:readline';
import { exportJWK, generateKeyPair, decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

const [host, ...redirectUris] = process.argv.slice(2);

const people = {
  alice: { name: 'Alice A', email: 'alice@example.com', email_verified: true, groups: ['eng', 'admins'] },
  bob: { name: 'Bob B', email: 'bob@example.com', email_verified: false, groups: ['eng'] },
  carol: { name: 'Carol C', email: 'carol@example.com', email_verified: true },
};
let lie = {};
const asked = {};

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'one', use: 'sig' };

const server = http.createServer();
await new Promise((ready) => server.listen(0, host, ready));
const issuer = `http://${host}:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'daypass',
      client_secret: 'a-secret-of-the-provider',
      redirect_uris: redirectUris,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  // Claims in the ID token, as Okta, Entra and Keycloak put them there.
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: true } },
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
  pkce: { required: () => true },
  findAccount: (_context, id) =>
    people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  jwks: { keys: [jwk] },
  cookies: { keys: ['a-key-of-the-tests'] },
  // Quiet on standard error, where its own advice for operators would go.
  ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 3600, IdToken: 300, Interaction: 600, Session: 3600 },
});

provider.use(async (context, next) => {
  asked[context.path] = (asked[context.path] ?? 0) + 1;
  await next();
  if (lie.id_token && context.body?.id_token) {
    const header = decodeProtectedHeader(context.body.id_token);
    const claims = { ...decodeJwt(context.body.id_token), ...lie.id_token };
    context.body = { ...context.body, id_token: await new SignJWT(claims).setProtectedHeader(header).sign(privateKey) };
  }
  const back = context.response.get('location') ?? '';
  if (lie.callback && redirectUris.some((uri) => back.startsWith(uri))) {
    const url = new URL(back);
    for (const [name, value] of Object.entries(lie.callback)) {
      if (value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    context.set('location', url.href);
  }
});
provider.on('server_error', (_context, error) => console.error(error));
server.on('request', provider.callback());

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
say({ issuer });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.lie) lie = order.lie;
  say(order.asked ? asked : {});
}
process.exit(0);
