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
    let document = json!({"aud": asked.audience});
    let answer = service.ask(&Question { method: Method::POST, url, headers: &[], json: Some(&document) })?;
    service.text(&answer).map(Proof::Jwt)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use daypass_core::secret::Secret;

    use super::{super::wire::stub::answer_once, *};
    use crate::failure::Status;

    #[test]
    fn the_socket_is_asked_for_our_audience() {
        let folder = tempfile::TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("api")).unwrap();
        let answering = thread::spawn(move || answer_once(listener.accept().unwrap().0, "200 OK", "eyJ.a.b\n"));
        let server = "https://packages.example.com".parse().unwrap();
        let asked = Asked { server: &server, audience: server.as_str(), identity: "" };
        let got = ask(&folder.path().join("api"), asked);
        let request = answering.join().unwrap();
        assert!(request.starts_with("POST /v1/tokens/oidc HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n{\"aud\":\"https://packages.example.com\"}"), "{request}");
        assert_eq!(got, Ok(Proof::Jwt(Secret::new("eyJ.a.b"))));
        // Where nobody listens, nobody answers.
        let failure = ask(&folder.path().join("gone"), asked).unwrap_err();
        assert_eq!(failure.status, Status::Unreachable);
    }
}
