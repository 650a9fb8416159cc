//! Fly.io: a socket in each machine.

use std::path::Path;

use daypass_core::public_url::PublicUrl;
use http::Method;
use serde_json::json;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    wire::{self, Question, Service},
};
use crate::failure::Failure;

const TITLE: &str = "Fly.io";
const SOCKET: &str = "/.fly/api";
const MARK: &str = "FLY_MACHINE_ID";

pub(super) const PROVIDER: Provider = Provider {
    name: "fly",
    title: TITLE,
    kind: Kind::Machine,
    audience: Audience::Asked,
    supply: Supply::Fresh,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    if machine.variable(MARK).is_none() {
        return Seen::not_here(format!("`{MARK}` is not set"));
    }
    if machine.has_socket(Path::new(SOCKET)) {
        Seen::here(format!("`{MARK}` is set and `{SOCKET}` is there"))
    } else {
        Seen::not_here(format!("`{MARK}` is set, but there is no socket `{SOCKET}`"))
    }
}

fn get(_: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    ask(Path::new(SOCKET), asked)
}

fn ask(socket: &Path, asked: Asked<'_>) -> Result<Proof, Failure> {
    let service = Service::of_socket(TITLE, socket);
    let url = wire::url(TITLE, SOCKET, "http://localhost/v1/tokens/oidc")?;
    let document = json!({"aud": asked.server.as_str()});
    let answer = service.ask(&Question { method: Method::POST, url, headers: &[], json: Some(&document) })?;
    service.text(&answer).map(Proof::Jwt)
}
