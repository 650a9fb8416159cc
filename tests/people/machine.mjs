// Certified clients as a service account: `private_key_jwt` (RFC 7523), as their authors meant it.
//
//   node machine.mjs SERVER PRIVATE_KEY_FILE
import crypto from 'node:crypto';
import fs from 'node:fs';
import * as openid from 'openid-client';
import * as oauth from 'oauth4webapi';

const [server, keyFile] = process.argv.slice(2);
const CLIENT = 'service-account:build-box';
const der = crypto.createPrivateKey(fs.readFileSync(keyFile)).export({ type: 'pkcs8', format: 'der' });
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const key = await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);

function check(truth, what) {
  if (!truth) throw new Error(what);
}

// Plain HTTP on loopback is the only thing that they are told to accept.
const found = await openid.discovery(new URL(server), CLIENT, undefined, openid.PrivateKeyJwt(key), {
  algorithm: 'oauth2', execute: [openid.allowInsecureRequests],
});
const methods = found.serverMetadata().token_endpoint_auth_methods_supported;
check(methods.includes('private_key_jwt'), 'the server does not say so');
const first = await openid.clientCredentialsGrant(found);
check(first.token_type === 'bearer' && first.expires_in > 0 && !first.refresh_token, 'RFC 6749 §4.4.3');

const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(server);
const as = await oauth.processDiscoveryResponse(
  issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
);
const client = { client_id: CLIENT };
const grant = (auth) =>
  oauth.clientCredentialsGrantRequest(as, client, auth, new URLSearchParams(), insecure)
    .then((answer) => oauth.processClientCredentialsResponse(as, client, answer));
const second = await grant(oauth.PrivateKeyJwt(key));
check(second.access_token !== first.access_token, 'the same access token twice');

// Another key is no proof, and neither is an assertion for somebody else.
const { privateKey } = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
const elsewhere = { [oauth.modifyAssertion]: (header, payload) => { payload.aud = 'https://other.example.com'; } };
for (const auth of [oauth.PrivateKeyJwt(privateKey), oauth.PrivateKeyJwt(key, elsewhere)]) {
  const status = await grant(auth).then(() => 200, (error) => error.status);
  check(status === 401, `${status} instead of 401`);
}
