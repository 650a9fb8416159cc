//! Makes cargo look at the folder of migrations: the macro that embeds them sees changed files, but no new ones.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
