//! An upstream behind a password, with a certificate of an authority that only its own company knows.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use daypass_testkit::wheel::Wheel;

use crate::{
    server::daypassd,
    stage::Stage,
    world::{PUBLIC, World},
};

/// Python's own file server, over TLS, for whoever knows the password.
const SERVER: &str = r#"
import http.server, ssl, sys
folder, certificate, key, wanted = sys.argv[1:]
class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *rest):
        super().__init__(*rest, directory=folder)
    def do_GET(self):
        if self.headers.get("Authorization") == wanted:
            return super().do_GET()
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Killed when dropped.
struct Mirror {
    child: Child,
    port: u16,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// An authority, and a certificate of `localhost` by it.
fn certificates(folder: &Path) {
    let openssl = |arguments: &[&str]| {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let output =
            Command::new("openssl").args(["req", "-x509"]).args(key).args(arguments).current_dir(folder).output();
        let output = output.expect("this journey needs `openssl`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(&["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Acme"]);
    let names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
    let signed =
        ["-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "own.key", "-out", "own.pem", "-subj", "/CN=localhost"];
    openssl(&[&signed[..], &names[..]].concat());
}

impl Mirror {
    fn start(stage: &Stage, folder: &Path, wheel: &Wheel) -> Self {
        certificates(folder);
        let page = folder.join("mirror/simple").join(wheel.name());
        fs::create_dir_all(&page).unwrap();
        fs::create_dir_all(folder.join("mirror/files")).unwrap();
        let name = wheel.file_name();
        fs::write(page.join("index.html"), format!("<a href=\"../../files/{name}\">{name}</a>")).unwrap();
        fs::write(folder.join("mirror/files").join(&name), wheel.bytes()).unwrap();
        let mut command = Command::new(stage.python());
        // `reader:hidden`
        command.args(["-c", SERVER, "mirror", "own.pem", "own.key", "Basic cmVhZGVyOmhpZGRlbg=="]);
        let mut child = command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }
}

#[test]
fn an_upstream_with_an_authority_and_a_password_of_its_own_is_pulled_through() {
    let (stage, mut world) = (Stage::find(), World::start());
    let wheel = Wheel::new(PUBLIC, "3.0");
    let mirror = Mirror::start(&stage, world.folder(), &wheel);
    fs::write(world.path("mirror.password"), "hidden\n").unwrap();
    // Its pages are HTML without upload times: the files would wait from now on.
    fs::write(world.path("mirror.package.toml"), "unknown_age = \"pass\"\n").unwrap();
    let page = format!("/python/simple/{PUBLIC}/");
    let url = format!("https://localhost:{}/simple/", mirror.port);
    let credential = "username = \"reader\", password_file = \"mirror.password\"";
    for (keys, status) in [
        (format!(", {credential}"), 503),
        (", ca = \"ca.pem\"".to_owned(), 502),
        (format!(", ca = \"ca.pem\", {credential}"), 200),
    ] {
        let config = world.path("mirror.toml");
        fs::write(
            &config,
            format!(
                "[[index]]\nname = \"python\"\npackage_policy = \"mirror.package.toml\"\n\
                 sources = [\"hosted\", {{ upstream = \"{url}\"{keys} }}]\n"
            ),
        )
        .unwrap();
        let mut command = daypassd();
        command.args(["serve", "--dev", "--listen", &world.authority(), "--config"]).arg(&config);
        command.arg("--data").arg(world.data()).arg("--policy").arg(world.path("policy.toml"));
        world.restart_as(command);
        let access_token = world.access_token();
        let answer = world.fetch(&page, &access_token);
        assert_eq!(answer.status, status, "{keys}: {}", answer.everything());
    }
    let file = format!("/python/files/{PUBLIC}/{}", wheel.file_name());
    assert_eq!(world.fetch(&file, &world.access_token()).body, wheel.bytes());
}
