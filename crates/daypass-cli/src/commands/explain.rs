//! `daypass admin identity explain`: which identities an outside token may assume, and why not the others.
//!
//! Offline, with the verifier and the rules that the server uses. The token is judged in two steps, because an
//! operator explains yesterday's tokens: whether its signature is good decides what may be told and the exit code;
//! its times and its audience are told as the reason.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use daypass_core::{
    Timestamp,
    claim_rule::{ClaimPath, ClaimRule},
    claims::Claims,
    clock::Clock,
    identity::{Identity, Mode},
    issuer::TrustedIssuer,
    secret::Secret,
};
use daypass_oidc::verify::peek;
use serde::Serialize;
use serde_json::Value;

use crate::{
    arguments::{Explain, Format},
    environment::Environment,
    failure::Failure,
    output,
    private_folder::trouble,
    trust::Trusted,
};

mod judge;
pub(crate) mod policies;

use judge::{Judged, Signature, judge};
use policies::{Policies, read_keys};

/// The answer of the contract.
#[derive(Serialize)]
struct Answer {
    signature: Signature,
    /// What is wrong with the token, if anything is.
    reason: Option<String>,
    identities: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    identity: String,
    matches: bool,
    claims: BTreeMap<String, ExplainedClaim>,
    /// What else stands in the way, or would: it is disabled, or open to some networks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
struct ExplainedClaim {
    matches: bool,
    expected: String,
    found: Option<Value>,
}

/// Explains.
pub(crate) fn run(arguments: &Explain, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let policies = Policies::read(&arguments.policy)?;
    let Some(path) = &arguments.outside_token else {
        return match &arguments.claims {
            Some(path) => explain_claims(&policies, path, arguments.output, clock.now()),
            None => {
                Err(Failure::usage("a token or its claims are needed").hint("give `--outside-token` or `--claims`"))
            }
        };
    };
    let token = read_token(path)?;
    let unverified = peek(token.expose());
    let issuer = unverified.as_ref().ok().and_then(|unverified| policies.issuer_of(unverified));
    let keys = match (&arguments.keys, &issuer) {
        (Some(path), _) => Some(read_keys(path)?),
        (None, Some((issuer, folder))) => Policies::keys_of(issuer, folder)?,
        (None, None) => None,
    };
    let judged = match (&unverified, &keys) {
        (Err(refused), _) => Judged { signature: Signature::Invalid, reason: Some(refused.to_string()), claims: None },
        (Ok(_), None) => Judged {
            signature: Signature::Unknown,
            reason: Some("there are no keys to judge the signature by: give the issuer's with `--keys`".to_owned()),
            claims: None,
        },
        (Ok(unverified), Some(keys)) => {
            let issuer = issuer.map(|(issuer, _)| issuer);
            let audiences = audiences(issuer, environment);
            judge(&token, &unverified.iss, issuer, audiences.as_deref(), clock.now(), keys)
        }
    };
    let claims = judged.claims.as_ref();
    let trap = issuer.zip(claims).and_then(|((issuer, _), claims)| issuer.trap(claims.all()));
    let explain = |identity: &Identity| {
        let ours = issuer.is_some_and(|(issuer, _)| issuer.name == identity.issuer);
        let explained = explain(identity, claims.filter(|_| ours), clock.now());
        Explained { matches: explained.matches && trap.is_none(), ..explained }
    };
    let trapped =
        trap.as_ref().map(|trap| format!("claim `{}` is not accepted from this issuer: {}", trap.claim, trap.why));
    let answer = Answer {
        signature: judged.signature,
        reason: judged.reason.or(trapped),
        identities: policies.merged.identities().iter().map(explain).collect(),
    };
    match arguments.output {
        Format::Json => output::json(&answer)?,
        Format::Text => output::data(&told(&answer))?,
    }
    let matches = answer.identities.iter().any(|explained| explained.matches);
    if answer.signature == Signature::Valid && matches { Ok(()) } else { Err(Failure::silent()) }
}

/// Explains claims that nobody proves. They count for the identities of the issuer that they name; for all, where they
/// name none.
fn explain_claims(policies: &Policies, path: &Path, format: Format, now: Timestamp) -> Result<(), Failure> {
    let text = read_token(path)?;
    let all: serde_json::Map<String, Value> = serde_json::from_str(text.expose())
        .map_err(|error| Failure::local(format!("claims `{}`: {error}", path.display())))?;
    let iss = all.get("iss").and_then(Value::as_str).map(ToOwned::to_owned);
    let issuer = iss.as_deref().and_then(|iss| policies.issuer_called(iss));
    let unknown = iss.is_some() && issuer.is_none();
    let claims = Claims::proven(iss.as_deref().unwrap_or_default(), all);
    let ours = |identity: &Identity| !unknown && issuer.is_none_or(|issuer| issuer.name == identity.issuer);
    let trap = issuer.and_then(|issuer| issuer.trap(claims.all()));
    let trapped =
        trap.as_ref().map(|trap| format!("claim `{}` is not accepted from this issuer: {}", trap.claim, trap.why));
    let nobody = || "no issuer in the policy has the URL of the claim `iss`".to_owned();
    let explain = |identity: &Identity| {
        let explained = explain(identity, Some(&claims).filter(|_| ours(identity)), now);
        Explained { matches: explained.matches && trap.is_none(), ..explained }
    };
    let answer = Answer {
        signature: Signature::Unknown,
        reason: trapped.or_else(|| unknown.then(nobody)),
        identities: policies.merged.identities().iter().map(explain).collect(),
    };
    match format {
        Format::Json => output::json(&answer)?,
        Format::Text => output::data(&told(&answer))?,
    }
    if answer.identities.iter().any(|explained| explained.matches) { Ok(()) } else { Err(Failure::silent()) }
}

/// The audiences that the server would take; `None` when it is not known which server that is.
fn audiences(issuer: Option<&TrustedIssuer>, environment: &Environment) -> Option<Vec<Box<str>>> {
    let named = issuer.map(|issuer| issuer.audiences.clone()).filter(|named| !named.is_empty());
    named.or_else(|| {
        let trusted = Trusted::load(environment).ok()?;
        Some(vec![trusted.only().ok()?.url.as_str().into()])
    })
}

fn explain(identity: &Identity, claims: Option<&Claims>, now: Timestamp) -> Explained {
    let explain_claim = |(path, rule): (&ClaimPath, &ClaimRule)| {
        let found = path.find(claims?.all());
        let claim = ExplainedClaim {
            matches: found.is_some_and(|found| rule.holds(found)),
            expected: rule.to_string(),
            found: found.cloned(),
        };
        Some((path.as_str().to_owned(), claim))
    };
    let when = identity.when.as_ref().zip(claims).map(|(when, claims)| {
        let matches = when.holds(claims.all());
        ("when".to_owned(), ExplainedClaim { matches, expected: when.as_str().to_owned(), found: Some(matches.into()) })
    });
    Explained {
        identity: identity.name.to_string(),
        matches: claims.is_some_and(|claims| identity.differences(claims).is_empty()),
        claims: identity.rules.iter().filter_map(explain_claim).chain(when).collect(),
        note: note(identity, now),
    }
}

/// What the claims do not tell.
fn note(identity: &Identity, now: Timestamp) -> Option<String> {
    if !identity.enabled {
        return Some("it is disabled, and hands out nothing".to_owned());
    }
    if identity.expires_at.is_some_and(|end| end <= now) {
        return Some("it has expired, and hands out nothing".to_owned());
    }
    if identity.mode == Mode::Audit {
        return Some("it is in audit mode, and hands out nothing".to_owned());
    }
    let networks: Vec<_> = identity.networks.iter().map(ToString::to_string).collect();
    (!networks.is_empty()).then(|| format!("only for requests from {}", networks.join(", ")))
}

fn told(answer: &Answer) -> String {
    let signature = match answer.signature {
        Signature::Valid => "valid",
        Signature::Invalid => "invalid",
        Signature::Unknown => "unknown",
    };
    let mut text = format!("signature  {signature}\n");
    if let Some(reason) = &answer.reason {
        text.extend(["reason     ", reason, "\n"]);
    }
    for explained in &answer.identities {
        let verdict = if explained.matches { "matches" } else { "does not match" };
        text.extend(["\n", &explained.identity, "  ", verdict, "\n"]);
        if let Some(note) = &explained.note {
            text.extend(["  note: ", note, "\n"]);
        }
        for (name, claim) in &explained.claims {
            let found = claim.found.as_ref().map_or("missing".to_owned(), |found| format!("it is {found}"));
            let verdict =
                if claim.matches { "ok".to_owned() } else { format!("must be {:?}, {found}", claim.expected) };
            text.extend(["  ", name, ": ", &verdict, "\n"]);
        }
    }
    text
}

fn read_token(path: &Path) -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(1024 * 1024).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(1024 * 1024).read_to_string(&mut text))
    };
    read.map_err(|error| trouble("cannot read", path, &error))?;
    let whole = Secret::new(text);
    Ok(Secret::new(whole.expose().trim()))
}
