//! What a token is worth now, for whoever asks about one at a time. The index, which asks at every request, follows
//! [`revocations_after`](crate::Store::revocations_after) instead.

use daypass_core::{
    Timestamp,
    access_token::{AccessTokenClaims, MOST_PARENTS},
    digest::Sha256,
};

use crate::{error::StoreError, revocation, store::Store};

impl Store {
    /// Whether an access token is revoked: itself, one that it was narrowed from, its session, or all that its person
    /// had.
    pub async fn is_revoked(&self, claims: &AccessTokenClaims) -> Result<bool, StoreError> {
        let session = claims.holder.session().map(|id| id.to_string()).unwrap_or_default();
        let query = sqlx::query(
            "SELECT subject, kind, issued_before_us, expires_at_us, seq FROM revocation \
             WHERE (kind = 'access_token' AND subject IN ($1, $2, $3, $4, $5)) OR (kind = 'session' AND subject = $6) \
             OR (kind = 'person' AND subject = $7)",
        );
        // As many as there can be; the rest is nobody's.
        let ids = claims.ids().chain(std::iter::repeat("")).take(1 + MOST_PARENTS);
        let query = ids.fold(query, sqlx::query::Query::bind);
        let query = query.bind(session).bind(&*claims.sub);
        let found = self.find_all("revocation", query, revocation::read_row).await?;
        Ok(found.iter().any(|row| row.revocation.what.covers(claims)))
    }

    /// Notes that an access token has arrived where it should, if it is a session's: from then on the refresh token that
    /// was given for it is known to be spent (RFC 9700 §4.14.2). Does not wait, and does not fail.
    pub fn note_use(&self, claims: &AccessTokenClaims, at: Timestamp) {
        if let Some(session) = claims.holder.session() {
            self.note_access_token_used(session, &claims.jti, at);
        }
    }

    /// Whether a refresh token is the one in force of its session. Whether the session goes on is another question.
    pub async fn is_in_force(&self, refresh_token: &Sha256) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT t.generation FROM refresh_token t JOIN session s ON s.id = t.session \
             WHERE t.digest = $1 AND t.generation = s.generation",
        );
        let found =
            self.find("refresh_token", query.bind(refresh_token.to_string()), |columns| Ok(columns.take::<i64>()?));
        Ok(found.await?.is_some())
    }
}
