//! Token exchange (RFC 8693): prove, decide, record, and only then hand out.

use daypass_core::{
    SignedDuration, Timestamp,
    access_token::{AccessTokenClaims, Actor, Holder},
    audit::{AuditKind, Outcome},
    decide::{Ask, Denied, Permit, decide},
    digest::Sha256,
    grant::{Action, for_publishing},
    issuer::Replay,
    publisher::Publisher,
    secret::Secret,
};
use daypass_oidc::verify::{self, ExpectedOutside, Proven, Refused};
use daypass_store::{Spend, SpentProof};
use uuid::Uuid;

use crate::{
    caller::Caller,
    error::OAuthError,
    form::Form,
    issuer::Parts,
    refusal::Refusal,
    refusals::WINDOW_SECONDS,
    session::pass::LONGEST_ACCESS_TOKEN,
    trust::{InForce, Trusted},
    trusted_publishing,
};

mod aws;

/// RFC 8693 §3: the one kind of token that is issued.
pub(crate) const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// RFC 8693 §3: the kinds of outside token that are understood. The first two are signed JWTs.
const SUBJECT_TOKEN_TYPES: [(&str, OutsideKind); 3] = [
    ("urn:ietf:params:oauth:token-type:jwt", OutsideKind::Jwt),
    ("urn:ietf:params:oauth:token-type:id_token", OutsideKind::Jwt),
    (daypass_oidc::aws_caller::TOKEN_TYPE, OutsideKind::AwsCaller),
];

/// The client of an exchange that does not name one: the command line is the public client of this server.
const DEFAULT_CLIENT: &str = "daypass-cli";

/// What was issued.
pub(crate) struct Issued {
    pub(crate) access_token: Secret,
    pub(crate) expires_in: i64,
    pub(crate) identity: String,
}

/// What an outside token is, as the request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutsideKind {
    /// A JWT: a key of its issuer verifies it.
    Jwt,
    /// A signed request to AWS: AWS says who signed it.
    AwsCaller,
}

/// What the request asks for, before anything of it is believed.
pub(crate) struct Wanted<'a> {
    pub(crate) outside_token: &'a str,
    pub(crate) kind: OutsideKind,
    pub(crate) token_sha256: Sha256,
    pub(crate) identity: Option<&'a str>,
    /// How many seconds the access token is to live.
    pub(crate) life: Option<i64>,
    pub(crate) client_id: &'a str,
    pub(crate) purpose: Purpose,
}

/// What the access token is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// All that the identity is granted.
    All,
    /// To publish, and nothing else.
    Publish,
}

/// An outside token that is proven and decided about.
struct Exchange<'a> {
    wanted: &'a Wanted<'a>,
    proven: &'a Proven,
    replay: Replay,
    publisher: Option<Publisher>,
    now: Timestamp,
}

/// Exchanges an outside token for an access token.
pub(crate) async fn exchange(parts: &Parts, caller: &Caller, form: &Form) -> Result<Issued, Refusal> {
    let wanted = parse(parts, form)?;
    assume(parts, caller, &wanted).await
}

/// Gives an access token to whoever proves with an outside token that they may assume the identity.
pub(crate) async fn assume(parts: &Parts, caller: &Caller, wanted: &Wanted<'_>) -> Result<Issued, Refusal> {
    // While keys or the policy cannot be followed nobody knows who may have what.
    if parts.keys.is_blind() {
        return Err(Refusal::new(OAuthError::unavailable(), "not_ready"));
    }
    let trust = parts.trust.in_force();
    let now = parts.clock.now();
    let (trusted, proven) = match wanted.kind {
        OutsideKind::Jwt => prove(parts, &trust, wanted, now).await?,
        OutsideKind::AwsCaller => aws::prove(parts, &trust, wanted, caller.context.peer, now).await?,
    };
    let actor =
        Actor { iss: trusted.issuer.url.to_string(), sub: proven.claims.subject().unwrap_or_default().to_owned() };
    let ask = Ask {
        issuer: &trusted.issuer,
        claims: &proven.claims,
        identity: wanted.identity,
        needs: (wanted.purpose == Purpose::Publish).then_some(Action::Push),
        life: wanted.life,
        peer: Some(caller.context.peer),
        now,
    };
    let mut permit = decide(&ask, &trust.policy).map_err(|denied| refuse_denied(&denied, wanted, &actor))?;
    if wanted.purpose == Purpose::Publish {
        permit.grants = for_publishing(&permit.grants);
        trusted_publishing::check_life(&permit).map_err(|answer| Refusal {
            identity: Some(permit.identity.to_string()),
            ..refuse_genuine(answer, wanted, &actor)
        })?;
    }
    if parts.refusals.is_worn_out(&wanted.token_sha256) {
        // Replayed again and again: every further row in the log would say the same.
        let answer = OAuthError::slow_down(WINDOW_SECONDS);
        return Err(Refusal { recorded: true, holds_genuine: true, ..Refusal::new(answer, "replayed") });
    }
    let publisher = Publisher::of(&trusted.issuer, &proven.claims);
    let exchange = Exchange { wanted, proven: &proven, replay: trusted.issuer.replay, publisher, now };
    hand_out(parts, caller, exchange, permit, actor).await
}

fn parse<'a>(parts: &Parts, form: &'a Form) -> Result<Wanted<'a>, Refusal> {
    let malformed = |answer| Refusal::new(answer, "malformed_request");
    let outside_token = form.require("subject_token").map_err(malformed)?;
    let token_sha256 = Sha256::of(outside_token);
    let refuse = |answer: OAuthError, code| Refusal { token_sha256: Some(token_sha256), ..Refusal::new(answer, code) };

    let subject_token_type = form.require("subject_token_type").map_err(malformed)?;
    let Some((_, kind)) = SUBJECT_TOKEN_TYPES.into_iter().find(|(name, _)| *name == subject_token_type) else {
        let description =
            format!("use the subject_token_type `{}`", SUBJECT_TOKEN_TYPES.map(|(name, _)| name).join("` or `"));
        return Err(refuse(OAuthError::invalid_request(description), "malformed_request"));
    };
    let Frame { client_id, life } = check_frame(parts, form).map_err(|(answer, code)| refuse(answer, code))?;
    let client_id = client_id.unwrap_or(DEFAULT_CLIENT);
    let (identity, purpose) = (form.find("identity"), Purpose::All);
    Ok(Wanted { outside_token, kind, token_sha256, identity, life, client_id, purpose })
}

/// What a request may say whatever it brings.
pub(crate) struct Frame<'a> {
    /// Which client asks, if it says so.
    pub(crate) client_id: Option<&'a str>,
    /// How many seconds the access token is to live, if it says so.
    pub(crate) life: Option<i64>,
}

/// Refuses what no request may ask for.
pub(crate) fn check_frame<'f>(parts: &Parts, form: &'f Form) -> Result<Frame<'f>, (OAuthError, &'static str)> {
    if form.find("requested_token_type").is_some_and(|kind| kind != ACCESS_TOKEN_TYPE) {
        let description = format!("only `{ACCESS_TOKEN_TYPE}` can be requested");
        return Err((OAuthError::invalid_request(description), "malformed_request"));
    }
    if form.find("actor_token").is_some() {
        let description = "`actor_token` is not supported; leave it out";
        return Err((OAuthError::invalid_request(description), "malformed_request"));
    }
    if form.find("scope").is_some() {
        let description = "`scope` is not supported; name an `identity` instead";
        return Err((OAuthError::bad_request("invalid_scope", description), "invalid_scope"));
    }
    let target = ["audience", "resource"].into_iter().filter_map(|name| form.find(name));
    if target.into_iter().any(|target| target.trim_end_matches('/') != parts.public_url.as_str()) {
        let description = format!("access tokens of this server are for `{}` only", parts.public_url);
        return Err((OAuthError::bad_request("invalid_target", description), "invalid_target"));
    }
    let client_id = form.find("client_id");
    if client_id.is_some_and(|id| id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err((OAuthError::invalid_request("the client_id is not printable"), "malformed_request"));
    }
    let life = form.find("expires_in").map(str::parse::<u32>).transpose();
    let Some(life) = life.ok().filter(|life| *life != Some(0)) else {
        let description = "`expires_in` is a whole number of seconds, from 1";
        return Err((OAuthError::invalid_request(description), "malformed_request"));
    };
    Ok(Frame { client_id, life: life.map(i64::from) })
}

/// Finds the one issuer whose key may verify the token, and verifies it.
async fn prove<'t>(
    parts: &Parts,
    trust: &'t InForce,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<(&'t Trusted, Proven), Refusal> {
    let refuse = |refused: &Refused| refuse_unproven(parts, wanted, refused.code(), &refused.to_string(), refused);
    let unverified = verify::peek(wanted.outside_token).map_err(|refused| refuse(&refused))?;
    let Some(trusted) = trust.find(&unverified) else {
        let reason = "the token's issuer is not registered";
        return Err(refuse_stranger(wanted, "issuer_unknown", reason));
    };
    let keys = trusted.keys.for_kid(unverified.kid.as_deref()).await.map_err(|error| {
        tracing::warn!(issuer = %trusted.issuer.name, %error, "the keys of an issuer cannot be had");
        let mut answer = OAuthError::unavailable();
        "the keys of the token's issuer cannot be fetched now; try again in a few seconds"
            .clone_into(&mut answer.description);
        Refusal {
            reason: error.to_string(),
            token_sha256: Some(wanted.token_sha256),
            ..Refusal::new(answer, "issuer_keys_unavailable")
        }
    })?;
    let own = [parts.public_url.as_str().into()];
    let audiences = if trusted.issuer.audiences.is_empty() { &own[..] } else { &trusted.issuer.audiences };
    // The other spelling of the same issuer is as good as the one it is registered by; the claims name the latter.
    let spelling = trusted.issuer.spellings().find(|spelling| **spelling == *unverified.iss);
    let issuer_url = spelling.unwrap_or(&trusted.issuer.url);
    let expected = ExpectedOutside { issuer_url, audiences, limits: &trusted.issuer.limits, now };
    let proven =
        verify::verify_outside_token(wanted.outside_token, &expected, &keys).map_err(|refused| refuse(&refused))?;
    Ok((trusted, proven))
}

/// A stranger learns nothing but that it was refused; whoever holds a token with a good signature is told what is
/// wrong with it.
fn refuse_unproven(parts: &Parts, wanted: &Wanted<'_>, code: &'static str, reason: &str, refused: &Refused) -> Refusal {
    if !refused.is_after_proof() {
        return refuse_stranger(wanted, code, reason);
    }
    let advice = match code {
        "wrong_audience" => format!("; request it for the audience `{}`", parts.public_url),
        _ => String::new(),
    };
    let answer = OAuthError::invalid_request(format!("{reason}{advice}")).because(code);
    Refusal {
        reason: reason.to_owned(),
        token_sha256: Some(wanted.token_sha256),
        holds_genuine: true,
        ..Refusal::new(answer, code)
    }
}

fn refuse_stranger(wanted: &Wanted<'_>, code: &'static str, reason: &str) -> Refusal {
    let answer = OAuthError::invalid_request(
        "the subject token was not accepted; the operator finds the reason in the audit log under this request's id",
    );
    Refusal {
        reason: reason.to_owned(),
        token_sha256: Some(wanted.token_sha256),
        identity: wanted.identity.map(|name| name.chars().take(128).flat_map(char::escape_debug).collect()),
        ..Refusal::new(answer, code)
    }
}

/// The token is genuine: its holder is told which claim differed, never what was expected.
fn refuse_denied(denied: &Denied, wanted: &Wanted<'_>, actor: &Actor) -> Refusal {
    let advice = match denied {
        Denied::NoSuchIdentity(_) | Denied::ClaimsDiffer { .. } | Denied::NoneMatches => {
            "; ask whoever runs this server to compare the identity's rule with the job's claims"
        }
        Denied::SeveralMatch(_) if wanted.purpose == Purpose::Publish => {
            "; let one only be granted `push`, or name one: `/_/oidc/mint-token?identity=NAME`"
        }
        Denied::SeveralMatch(_) => "; pass `identity`",
        Denied::Trap { .. } => "; run the job on another event, or ask whoever runs this server",
        Denied::LacksAction { .. } => "; ask whoever runs this server to grant it",
        Denied::Network(_) | Denied::Disabled(_) | Denied::Expired(_) | Denied::AuditMode(_) => {
            "; ask whoever runs this server"
        }
    };
    Refusal {
        reason: denied.to_string(),
        actor: Some(Box::new(actor.clone())),
        identity: denied
            .identity()
            .map(ToString::to_string)
            .or_else(|| wanted.identity.map(|name| name.chars().take(128).flat_map(char::escape_debug).collect())),
        token_sha256: Some(wanted.token_sha256),
        ..Refusal::new(OAuthError::invalid_request(format!("{denied}{advice}")).because(denied.code()), denied.code())
    }
}

/// Nothing is wrong with the token: the identity cannot give what is asked for.
fn refuse_genuine(answer: OAuthError, wanted: &Wanted<'_>, actor: &Actor) -> Refusal {
    let code = answer.reason.unwrap_or(answer.code);
    Refusal {
        actor: Some(Box::new(actor.clone())),
        token_sha256: Some(wanted.token_sha256),
        ..Refusal::new(answer, code)
    }
}

/// Signs, records the proof as spent together with the audit event, and hands out only what is durable.
async fn hand_out(
    parts: &Parts,
    caller: &Caller,
    exchange: Exchange<'_>,
    permit: Permit,
    actor: Actor,
) -> Result<Issued, Refusal> {
    let Exchange { wanted, proven, replay, publisher, now } = exchange;
    let not_now = |code| Refusal::new(OAuthError::unavailable(), code);
    let identity = permit.identity.to_string();
    let expires_in = permit.life;
    let issued_at = now.as_second();
    let claims = AccessTokenClaims {
        iss: parts.public_url.to_string(),
        sub: permit.identity_id.to_string(),
        aud: parts.public_url.to_string(),
        exp: issued_at + expires_in,
        iat: issued_at,
        nbf: issued_at,
        jti: Uuid::new_v4().simple().to_string(),
        parents: Vec::new(),
        client_id: wanted.client_id.to_owned(),
        holder: Holder::Identity { identity: permit.identity, rule: permit.rule, publisher },
        grants: permit.grants,
        act: actor.clone(),
    };
    let access_token = parts.keys.sign(&claims).map_err(|error| {
        tracing::error!(request_id = %caller.context.id, %error, "could not sign");
        not_now("signing_failed")
    })?;
    if access_token.expose().len() > LONGEST_ACCESS_TOKEN {
        let text = format!(
            "the {} grants of the identity `{identity}` do not fit into an access token; ask whoever runs the server to \
             grant it less, or by wider patterns",
            claims.grants.len(),
        );
        let answer = OAuthError::invalid_request(text).because("too_many_grants");
        return Err(Refusal { identity: Some(identity), ..refuse_genuine(answer, wanted, &actor) });
    }

    let mut granted = caller.event(now, AuditKind::TokenExchanged, Outcome::Success);
    granted.actor = Some(actor.clone());
    granted.identity = Some(identity.clone());
    granted.token_sha256 = Some(Sha256::of(access_token.expose()));
    granted.subject_token_sha256 = Some(wanted.token_sha256);
    granted.token_id = Some(claims.jti);
    granted.expires_at = now.checked_add(SignedDuration::from_secs(expires_in)).ok();

    let actor_issuer = actor.iss.clone();
    let mut refusal = Refusal::new(
        OAuthError::invalid_request(match replay {
            Replay::Once => "this outside token was already exchanged once; request a fresh one from the CI",
            Replay::Bounded(_) | Replay::Off => {
                "this outside token was exchanged as often as its issuer's tokens may be; request a fresh one from the CI, \
                 or ask whoever runs this server to raise `replay`"
            }
        })
        .because("replayed"),
        "replayed",
    );
    refusal.recorded = true;
    refusal.actor = Some(Box::new(actor));
    refusal.identity = Some(identity.clone());
    refusal.token_sha256 = Some(wanted.token_sha256);
    let mut replayed = caller.event(now, AuditKind::TokenRefused, Outcome::Refused);
    refusal.describe(&mut replayed);

    let (proof, until) = (proven.replay_key.clone(), proven.spend_until);
    let proof = SpentProof { issuer: actor_issuer, proof, until, replay };
    match parts.store.record_exchange(proof, granted, replayed).await {
        Ok(Spend::First) => Ok(Issued { access_token, expires_in, identity }),
        Ok(Spend::Replayed) => Err(refusal),
        Err(error) => {
            tracing::error!(request_id = %caller.context.id, %error, "could not record an exchange");
            Err(not_now("not_recorded"))
        }
    }
}
