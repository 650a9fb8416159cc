//! The key that a release is signed with, and the signature.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context, Result};
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use crate::{command::SIGNING_PASSWORD, environment, say::complain};

/// Both halves of a key.
pub(super) struct Key {
    secret: SecretKey,
    public: PublicKey,
    given: bool,
}

impl Key {
    /// The one in `file`, or one for trying out, kept in `out`.
    pub(super) fn find(file: Option<&Path>, out: &Path) -> Result<Self> {
        let path = file.map_or_else(|| out.join("minisign.key"), Path::to_path_buf);
        if file.is_none() && !path.exists() {
            complain(format_args!("making {}, a key without a password", path.display()));
            make(&path)?;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read the key {}", path.display()))?;
        let password = environment::variable(SIGNING_PASSWORD).map(OsString::into_string).transpose();
        let password = password.ok().context("DAYPASS_SIGNING_PASSWORD is not text")?;
        let secret = secret(&text, password).with_context(|| format!("{} is of no use", path.display()))?;
        let public = PublicKey::from_secret_key(&secret)?;
        Ok(Self { secret, public, given: file.is_some() })
    }

    /// Whether somebody chose it.
    pub(super) fn is_given(&self) -> bool {
        self.given
    }

    /// The public half, as one word.
    pub(super) fn public(&self) -> String {
        self.public.to_base64()
    }

    /// The public half, as a file for `minisign -p`.
    pub(super) fn public_file(&self) -> Result<String> {
        Ok(self.public.to_box()?.into_string())
    }

    /// A signature of `bytes` that vouches for `comment` as well.
    pub(super) fn sign(&self, bytes: &[u8], comment: &str) -> Result<String> {
        let signature = minisign::sign(
            Some(&self.public),
            &self.secret,
            bytes,
            Some(comment),
            Some("signature of a release of daypass"),
        )?;
        Ok(signature.into_string())
    }
}

/// Without a password, the one of a key that has one is asked for at the terminal.
fn secret(text: &str, password: Option<String>) -> Result<SecretKey> {
    let unprotected = SecretKeyBox::from_string(text)?.into_unencrypted_secret_key();
    match unprotected {
        Ok(secret) => Ok(secret),
        Err(_protected) => Ok(SecretKeyBox::from_string(text)?.into_secret_key(password)?),
    }
}

fn make(path: &Path) -> Result<()> {
    let pair = KeyPair::generate_unencrypted_keypair()?;
    let text = pair.sk.to_box(Some("for trying daypass out: trust nothing that it signs"))?.into_string();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let first = Key::find(None, folder.path()).unwrap();
        let again = Key::find(None, folder.path()).unwrap();
        assert_eq!(first.public(), again.public());
        let mode = fs::metadata(folder.path().join("minisign.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("release.key");
        assert!(Key::find(Some(&absent), folder.path()).is_err());
        assert!(!absent.exists());
    }

    #[test]
    fn a_key_with_a_password_signs_for_whoever_knows_it() {
        let pair = KeyPair::generate_encrypted_keypair(Some("correct horse".to_owned())).unwrap();
        let text = pair.sk.to_box(None).unwrap().into_string();
        let secret_key = secret(&text, Some("correct horse".to_owned())).unwrap();
        let key = Key { secret: secret_key, public: pair.pk, given: true };
        assert!(key.sign(b"sums", "daypass 1.2.3").unwrap().contains("\ntrusted comment: daypass 1.2.3\n"));
        assert!(secret(&text, Some("battery staple".to_owned())).is_err());
    }
}
