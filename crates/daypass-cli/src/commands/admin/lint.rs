//! `daypass admin identity lint`: what is too broad in policy files.

use daypass_core::lint::{Finding, Severity, lint};
use serde_json::json;

use crate::{
    arguments::{Format, Lint},
    commands::explain::policies::Policies,
    failure::Failure,
    output,
};

/// Looks, and fails without a word where a rule lets in strangers.
pub(super) fn run(arguments: &Lint) -> Result<(), Failure> {
    let policies = Policies::read(&arguments.policy)?;
    let findings = lint(&policies.merged);
    for finding in &findings {
        match arguments.output {
            Format::Json => output::json(&as_json(finding))?,
            Format::Text => output::data(&format!("{finding}\n"))?,
        }
    }
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Failure::silent());
    }
    if findings.is_empty() && arguments.output == Format::Text {
        output::note("nothing is too broad");
    }
    Ok(())
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({
        "identity": finding.identity,
        "severity": finding.severity.as_str(),
        "code": finding.code,
        "message": finding.message,
    })
}
