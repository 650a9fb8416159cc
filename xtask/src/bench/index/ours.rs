//! daypassd, with full authentication, as it is measured.

use std::{fs, path::Path};

use anyhow::Result;

use super::{
    super::{
        helper::sign_in,
        server::{Daypassd, Load},
    },
    ask::get,
    content::SMALL,
    processes::memory_of_all,
    site::Site,
};
use crate::{build::Built, command::pause};

/// How tables call it.
pub(super) const OURS: &str = "**daypassd**, every request authenticated";

/// A running daypassd, and a credential for it.
pub(super) struct Ours {
    pub(super) server: Daypassd,
    pub(super) site: Site,
}

impl Ours {
    /// Starts one in `folder`, with an upstream if there is one; a credential is had as a CI job has it.
    pub(super) fn start(built: &Built, folder: &Path, issuer: &Load, upstream: Option<&str>) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let upstream = upstream.map_or(String::new(), |url| format!("upstream = \"{url}\"\n"));
        let config = format!("[[index]]\nname = \"python\"\n{upstream}");
        let policies = [policy(&issuer.issuer)];
        let server = Daypassd::start_with_both(built, folder, &policies, &config)?;
        let access_token = sign_in(built, folder, &server, &issuer.issuer)?.access_token;
        let headers = vec![format!("Authorization: Bearer {access_token}")];
        let mut site = Site::new(OURS, server.index_url.clone(), headers, server.process_id());
        site.cold_start = Some(server.cold_start);
        site.idle = memory_of_all(site.process).0;
        Ok(Self { server, site })
    }

    /// Waits until it has noticed what was put into its catalogue behind its back.
    pub(super) fn has_content(&self) -> Result<()> {
        for _ in 0..200 {
            if get(&self.site.page(SMALL), &self.site.headers)?.status == 200 {
                return Ok(());
            }
            pause(std::time::Duration::from_millis(50))?;
        }
        anyhow::bail!("daypassd does not notice what was imported")
    }
}

/// One identity, which may pull and push everything.
fn policy(issuer: &str) -> String {
    format!(
        "[[issuer]]\nname = \"ci\"\nurl = \"{issuer}\"\nkeys = {{ discovery = true }}\n\n\
         [[identity]]\nname = \"ci/load\"\nissuer = \"ci\"\nclaims = {{ repository_id = \"74\" }}\n\
         grants = [ {{ index = \"python\", projects = [\"*\"], actions = [\"pull\", \"push\"] }} ]\n"
    )
}
