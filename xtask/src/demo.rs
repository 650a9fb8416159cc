//! `cargo xtask demo`: the whole product in half a minute, for somebody who sees it for the first time.

mod figures;
mod secrets;
mod story;
mod world;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::{build, command::pause, say::say, workspace::Workspace};
use world::World;

#[derive(Args)]
pub(crate) struct Options {
    /// Afterwards keep the server running until Ctrl-C, to try it by hand.
    #[arg(long)]
    stay: bool,
}

/// Builds, tells the story, and leaves nothing behind.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let built = build::release(workspace)?;
    let began = Instant::now();
    let world = World::start(workspace, &built)?;
    let watch = secrets::Watch::start();
    let outside_token = story::tell(&world)?;
    let seen = watch.stop();
    figures::show(&world, &seen, &outside_token)?;
    say(format_args!("\nAll of this took {:.1} s.", began.elapsed().as_secs_f64()));
    if options.stay {
        world.explain_by_hand();
        stay();
    } else {
        world.explain_next(workspace);
    }
    Ok(())
}

/// Until Ctrl-C, which is the expected end and no failure.
fn stay() {
    while pause(Duration::from_millis(100)).is_ok() {}
    say("stopped, and everything of the demo is removed");
}
