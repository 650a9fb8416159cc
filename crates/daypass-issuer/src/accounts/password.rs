//! Passwords: what may be one, hashed and compared.
//!
//! argon2id with the parameters OWASP recommends (19 MiB, two passes, one lane), written in the PHC string format. A
//! password is a sequence of bytes here: as the browser sends it.

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use aws_lc_rs::rand;
use daypass_core::{names::AccountName, secret::Secret};
use tokio::{sync::Semaphore, task, time::timeout};

/// The fewest characters of a password (NIST SP 800-63B-4 §3.1.1.2 asks for 15 where nothing else protects it, 8 with
/// a second factor; the throttle stands between).
const FEWEST_CHARACTERS: usize = 12;

/// The longest password, in bytes. Longer ones are refused, never cut.
const LONGEST: usize = 1024;

/// How long a sign-in may wait for its turn. Whoever waits longer is asked to come again.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Long passwords that everybody tries first. The shorter ones are too short anyway.
const COMMON: [&str; 24] = [
    "1234567890ab",
    "123456789abc",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abc123abc123",
    "adminadmin123",
    "administrator",
    "changeme1234",
    "changemeplease",
    "correct horse battery staple",
    "correcthorsebatterystaple",
    "daypass12345",
    "iloveyou1234",
    "letmein12345",
    "letmeinplease",
    "p@ssw0rd1234",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "qwertyuiop12",
    "qwertyuiop123",
    "welcome12345",
    "zaq12wsxcde3",
];

/// What people type along: the rows of a keyboard, the alphabet, the digits.
const RUNS: [&str; 6] = [
    "01234567890123456789012345",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]asdfghjkl",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "09876543210987654321098765",
];

/// Why a text may not be a password. `Display` is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("The password needs at least 12 characters.")]
    TooShort,
    #[error("The password is longer than 1024 bytes.")]
    TooLong,
    #[error("The password is one of those that are tried first. Choose another.")]
    TooCommon,
    #[error("The password is little more than the account’s name. Choose another.")]
    LikeTheName,
}

/// Whether `password` may be the password of `account`. There are no rules about kinds of characters: they make
/// passwords worse (NIST SP 800-63B-4 §3.1.1.2).
pub(super) fn check(password: &Secret, account: &AccountName) -> Result<(), Unfit> {
    let password = password.expose();
    if password.chars().count() < FEWEST_CHARACTERS {
        return Err(Unfit::TooShort);
    }
    if password.len() > LONGEST {
        return Err(Unfit::TooLong);
    }
    let lower = password.to_lowercase();
    let along = RUNS.iter().any(|run| run.contains(&*lower));
    if COMMON.contains(&&*lower) || along || is_short_piece_repeated(&lower) {
        return Err(Unfit::TooCommon);
    }
    let rest = lower.replace(account.as_str(), "");
    if account.as_str().len() >= 3 && rest.len() < lower.len() && rest.chars().count() < 8 {
        return Err(Unfit::LikeTheName);
    }
    Ok(())
}

/// `aaaaaaaaaaaa`, `abababababab`, `secretsecret`: whatever is one piece of up to six characters again and again.
fn is_short_piece_repeated(text: &str) -> bool {
    let chars: Vec<_> = text.chars().collect();
    (1..=6).any(|length| chars.iter().zip(chars.iter().skip(length)).all(|(one, next)| one == next))
}

/// Hashes passwords, a few at a time: each takes its memory and most of a core for as long as it lasts.
pub(super) struct Hasher {
    turns: Arc<Semaphore>,
    /// The hash of a password that nobody has: an account that is not there takes as long as one that is.
    nobodys: Option<Secret>,
}

/// No password can be hashed now: too many wait, or there is no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("passwords cannot be looked at now")]
pub(super) struct NotNow;

impl Hasher {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self { turns: Arc::new(Semaphore::new(cores)), nobodys: hash_with_salt(&Secret::new("nobody's"), &[7; 16]) }
    }

    /// The hash to be stored.
    pub(super) async fn hash(&self, password: Secret) -> Result<Secret, NotNow> {
        self.in_turn(move || {
            let mut salt = [0; 16];
            rand::fill(&mut salt).ok()?;
            hash_with_salt(&password, &salt)
        })
        .await?
        .ok_or(NotNow)
    }

    /// Whether `password` is the one that was hashed. Without a hash the answer is no, and takes as long.
    pub(super) async fn verify(&self, password: Secret, hash: Option<Secret>) -> Result<bool, NotNow> {
        let (known, hash) = (hash.is_some(), hash.or_else(|| self.nobodys.clone()).ok_or(NotNow)?);
        let same = self.in_turn(move || is_same(&password, &hash)).await?;
        Ok(known && same)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NotNow> {
        let turn = timeout(TURN_WITHIN, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| NotNow)?.map_err(|_| NotNow)?;
        let work = move || {
            // Held by the work, not by whoever waits for it: a browser that goes away frees no core.
            let _turn = turn;
            work()
        };
        task::spawn_blocking(work).await.map_err(|_| NotNow)
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None).ok()?))
}

fn hash_with_salt(password: &Secret, salt: &[u8; 16]) -> Option<Secret> {
    let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), salt).ok()?;
    Some(Secret::new(hash.to_string()))
}

/// By the parameters in the hash, so that raising them locks nobody out.
fn is_same(password: &Secret, hash: &Secret) -> bool {
    password.len() <= LONGEST
        && argon2().is_some_and(|argon2| argon2.verify_password(password.expose().as_bytes(), hash.expose()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(password: &str) -> Result<(), Unfit> {
        check(&Secret::new(password), &"ada.lovelace".parse().unwrap())
    }

    #[test]
    fn long_enough_and_not_obvious_is_all_that_is_asked_for() {
        for good in ["four words in a row", "zwölf zeichen", "kkzzqqppmmnn", "ada.lovelace likes trains"] {
            assert_eq!(fit(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", Unfit::TooShort),
            ("elf zeichen", Unfit::TooShort),
            ("\u{1f600}\u{1f600}\u{1f600}", Unfit::TooShort),
            ("Password1234", Unfit::TooCommon),
            ("AAAAAAAAAAAAAAAA", Unfit::TooCommon),
            ("secretsecretsecret", Unfit::TooCommon),
            ("qwertyuiopas", Unfit::TooCommon),
            ("012345678901", Unfit::TooCommon),
            ("Ada.Lovelace", Unfit::LikeTheName),
            ("ada.lovelace1815!", Unfit::LikeTheName),
        ] {
            assert_eq!(fit(bad), Err(why), "{bad}");
        }
        assert_eq!(fit(&"long enough ".repeat(100)), Err(Unfit::TooLong));
    }

    #[tokio::test]
    async fn the_right_password_is_known_again_and_no_other() {
        let hasher = Hasher::new();
        let secret = |text: &str| Secret::new(text);
        let hash = hasher.hash(secret("four words in a row")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert_ne!(hash, hasher.hash(secret("four words in a row")).await.unwrap());
        for (password, stored, same) in [
            ("four words in a row", Some(hash.clone()), true),
            ("four words in a Row", Some(hash.clone()), false),
            ("", Some(hash), false),
            ("four words in a row", Some(secret("not a hash")), false),
            ("nobody's", None, false),
        ] {
            assert_eq!(hasher.verify(secret(password), stored).await, Ok(same), "{password}");
        }
    }
}
