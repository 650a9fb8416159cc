//! A signed `sts:GetCallerIdentity` request, which is not sent: the server sends it.

use daypass_core::{public_url::PublicUrl, secret::Secret};
use daypass_oidc::aws_caller::{
    ACCEPT, AUDIENCE_HEADER, CallerToken, EMPTY_SHA256, IDENTITY_HEADER, NONCE_HEADER, QUERY, fresh_nonce,
    signed_headers,
};
use http::{HeaderMap, Request, header::AUTHORIZATION};

use super::keys::Signer;
use crate::failure::Failure;

/// Signs who this is, for `server` and `identity`.
pub(super) async fn sign(signer: &Signer, server: &PublicUrl, identity: &str) -> Result<Secret, Failure> {
    let nonce = fresh_nonce().map_err(|error| Failure::local(error.to_string()))?;
    let request = Request::post(format!("https://{}/?{QUERY}", signer.region().sts_host()))
        .header("accept", ACCEPT)
        .header("x-amz-content-sha256", EMPTY_SHA256)
        .header(AUDIENCE_HEADER, server.as_str())
        .header(IDENTITY_HEADER, identity)
        .header(NONCE_HEADER, &nonce)
        .body(())
        .map_err(|error| Failure::local(format!("AWS cannot be asked: {error}")))?;
    let request = signer.sign(request).await?;
    let (amz_date, signature) = parts(request.headers(), signer.session_token().is_some())
        .ok_or_else(|| Failure::local("the request to AWS was signed otherwise than the server expects it"))?;
    let token = CallerToken {
        region: signer.region().to_string(),
        access_key_id: signer.key_id().to_owned(),
        amz_date,
        security_token: signer.session_token().map(Secret::new),
        signature,
        audience: server.to_string(),
        identity: identity.to_owned(),
        nonce,
    };
    Ok(token.to_text())
}

/// When it was signed, and the signature, if exactly the headers were signed that the server puts together again.
fn parts(headers: &HeaderMap, with_session: bool) -> Option<(String, Secret)> {
    let amz_date = headers.get("x-amz-date")?.to_str().ok()?;
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (before, signature) = authorization.split_once(", Signature=")?;
    let (_, signed) = before.split_once(", SignedHeaders=")?;
    (signed == signed_headers(with_session)).then(|| (amz_date.to_owned(), Secret::new(signature)))
}
