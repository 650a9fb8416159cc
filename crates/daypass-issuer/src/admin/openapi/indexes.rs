//! The administration of indexes: what `daypass-index` answers under `/api/v1/indexes`.

use serde_json::{Map, Value, json};

use super::{operation, path_parameter, set};

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    let list = operation("listIndexes", "The indexes that the caller may see", "", &[("200", "IndexList")]);
    paths.insert("/api/v1/indexes".to_owned(), json!({ "get": list }));
    let project = "/api/v1/indexes/{index}/projects/{project}";
    let show = named(operation("showProject", "A hosted project", "", &[("200", "HostedProject"), ("404", "")]), &[]);
    paths.insert(
        project.to_owned(),
        json!({ "get": show, "delete": delete("deleteProject", "all files of a project", &[]) }),
    );
    let answers = [("200", "ChangedFiles"), ("404", ""), ("408", ""), ("413", ""), ("415", "")];
    let status = operation("setProjectStatus", "Gives a project another status (PEP 792)", "StatusRequest", &answers);
    paths.insert(format!("{project}/status"), json!({ "put": named(status, &[]) }));
    for (area, part, title) in [("files", "file", "File"), ("releases", "version", "Release")] {
        let path = format!("{project}/{area}/{{{part}}}");
        let remove = delete(&format!("delete{title}"), &format!("a {part}"), &[part]);
        paths.insert(path.clone(), json!({ "delete": remove }));
        let yank = operation(&format!("yank{title}"), "Yanks it (PEP 592)", "YankRequest", &answers);
        let unyank =
            operation(&format!("unyank{title}"), "Takes the yank back", "", &[("200", "ChangedFiles"), ("404", "")]);
        paths.insert(format!("{path}/yank"), json!({ "put": named(yank, &[part]), "delete": named(unyank, &[part]) }));
    }
    paths
}

fn delete(id: &str, what: &str, more: &[&str]) -> Value {
    let answers = [("200", "ChangedFiles"), ("404", ""), ("409", "")];
    let mut delete =
        named(operation(id, &format!("Deletes {what}; the names are never used again"), "", &answers), more);
    let reason = json!({
        "name": "reason", "in": "query", "required": true, "schema": { "type": "string", "maxLength": 500 },
        "description": "Why; it stands in the audit log",
    });
    if let Some(parameters) = delete.get_mut("parameters").and_then(Value::as_array_mut) {
        parameters.push(reason);
    }
    delete
}

fn named(mut operation: Value, more: &[&str]) -> Value {
    let parameters: Vec<Value> = ["index", "project"].iter().chain(more).map(|name| path_parameter(name)).collect();
    set(&mut operation, "parameters", parameters.into());
    operation
}

/// The schemas that they name.
pub(super) fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let text_or_null = json!({ "type": ["string", "null"] });
    let time = json!({ "type": "string", "format": "date-time" });
    let texts = json!({ "type": "array", "items": text });
    let status = json!({ "enum": ["active", "archived", "quarantined", "deprecated"] });
    let reason = json!({ "type": ["string", "null"], "maxLength": 500 });
    json!({
        "IndexList": {
            "type": "object",
            "properties": { "indexes": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "name": text, "url": text, "sources": texts, "upload_url": text_or_null, "deletion": text_or_null,
                },
                "required": ["name", "url", "sources", "upload_url", "deletion"],
            } } },
            "required": ["indexes"],
        },
        "HostedProject": {
            "type": "object",
            "properties": {
                "index": text, "project": text, "status": status, "reason": text_or_null, "created_at": time,
                "serial": { "type": "integer" },
                "files": { "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "file": text, "version": text, "sha256": text, "size": { "type": "integer" },
                        "upload_time": time, "uploader": text_or_null, "requires_python": text_or_null,
                        "licence": text_or_null, "provenance": { "type": "boolean" },
                        "yanked": { "type": ["string", "null"], "description": "Why; empty for a yank without a reason" },
                    },
                    "required": ["file", "version", "sha256", "size", "upload_time", "yanked"],
                } },
            },
            "required": ["index", "project", "status", "files", "serial"],
        },
        "ChangedFiles": {
            "type": "object",
            "properties": { "index": text, "project": text, "files": texts },
            "required": ["index", "project", "files"],
        },
        "YankRequest": {
            "type": "object", "properties": { "reason": reason }, "additionalProperties": false,
        },
        "StatusRequest": {
            "type": "object", "properties": { "status": status, "reason": reason }, "required": ["status"],
            "additionalProperties": false,
        },
    })
}
