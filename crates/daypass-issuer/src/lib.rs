//! Turns proof of who you are into an access token.
//!
//! This crate is the only holder of the private signing key: no other crate can name `SigningKey`'s private half,
//! because no crate but the server binary depends on this one.
//!
//! What is *not* here: packages, sockets, configuration files, the rules themselves (they are pure functions in
//! `daypass_core`), the verification of signatures (`daypass_oidc`).
//!
//! | module | idea |
//! |---|---|
//! | `issuer` | the front door: what an issuer needs, and its router |
//! | `signing_key` | the keys we sign with: made, sealed, opened, used |
//! | `key_encryption` | what signing keys are sealed under while they are stored |
//! | `browser_seal` | what travels through browsers, sealed |
//! | `key_ring` | which keys are in use now, followed from the store |
//! | `key_steps` | steps of the signing keys' life, taken |
//! | `key_admin` | the operator's hand on the signing keys |
//! | `trust` | the policy in force and the outside issuers' keys |
//! | `token_endpoint` | `POST /oauth/token` |
//! | `authorize` | `GET /oauth/authorize`: where a client sends the browser |
//! | `sign_in` | a sign-in under way in a browser, and its doors |
//! | `accounts` | built-in accounts: passwords, passkeys, invites |
//! | `device` | the device flow: a device asks, a person decides |
//! | `session` | what a sign-in leaves, and how it is kept alive |
//! | `client_auth` | which OAuth client asks, and whether it is really that one |
//! | `console_session` | signing in to the web console, and out |
//! | `introspection` | `POST /oauth/introspect` (RFC 7662) |
//! | `session_api` | `GET /api/v1/session` |
//! | `pull_token_api` | `/api/v1/pull-tokens` |
//! | `still_granted` | what an access token says and its holder still may |
//! | `bearer` | the access token of a request to the administration |
//! | `bounds` | how much one peer may ask of what is remembered for strangers |
//! | `exchange` | RFC 8693: prove, decide, record, then hand out |
//! | `narrower` | RFC 8693 again: an access token of ours for a narrower one |
//! | `trusted_publishing` | `/_/oidc/…`: what uploaders ask for in a CI job, and where they find it (PEP 807) |
//! | `service_accounts` | RFC 7523: machines that sign with a key of their own |
//! | `revocation` | `POST /oauth/revoke` (RFC 7009) |
//! | `discovery` | the well-known documents |
//! | `stored_policy` | the policy that was made over the API, followed from the store |
//! | `admin` | `/api/v1/issuers`, `identities`, `roles`, `policy`: changing the policy |
//! | `audit_api` | `GET /api/v1/audit` |
//! | [`pages`] | what people see: sign-in, device code, invite, where it ends |
//! | `body` | a request's body, bounded in size and in time |
//! | `form` | request parameters, each at most once |
//! | `refusal` | why a request was refused: for the caller, and for the auditor |
//! | `refusals` | how many refusals one peer may cause |
//! | `error` | what can go wrong, and the one place where it becomes an HTTP answer |

mod accounts;
mod admin;
mod audit_api;
mod authorize;
mod bearer;
mod body;
mod bounds;
mod browser_seal;
mod caller;
mod client_auth;
mod console_session;
mod device;
mod discovery;
mod error;
mod exchange;
mod form;
mod introspection;
mod issuer;
mod key_admin;
mod key_encryption;
mod key_ring;
mod key_steps;
mod narrower;
pub mod pages;
mod pull_token_api;
mod refusal;
mod refusals;
mod revocation;
mod service_accounts;
mod session;
mod session_api;
mod sign_in;
mod signing_key;
mod still_granted;
mod stored_policy;
mod token_endpoint;
mod trust;
mod trusted_publishing;

pub use error::IssuerError;
pub use issuer::{Issuer, IssuerOptions};
pub use key_admin::{KeyAdmin, KeyAdminError, KeysChanged};
pub use key_encryption::{InvalidKeyEncryptionKey, KeyEncryptionKey};
pub use trust::LoadedPolicy;
