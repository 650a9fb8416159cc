//! The description of this API (OpenAPI 3.1), assembled from the schema of the policy; both are public.
//!
//! Dialect and references: OpenAPI 3.1 takes JSON Schema 2020-12 as it is; only the place of the definitions differs.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::policy::{ObjectKind, schema};
use serde_json::{Map, Value, json};

mod indexes;

/// The schema of the policy file.
pub(super) async fn policy_schema() -> Response {
    public("application/schema+json", &schema())
}

/// The description.
pub(super) async fn get() -> Response {
    public("application/json", &document())
}

fn public(content_type: &'static str, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "public, max-age=300")];
    (StatusCode::OK, headers, body.to_string()).into_response()
}

fn document() -> Value {
    let mut paths = Map::new();
    for kind in ObjectKind::ALL {
        paths.insert(format!("/api/v1/{}", kind.plural()), json!({ "get": list(kind) }));
        paths.insert(format!("/api/v1/{}/{{name}}", kind.plural()), one(kind));
    }
    let whole = |id: &str, summary: &str| json!({ "post": operation(id, summary, "PlanRequest", &[("200", "Plan"), ("409", ""), ("413", ""), ("422", "")]) });
    paths.insert("/api/v1/policy/plan".to_owned(), whole("planPolicy", "What would change; nothing is changed"));
    paths.insert(
        "/api/v1/policy/apply".to_owned(),
        whole("applyPolicy", "Makes all stored objects what is given; what is not given is deleted"),
    );
    paths.insert(
        "/api/v1/policy/schema.json".to_owned(),
        json!({ "get": open("policySchema", "The policy's JSON Schema") }),
    );
    paths.insert("/api/v1/openapi.json".to_owned(), json!({ "get": open("openapi", "This document") }));
    paths.insert(
        "/api/v1/session".to_owned(),
        json!({ "get": operation("session", "Who the holder of the access token is", "", &[("200", "Session")]) }),
    );
    paths.insert("/api/v1/audit".to_owned(), json!({ "get": audit() }));
    paths.insert(
        "/api/v1/pull-tokens".to_owned(),
        json!({
            "get": operation("listPullTokens", "The pull tokens of the caller", "", &[("200", "Anything")]),
            "post": operation("createPullToken", "Makes a pull token", "Anything", &[("201", "Anything")]),
        }),
    );
    let mut revoke = operation("revokePullToken", "Revokes a pull token", "", &[("204", ""), ("404", "")]);
    set(&mut revoke, "parameters", json!([path_parameter("id")]));
    paths.insert("/api/v1/pull-tokens/{id}".to_owned(), json!({ "delete": revoke }));
    paths.extend(indexes::paths());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "daypass administration",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Issuers, identities and roles; what indexes host; who one is; what happened. Errors are RFC 9457.",
        },
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "description": "An access token" } },
            "schemas": schemas(),
        },
    })
}

fn title(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Issuer => "Issuer",
        ObjectKind::Identity => "Identity",
        ObjectKind::Role => "Role",
    }
}

fn list(kind: ObjectKind) -> Value {
    let name = format!("{}List", title(kind));
    operation(&format!("list{name}"), "All that the caller administers", "", &[("200", &name)])
}

fn one(kind: ObjectKind) -> Value {
    let (name, entry) = (title(kind), format!("{}Entry", title(kind)));
    let broad = json!({
        "name": "allow_broad", "in": "query", "schema": { "type": "boolean" },
        "description": "Lets pass rules that let in strangers",
    });
    let condition = |name: &str| json!({ "name": name, "in": "header", "schema": { "type": "string" } });
    let mut show = operation(&format!("show{name}"), "One of them", "", &[("200", &entry), ("404", "")]);
    set(&mut show, "parameters", json!([path_parameter("name")]));
    let changed = [("409", ""), ("412", ""), ("422", "")];
    let answers = [[("200", entry.as_str()), ("201", entry.as_str()), ("413", "")], changed].concat();
    let mut put = operation(&format!("put{name}"), "Creates or replaces it", "Anything", &answers);
    let given = json!({ "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } }, "required": true });
    set(&mut put, "requestBody", given);
    let parameters = json!([path_parameter("name"), broad, condition("If-Match"), condition("If-None-Match")]);
    set(&mut put, "parameters", parameters.clone());
    let answers = [[("204", ""), ("404", ""), ("400", "")], changed].concat();
    let mut delete = operation(&format!("delete{name}"), "Deletes it", "", &answers);
    set(&mut delete, "parameters", parameters);
    json!({ "get": show, "put": put, "delete": delete })
}

fn audit() -> Value {
    let mut audit = operation("audit", "What happened, one event per line, oldest first", "", &[]);
    let lines = json!({
        "description": "JSON lines; `x-daypass-last` is where the next page begins",
        "content": { "application/jsonl": { "schema": { "type": "string" } } },
    });
    if let Some(responses) = audit.get_mut("responses") {
        set(responses, "200", lines);
    }
    let query = |name: &str, schema: Value| json!({ "name": name, "in": "query", "schema": schema });
    let time = json!({ "type": "string", "format": "date-time" });
    let parameters = json!([
        query("since", time.clone()),
        query("until", time),
        query("after", json!({ "type": "integer" })),
        query("limit", json!({ "type": "integer", "minimum": 0 })),
        query("kind", json!({ "type": "string", "examples": ["pull.blocked"] })),
    ]);
    set(&mut audit, "parameters", parameters);
    audit
}

/// An operation that takes and answers JSON; an answer without a schema has no content below 400, and a problem above.
fn operation(id: &str, summary: &str, takes: &str, answers: &[(&str, &str)]) -> Value {
    let mut responses = Map::new();
    for (status, schema) in answers.iter().copied().chain([("400", ""), ("401", ""), ("403", ""), ("503", "")]) {
        let answer = match schema {
            "" if status.starts_with('2') => json!({ "description": "Done" }),
            "" => json!({ "description": "See `detail`", "content": content("application/problem+json", "Problem") }),
            schema => json!({ "description": "Done", "content": content("application/json", schema) }),
        };
        responses.insert(status.to_owned(), answer);
    }
    let mut operation = json!({ "operationId": id, "summary": summary, "responses": responses });
    if !takes.is_empty() {
        set(&mut operation, "requestBody", json!({ "required": true, "content": content("application/json", takes) }));
    }
    operation
}

fn open(id: &str, summary: &str) -> Value {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    json!({
        "operationId": id,
        "summary": summary,
        "security": [],
        "responses": { "200": { "description": "The document", "content": content } },
    })
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({ media_type: { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn path_parameter(name: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        "description": "One segment: a `/` in it is written `%2F`",
    })
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn schemas() -> Value {
    let mut policy = schema();
    let definitions = policy.as_object_mut().and_then(|members| {
        members.remove("$schema");
        members.remove("$defs")
    });
    let mut all = definitions.and_then(|definitions| definitions.as_object().cloned()).unwrap_or_default();
    all.insert("Policy".to_owned(), policy);
    for kind in ObjectKind::ALL {
        let name = title(kind);
        let body = json!({ "$ref": format!("#/$defs/{name}") });
        let entry = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "origin": { "enum": ["file", "stored"] },
                "in_force": { "type": "boolean", "description": "false: it does not fit to the files, and grants nothing" },
                "reason": { "type": "string", "description": "Why it is not in force." },
                "object": body,
                "id": { "type": "string" },
                "findings": { "type": "array", "items": { "$ref": "#/$defs/Finding" } },
            },
            "required": ["name", "origin", "in_force", "object"],
        });
        all.insert(format!("{name}Entry"), entry);
        let entries = json!({ "type": "array", "items": { "$ref": format!("#/$defs/{name}Entry") } });
        let list = json!({
            "type": "object",
            "properties": { "version": { "type": "integer" }, kind.plural(): entries },
            "required": ["version", kind.plural()],
        });
        all.insert(format!("{name}List"), list);
    }
    let text = json!({ "type": "string" });
    let more = json!({
        "Anything": { "type": "object" },
        "Session": { "type": "object", "required": ["indexes"], "properties": { "indexes": { "type": "array" } } },
        "Problem": {
            "type": "object",
            "properties": { "title": text, "status": { "type": "integer" }, "detail": text },
            "required": ["title", "status", "detail"],
        },
        "Finding": {
            "type": "object",
            "properties": { "identity": text, "severity": { "enum": ["error", "advice"] }, "code": text, "message": text },
            "required": ["identity", "severity", "code", "message"],
        },
        "PlanRequest": {
            "type": "object",
            "properties": {
                "objects": { "$ref": "#/$defs/Policy" },
                "version": { "type": ["integer", "null"] },
                "allow_broad": { "type": "boolean" },
            },
            "required": ["objects"],
            "additionalProperties": false,
        },
        "Change": {
            "type": "object",
            "properties": {
                "action": { "enum": ["create", "update", "delete"] },
                "kind": { "enum": ["issuer", "identity", "role"] },
                "name": text,
                "before": { "type": ["object", "null"] },
                "after": { "type": ["object", "null"] },
            },
            "required": ["action", "kind", "name", "before", "after"],
        },
        "Plan": {
            "type": "object",
            "properties": {
                "version": { "type": "integer" },
                "changes": { "type": "array", "items": { "$ref": "#/$defs/Change" } },
                "findings": { "type": "array", "items": { "$ref": "#/$defs/Finding" } },
            },
            "required": ["version", "changes", "findings"],
        },
    });
    all.extend(more.as_object().cloned().unwrap_or_default());
    all.extend(indexes::schemas().as_object().cloned().unwrap_or_default());
    let mut all = Value::from(all);
    move_references(&mut all);
    all
}

/// `#/$defs/X` is at `#/components/schemas/X` here.
fn move_references(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let (true, Some(target)) =
                    (name == "$ref", member.as_str().and_then(|to| to.strip_prefix("#/$defs/")))
                {
                    *member = format!("#/components/schemas/{target}").into();
                } else {
                    move_references(member);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(move_references),
        _ => {}
    }
}
