//! Makes cargo look at the folder of migrations: the macro that embeds them sees changed files, but no new ones.

#[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
