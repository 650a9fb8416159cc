//! `daypassd init`.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use daypass_core::{
    clock::{Clock, SystemClock},
    role::Role,
};

use super::say;
use crate::{
    arguments::{Init, Place},
    assemble::open_store,
    config::{EXAMPLE, EXAMPLE_POLICY, Settings},
    data_folder::DataFolder,
    failure::Failure,
    invites::{self, InviteLink, Wanted},
};

/// Writes the two commented files, never over one that is there, and makes the data folder with the first
/// administrator in it.
pub(crate) async fn run(init: Init) -> Result<(), Failure> {
    fs::create_dir_all(&init.folder)
        .map_err(|error| Failure::data(format!("could not create {}: {error}", init.folder.display())))?;
    let (config, policy) = (init.folder.join("daypassd.toml"), init.folder.join("policy.toml"));
    if let Some(there) = [&config, &policy].into_iter().find(|path| path.exists()) {
        return Err(Failure::configuration(format!("{} is already there and stays as it is", there.display()))
            .hint("name another folder: `daypassd init DIR`"));
    }
    write_new(&config, EXAMPLE)?;
    write_new(&policy, EXAMPLE_POLICY)?;
    let made = make_administrator(&init, &config).await.inspect_err(|_| {
        // So that it can be tried again when what stood in the way is gone.
        let _ = fs::remove_file(&config);
        let _ = fs::remove_file(&policy);
    });
    let (admin, config, policy) = (&init.admin, config.display(), policy.display());
    let next = format!(
        "Next: edit the files, then `daypassd check-config --config {config}` and `daypassd serve --config {config}`"
    );
    let account = match made? {
        Some(link) => format!(
            "made the administrator `{admin}`, whose invite works once, until {}:\n  {}\n{next}\n\
             and open the invite. After a change of `public_url`, `daypassd user invite {admin} --config {config}` \
             prints another.",
            link.until.strftime("%Y-%m-%d %H:%M UTC"),
            link.url.expose(),
        ),
        None => format!("the account `{admin}` was there already\n{next}"),
    };
    say(&format!("wrote {config} and {policy}\n{account}\n"))
}

/// Makes the data folder, the database and the account. `None`: there is such an account.
async fn make_administrator(init: &Init, config: &Path) -> Result<Option<InviteLink>, Failure> {
    let settings = Settings::read(&Place { config: Some(config.to_owned()), ..Place::default() })?;
    DataFolder::open(&settings.data)?;
    let server = settings.public_url_at(settings.listen)?;
    let store = open_store(&settings).await?;
    let wanted = Wanted { name: init.admin.clone(), display_name: None, email: None, role: Role::Admin };
    let made = invites::add_account(&store, &server, wanted, SystemClock.now()).await;
    store.close().await;
    made
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::data(format!("could not write {}: {error}", path.display())))
}
