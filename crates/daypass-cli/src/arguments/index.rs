//! The command line of `daypass index` and `daypass admin index`: what an index holds, moved and changed.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    Import(Import),
    Export(Export),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminIndex {
    List(ListIndexes),
    Show(ShowProject),
    Yank(Yank),
    Unyank(Unyank),
    Status(SetStatus),
    Delete(DeleteFiles),
}

/// Takes a folder of wheels and sdists, or another index, over into an index
///
/// Each file is uploaded as `twine` does it, with your own credential: you need the push action on its project. What is
/// there already, with the same bytes, is left alone, so a run that was interrupted goes on where it was when it is
/// started again. A file that is refused holds up no other; the exit code is 3 when there was one.
///
/// Another index gets your user name and password for it, never your credential of this server.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").multiple(true).args(["project", "all"]))]
#[command(after_long_help = "\
Examples:
  daypass index import dist/
  daypass index import --index python wheels/ more/acme-1.0.tar.gz --dry-run
  daypass index import https://old.example.com/simple/ --project acme --project acme-tools
  daypass index import https://old.example.com/simple/ --all --username ada --password-file pw
  daypass index import https://old.example.com/simple/ --all --keep-upload-times")]
pub(crate) struct Import {
    /// Folders, which are searched with all that is in them, and files; or the URL of the simple index of another server
    #[arg(value_name = "FOLDER|FILE|URL", required = true)]
    pub(crate) source: Vec<String>,
    /// The index that takes them
    #[arg(long, value_name = "NAME", default_value = "python")]
    pub(crate) index: String,
    /// Only the files of this project; may be given several times
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Vec<String>,
    /// All projects that the other index lists
    #[arg(long)]
    pub(crate) all: bool,
    /// The user name for the other index
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) username: Option<String>,
    /// The file with the password for the other index, or `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Keep the upload times of the other index; needs the admin action on each project
    #[arg(long)]
    pub(crate) keep_upload_times: bool,
    /// How many files are moved at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) jobs: u8,
    /// Show what would be uploaded, and upload nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Writes an index, or some of its projects, into a folder that any web server can serve
///
/// The folder holds `simple/` with the pages, in HTML and in JSON, and `files/` with the files and their metadata. Every
/// digest is checked. What is there already is checked, too, and not fetched again, so that a run that was interrupted
/// goes on where it was, and a folder of yesterday becomes that of today. What the index has no longer goes from the
/// pages; its files stay until you delete them.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass index export mirror/
  daypass index export mirror/ --index python --project acme --project acme-tools
  python3 -m http.server --directory mirror
  pip install --index-url http://127.0.0.1:8000/simple/ acme")]
pub(crate) struct Export {
    /// The folder; it is made where it is not there
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The index
    #[arg(long, value_name = "NAME", default_value = "python")]
    pub(crate) index: String,
    /// Only this project; may be given several times [default: all that the index lists]
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Vec<String>,
    /// How many files are fetched at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) jobs: u8,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Lists the indexes that you may see, and where each gets its projects from
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin index list
  daypass admin index list -o json | jq -r .url")]
pub(crate) struct ListIndexes {
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Shows a hosted project: its status, and its files with who uploaded them and what is yanked
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin index show python/acme
  daypass admin index show python/acme -o json | jq -r '.files[].file'")]
pub(crate) struct ShowProject {
    /// The project
    #[arg(value_name = "INDEX/PROJECT")]
    pub(crate) project: String,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Yanks a release, or one file of it: installers pass it over unless it is pinned (PEP 592)
///
/// Nothing is deleted: whoever has pinned exactly this version still gets it. Needs the yank action on the project.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin index yank python/acme==1.4 --reason 'breaks on Python 3.14: use 1.4.1'
  daypass admin index yank python/acme==1.4 --file acme-1.4.tar.gz --reason 'wrong licence file'")]
pub(crate) struct Yank {
    /// The release
    #[arg(value_name = "INDEX/PROJECT==VERSION")]
    pub(crate) release: String,
    /// Only this file of it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Why, for whoever installs it; pip and uv show it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Takes a yank back
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin index unyank python/acme==1.4")]
pub(crate) struct Unyank {
    /// The release
    #[arg(value_name = "INDEX/PROJECT==VERSION")]
    pub(crate) release: String,
    /// Only this file of it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Says what state a project is in (PEP 792)
///
/// `archived` and `quarantined` projects take no uploads; a quarantined one offers no files either. `deprecated` is a
/// hint for people. `active` is the ordinary state. Needs the admin action on the project.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin index status python/acme deprecated --reason 'use acme-next'
  daypass admin index status python/acme quarantined --reason 'under investigation: ask security'
  daypass admin index status python/acme active")]
pub(crate) struct SetStatus {
    /// The project
    #[arg(value_name = "INDEX/PROJECT")]
    pub(crate) project: String,
    /// Its state from now on
    #[arg(value_name = "STATUS", value_parser = ["active", "archived", "quarantined", "deprecated"])]
    pub(crate) status: String,
    /// Why, for whoever looks at the project
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Deletes files for ever: one, a release, or a whole project
///
/// Their names can never be used again, so that no lock file gets other bytes than it was made with. To yank is nearly
/// always better: what is yanked is passed over by new installs, and nobody's build breaks. How long after its upload a
/// file may be deleted is the index's own rule. Needs the admin action on the project.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin index delete python/acme==1.4 --reason 'a password was in it'
  daypass admin index delete python/acme==1.4 --file acme-1.4.tar.gz --reason 'a password was in it'
  daypass admin index delete python/acme-typo --reason 'uploaded by mistake' --yes")]
pub(crate) struct DeleteFiles {
    /// The release, or the project without `==VERSION` for all that it has
    #[arg(value_name = "INDEX/PROJECT[==VERSION]")]
    pub(crate) what: String,
    /// Only this file of it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Delete without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}
