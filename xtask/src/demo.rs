//! tmp
use crate::workspace::Workspace;
use anyhow::Result;
use clap::Args;
#[derive(Args)]
pub(crate) struct Options {}
pub(crate) fn run(_workspace: &Workspace, _options: &Options) -> Result<()> {
    Ok(())
}
