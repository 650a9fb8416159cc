//! `daypassd files`: whether what is hosted is whole, and what nobody counts on; also while the server runs.

use std::io::{IsTerminal as _, Write as _};

use daypass_core::clock::{Clock as _, SystemClock};
use daypass_index::{
    Care, CareError,
    care::{Finding, Swept, Verified},
};
use serde_json::json;

use super::say;
use crate::{
    arguments::{Files, FilesAction, Output},
    assemble::{open_existing_store, open_files, store_failure},
    config::{Settings, byte_size::ByteSize},
    data_folder::DataFolder,
    failure::Failure,
};

/// How often it is told how far verifying is, in files, where nobody watches.
const TELL_EVERY: u64 = 1000;

/// Does what was asked for.
pub(crate) async fn run(files: Files) -> Result<(), Failure> {
    let settings = Settings::read(files.action.place())?;
    let store = open_existing_store(&settings).await?;
    let kept = open_files(&settings, &DataFolder::existing(&settings.data)?)?;
    let care = Care::new(store.clone(), kept);
    let done = match files.action {
        FilesAction::Verify { output, .. } => {
            let (files, _) = store.hosted_total().await.map_err(store_failure)?;
            verify(&care, files, output).await
        }
        FilesAction::Sweep { output, .. } => sweep(&care, output).await,
    };
    store.close().await;
    done
}

fn failure(error: CareError) -> Failure {
    match error {
        CareError::Store(error) => store_failure(error),
        CareError::Files(error) => {
            Failure::data(error.in_full()).hint("`daypassd doctor` tells whether the file store works")
        }
    }
}

async fn verify(care: &Care, all: u64, output: Output) -> Result<(), Failure> {
    let (mut failed, told) = (None, Progress::new(all));
    let verified = care.verify(|so_far, findings| {
        told.tell(so_far);
        for finding in findings {
            if let Err(failure) = say(&line(finding, output)) {
                failed.get_or_insert(failure);
            }
        }
    });
    let verified = verified.await.map_err(failure)?;
    told.end(&verified);
    match (failed, verified.damaged) {
        (Some(failure), _) => Err(failure),
        (None, 0) => Ok(()),
        (None, damaged) => Err(Failure::data(format!("{damaged} of {} hosted files are damaged", verified.files)).hint(
            "restore the missing bytes from your backup to the file store, under the key that ends with their SHA-256",
        )),
    }
}

fn line(finding: &Finding, output: Output) -> String {
    let Finding { index, file, part, sha256, damage } = finding;
    match output {
        Output::Text => format!("{damage} {index} {file} ({part}, sha256 {sha256})\n"),
        Output::Json => {
            let (damage, part) = (damage.to_string(), part.to_string());
            let line = json!({
                "index": index, "file": file.as_str(), "part": part, "sha256": sha256.to_string(), "damage": damage,
            });
            format!("{line}\n")
        }
    }
}

/// Tells people how far it is, on standard error.
struct Progress {
    all: u64,
    on_terminal: bool,
}

impl Progress {
    fn new(all: u64) -> Self {
        Self { all, on_terminal: std::io::stderr().is_terminal() }
    }

    fn tell(&self, so_far: &Verified) {
        if self.on_terminal || so_far.files.is_multiple_of(TELL_EVERY) {
            self.write(so_far, if self.on_terminal { "\r" } else { "\n" });
        }
    }

    fn end(&self, verified: &Verified) {
        self.write(verified, "\n");
    }

    fn write(&self, so_far: &Verified, end: &str) {
        let Verified { files, bytes, damaged } = so_far;
        let megabytes = bytes / 1_000_000;
        let text =
            format!("verified {files} of {} files, {megabytes} MB, {damaged} damaged{end}", self.all.max(*files));
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

async fn sweep(care: &Care, output: Output) -> Result<(), Failure> {
    let swept = care.sweep(SystemClock.now()).await.map_err(failure)?;
    let Swept { trashed, bytes, restored, removed } = swept;
    match output {
        Output::Json => say(&format!(
            "{}\n",
            json!({ "trashed": trashed, "bytes": bytes, "restored": restored, "removed": removed })
        )),
        Output::Text => {
            let size: ByteSize = ByteSize::of(bytes);
            say(&format!(
                "moved to the trash   {trashed} ({size})\nbrought back         {restored}\nremoved for good     {removed}\n"
            ))
        }
    }
}
