// Certified clients against our server, each flow to its end, strictly as their authors meant it.
//
//   node clients.mjs SERVER OUTSIDE_TOKEN_FILE CLIENT_SECRET
//
// It says {"open": URL} when a person is to open an address, {"passed": WHAT} after each flow, {"failed": WHY} where
// one did not end as it should, and {"done": true} at the end.
import fs from 'node:fs';
import http from 'node:http';
import * as openid from 'openid-client';
import * as oauth from 'oauth4webapi';

const [server, tokenFile, secret] = process.argv.slice(2);
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
// Plain HTTP on loopback is the only thing that they are told to accept.
const insecure = { [oauth.allowInsecureRequests]: true };

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const outsideTokens = () => fs.readFileSync(tokenFile, 'utf8').trim().split('\n');

function check(truth, what) {
  if (!truth) throw new Error(what);
}

// A native application's listener (RFC 8252 §7.3): the redirect URI, and the address that the person comes back to.
async function listener() {
  const server = http.createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const redirectUri = `http://127.0.0.1:${server.address().port}/callback`;
  const back = new Promise((came) => {
    server.on('request', (request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Back</title><main><h1>You may close this tab</h1></main>');
      server.close();
      came(new URL(request.url, redirectUri));
    });
  });
  return { redirectUri, back };
}

async function rejects(promise, error, what) {
  const found = await promise.then(() => 'it was accepted', (reason) => reason.error ?? `${reason.code} ${reason.message}`);
  check(found === error, `${what}: ${found} instead of ${error}`);
}

async function openidClient() {
  const options = (algorithm) => ({ algorithm, execute: [openid.allowInsecureRequests] });
  const discover = (id, auth, algorithm) =>
    openid.discovery(new URL(server), id, undefined, auth, options(algorithm));
  const tool = await discover('public-tool', openid.None(), 'oauth2');
  await discover('public-tool', openid.None(), 'oidc');
  say({ passed: 'openid-client: discovery (RFC 8414 and OpenID)' });

  const verifier = openid.randomPKCECodeVerifier();
  const state = openid.randomState();
  const { redirectUri, back } = await listener();
  const url = openid.buildAuthorizationUrl(tool, {
    redirect_uri: redirectUri, state, code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256', provider: 'corp',
  });
  say({ open: url.href });
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  const session = await openid.authorizationCodeGrant(tool, await back, checks);
  check(session.refresh_token && session.expires_in > 0, 'the answer lacks something');
  await rejects(openid.authorizationCodeGrant(tool, await back, checks), 'invalid_grant', 'a code twice');
  say({ passed: 'openid-client: code with PKCE, and its code but once' });

  const device = await openid.initiateDeviceAuthorization(tool, {});
  check(device.user_code && device.verification_uri && device.interval === 5, 'not as RFC 8628 §3.2 has it');
  say({ open: device.verification_uri_complete });
  const onDevice = await openid.pollDeviceAuthorizationGrant(tool, device);
  say({ passed: 'openid-client: device' });

  const next = await openid.refreshTokenGrant(tool, onDevice.refresh_token);
  check(next.refresh_token !== onDevice.refresh_token, 'the refresh token was not rotated');
  say({ passed: 'openid-client: refresh' });

  for (const auth of [openid.ClientSecretBasic(secret), openid.ClientSecretPost(secret)]) {
    const reports = await discover('reports', auth, 'oauth2');
    const seen = await openid.tokenIntrospection(reports, next.access_token);
    check(seen.active === true && seen.exp > 0 && seen.iss === server, `introspection: ${JSON.stringify(seen)}`);
    const nonsense = await openid.tokenIntrospection(reports, 'nonsense');
    check(nonsense.active === false && Object.keys(nonsense).length === 1, 'RFC 7662 §2.2: nothing but `active`');
  }
  // RFC 9110 §11.6.1: with 401 comes a challenge, which this client tells instead of the error.
  const challenged = await openid.tokenIntrospection(tool, next.access_token).catch((error) => error);
  check(challenged.status === 401 && challenged.cause?.[0]?.scheme === 'basic', 'introspection by a public client');
  say({ passed: 'openid-client: introspection' });

  await openid.tokenRevocation(tool, next.refresh_token);
  await openid.tokenRevocation(tool, 'nonsense');
  await rejects(openid.refreshTokenGrant(tool, next.refresh_token), 'invalid_grant', 'a revoked refresh token');
  const reports = await discover('reports', openid.ClientSecretBasic(secret), 'oauth2');
  check((await openid.tokenIntrospection(reports, next.access_token)).active === false, 'active after revocation');
  say({ passed: 'openid-client: revocation' });

  const exchanged = await openid.genericGrantRequest(tool, EXCHANGE, {
    subject_token: outsideTokens()[0], subject_token_type: JWT,
  });
  check(exchanged.issued_token_type && exchanged.token_type === 'bearer', 'RFC 8693 §2.2.1');
  say({ passed: 'openid-client: token exchange' });
}

async function oauth4webapi() {
  const issuer = new URL(server);
  const resource = await oauth.processResourceDiscoveryResponse(
    issuer, await oauth.resourceDiscoveryRequest(issuer, insecure),
  );
  check(resource.authorization_servers?.includes(server), 'RFC 9728 names another issuer');
  const found = await oauth.discoveryRequest(new URL(resource.authorization_servers[0]), { algorithm: 'oauth2', ...insecure });
  const as = await oauth.processDiscoveryResponse(issuer, found);
  say({ passed: 'oauth4webapi: discovery (RFC 9728, then RFC 8414)' });

  const tool = { client_id: 'public-tool' };
  const none = oauth.None();
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const { redirectUri, back } = await listener();
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: tool.client_id, response_type: 'code', redirect_uri: redirectUri, state, provider: 'corp',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  say({ open: url.href });
  const answer = oauth.validateAuthResponse(as, tool, await back, state);
  const code = await oauth.authorizationCodeGrantRequest(as, tool, none, answer, redirectUri, verifier, insecure);
  const session = await oauth.processAuthorizationCodeResponse(as, tool, code);
  say({ passed: 'oauth4webapi: code with PKCE' });

  const asked = await oauth.deviceAuthorizationRequest(as, tool, none, {}, insecure);
  const device = await oauth.processDeviceAuthorizationResponse(as, tool, asked);
  const early = await oauth.deviceCodeGrantRequest(as, tool, none, device.device_code, insecure);
  await rejects(oauth.processDeviceCodeResponse(as, tool, early), 'authorization_pending', 'before anybody allowed it');
  say({ open: device.verification_uri_complete });
  let onDevice;
  while (!onDevice) {
    await new Promise((later) => setTimeout(later, device.interval * 1000));
    const poll = await oauth.deviceCodeGrantRequest(as, tool, none, device.device_code, insecure);
    onDevice = await oauth.processDeviceCodeResponse(as, tool, poll).catch((error) => {
      if (error.error !== 'authorization_pending') throw error;
    });
  }
  say({ passed: 'oauth4webapi: device' });

  const asksNext = await oauth.refreshTokenGrantRequest(as, tool, none, session.refresh_token, insecure);
  const next = await oauth.processRefreshTokenResponse(as, tool, asksNext);
  say({ passed: 'oauth4webapi: refresh' });

  const reports = { client_id: 'reports' };
  const proof = oauth.ClientSecretBasic(secret);
  const introspect = async (token) =>
    oauth.processIntrospectionResponse(as, reports, await oauth.introspectionRequest(as, reports, proof, token, insecure));
  check((await introspect(next.access_token)).active === true, 'introspection');
  say({ passed: 'oauth4webapi: introspection' });

  await oauth.processRevocationResponse(await oauth.revocationRequest(as, tool, none, next.access_token, insecure));
  check((await introspect(next.access_token)).active === false, 'active after revocation');
  say({ passed: 'oauth4webapi: revocation' });

  const parameters = { subject_token: outsideTokens()[1], subject_token_type: JWT };
  const exchange = await oauth.genericTokenEndpointRequest(as, tool, none, EXCHANGE, parameters, insecure);
  const exchanged = await oauth.processGenericTokenEndpointResponse(as, tool, exchange);
  check(exchanged.issued_token_type, 'RFC 8693 §2.2.1: no `issued_token_type`');
  say({ passed: 'oauth4webapi: token exchange' });
}

for (const run of [openidClient, oauth4webapi]) {
  try {
    await run();
  } catch (error) {
    const cause = error.cause instanceof Error ? error.cause.message : JSON.stringify(error.cause ?? null);
    say({ failed: `${run.name}: ${error.code ?? ''} ${error.message} (${cause})` });
  }
}
say({ done: true });
process.exit(0);
