//! An outside token that is a signed request to AWS, in place of a JWT.

use std::net::IpAddr;

use daypass_core::Timestamp;
use daypass_oidc::{
    aws_caller::{CallerRefused, ExpectedCaller, SignedCaller},
    verify::Proven,
};

use super::{Wanted, refuse_stranger};
use crate::{
    error::OAuthError,
    issuer::Parts,
    refusal::Refusal,
    trust::{InForce, Trusted},
};

/// Compares what was signed with what is asked for, and only then asks AWS who signed it.
///
/// Until AWS has said so, whoever asks is a stranger, and learns nothing.
pub(super) async fn prove<'t>(
    parts: &Parts,
    trust: &'t InForce,
    wanted: &Wanted<'_>,
    peer: IpAddr,
    now: Timestamp,
) -> Result<(&'t Trusted, Proven), Refusal> {
    let Some((trusted, aws)) = trust.aws() else {
        return Err(refuse_stranger(wanted, "issuer_unknown", "no issuer with the preset `aws-sigv4` is registered"));
    };
    let refuse = |refused: CallerRefused| refuse(wanted, &trusted.issuer.name, &refused);
    let own = [parts.public_url.as_str().into()];
    let audiences = if trusted.issuer.audiences.is_empty() { &own[..] } else { &trusted.issuer.audiences };
    let expected = ExpectedCaller { audiences, identity: wanted.identity, regions: &aws.regions, now };
    let checked =
        SignedCaller::parse(wanted.outside_token).and_then(|caller| caller.check(&expected)).map_err(refuse)?;
    // Before AWS has answered, a stranger's request looks like anybody's: none may take all the places there are.
    let place = if parts.refusals.slows_down(peer) { None } else { parts.bounds.begin_asking(peer) };
    let Some(_place) = place else { return Err(refuse(CallerRefused::Busy)) };
    let proven = aws.sts.ask(&checked).await.map_err(refuse)?;
    Ok((trusted, proven))
}

fn refuse(wanted: &Wanted<'_>, issuer: &daypass_core::names::IssuerName, refused: &CallerRefused) -> Refusal {
    if !refused.is_try_later() {
        return refuse_stranger(wanted, refused.code(), &refused.to_string());
    }
    tracing::warn!(%issuer, error = %refused, "AWS cannot be asked who signed a request");
    let mut answer = OAuthError::unavailable();
    "AWS cannot be asked now who signed the request; try again in a few seconds".clone_into(&mut answer.description);
    Refusal {
        reason: refused.to_string(),
        token_sha256: Some(wanted.token_sha256),
        ..Refusal::new(answer, refused.code())
    }
}
