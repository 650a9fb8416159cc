//! `daypass ci`: the beginning and the end of a job.
//!
//! What can be taken back is written down first, then comes what must not be seen, and only then what later steps are
//! told: whoever is killed in between leaves nothing that `daypass ci end` does not find.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use daypass_core::{clock::Clock, public_url::PublicUrl};

use super::{login, logout, status::rounded};
use crate::{
    ambient::machine::Machine,
    arguments::{
        Login,
        ci::{Begin, Ci, End, MissingOidc, Tool},
    },
    cache::{Cache, delete, entry::Entry},
    config::edit,
    environment::Environment,
    failure::{Failure, Status},
    job::{
        folder::JobFolder,
        fork, python,
        teller::{Got, Teller},
        variables,
    },
    output,
    server::Server,
    trust::{Trusted, server_url},
};

/// The first pause before a server is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// Begins or ends a job.
pub(crate) fn run(command: &Ci, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    match command {
        Ci::Begin(arguments) => {
            let teller = Teller::find(arguments.write, &environment.machine())?;
            begin(arguments, &teller, environment, clock).map_err(|failure| teller.failed(failure))
        }
        Ci::End(arguments) => end(arguments, environment, clock),
    }
}

fn begin(arguments: &Begin, teller: &Teller, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let url = match &arguments.server {
        Some(text) => server_url(text)?,
        None => Trusted::load(environment)?.only()?.url.clone(),
    };
    let folder = JobFolder::make(&arguments.folder, arguments.config.as_deref())?;
    folder.link(&this_program()?)?;
    let (config, cache) = (folder.config()?, folder.cache());
    let of_daypass = vec![
        ("DAYPASS_SERVER", url.to_string()),
        ("DAYPASS_CONFIG", config.display().to_string()),
        ("DAYPASS_CACHE", cache.display().to_string()),
    ];
    let of_job = environment.of_job(url.as_str(), config, cache);
    let programs = folder.programs();
    let entry = match sign_in(arguments, &url, &of_job, clock) {
        Ok(entry) => entry,
        Err(failure) if is_tolerated(arguments.missing_oidc, &failure, environment) => {
            teller.set(&programs, &of_daypass)?;
            return teller.not_signed_in(&failure);
        }
        Err(failure) => return Err(failure),
    };
    teller.mask(&entry.access_token)?;
    let tools = if arguments.no_environment { &[] } else { arguments.tools.as_slice() };
    let machine = environment.machine();
    let of_tools = variables::unless_publishing_elsewhere(variables::of_tools(&url, &arguments.index, tools), |name| {
        machine.variable(name).is_some()
    });
    teller.set(&programs, &[of_daypass.clone(), of_tools].concat())?;
    if let Some(wheel) = &arguments.python_keyring {
        let all = [of_daypass, variables::of_tools(&url, &arguments.index, &[Tool::Pip, Tool::Uv])].concat();
        if let Some(why) = python::install(wheel, &environment.machine(), &programs, &all)? {
            output::warn(&format!(
                "keyrings-daypass was not installed: {why}; pip and uv are set up without it, and where another tool \
                 needs it, `pip install {}` in that tool's own environment brings it",
                wheel.display()
            ));
        }
    }
    let index_url = url.index_url(&arguments.index);
    teller.signed_in(&Got { identity: entry.name(), expires_at: rounded(entry.expires_at), index_url: &index_url })
}

/// Where this program is. Another job may have put a new file of the same name into its place meanwhile; Linux still knows
/// the one that runs.
fn this_program() -> Result<PathBuf, Failure> {
    const RUNNING: &str = "/proc/self/exe";
    let named = std::env::current_exe().and_then(fs::canonicalize);
    named
        .or_else(|error| if Path::new(RUNNING).exists() { Ok(RUNNING.into()) } else { Err(error) })
        .map_err(|error| Failure::local(format!("where is this program? {error}")))
}

/// Signs in as the job, and remembers how for later steps.
fn sign_in(arguments: &Begin, url: &PublicUrl, environment: &Environment, clock: &dyn Clock) -> Result<Entry, Failure> {
    let cache = Cache::open(&environment.folders)?;
    let login = Login::of_job(arguments.identity.clone(), arguments.audience.clone());
    let mut pause = FIRST_PAUSE;
    let mut tried = 1;
    let (server, entry) = loop {
        match login::as_identity(Server::at(url.clone()), &login, &cache, environment, clock) {
            Err(failure) if failure.status == Status::Unreachable && tried < arguments.retry => {
                output::note(&format!("{}; trying again in {} s", failure.message, pause.as_secs()));
                thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
                tried += 1;
            }
            done => break done?,
        }
    };
    let config = environment.config.as_deref().ok_or_else(|| Failure::local("a job has a configuration file"))?;
    edit::remember(config, server, clock)?;
    Ok(entry)
}

/// Whether the job may go on without a credential: no proof was to be had, and that is as it should be.
fn is_tolerated(choice: MissingOidc, failure: &Failure, environment: &Environment) -> bool {
    failure.status == Status::SignInNeeded
        && match choice {
            MissingOidc::Auto => fork::is_one(&environment.machine()),
            MissingOidc::Fail => false,
            MissingOidc::Warn => true,
        }
}

fn end(arguments: &End, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let Some(folder) = JobFolder::find(&arguments.folder)? else {
        output::note("there is nothing to clean up");
        return Ok(());
    };
    let cache = Cache::open(&environment.folders.clone().with_cache(folder.cache()))?;
    let mut revoked = 0;
    for (path, entry) in cache.all()? {
        revoked += usize::from(logout::revoke(&entry, clock));
        delete(&path)?;
    }
    folder.restore()?;
    folder.remove()?;
    output::note(&match revoked {
        0 => "cleaned up".to_owned(),
        1 => "cleaned up: the credential was revoked".to_owned(),
        more => format!("cleaned up: {more} credentials were revoked"),
    });
    Ok(())
}
