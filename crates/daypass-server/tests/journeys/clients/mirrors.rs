//! Others that mirror us, and installers that install from them.

use std::{
    fs,
    process::{Child, Stdio},
};

use super::desk::{Desk, PRIVATE_APP, THIRTY, says, soon};
use crate::{http::get, world::free_port};

/// A server that ends with this.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn devpi_mirrors_us_and_pip_installs_from_it_when_we_are_gone() {
    let mut desk = Desk::with_closures();
    let (port, data) = (free_port(), desk.world.path("devpi"));
    let program = |name: &str| {
        let mut command = desk.world.clean(desk.stage.devpi().join(name), "home");
        command.arg("--serverdir").arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(program("devpi-init").arg("--no-root-pypi").status().unwrap().success());
    let mut server = program("devpi-server");
    let _server = Ends(server.args(["--host", "127.0.0.1", "--port", &port.to_string()]).spawn().unwrap());
    let authority = format!("127.0.0.1:{port}");
    soon("devpi answers", || get("/+api").send(&authority).is_ok());
    let index = serde_json::json!({ "type": "mirror", "mirror_url": desk.index_url(), "volatile": true });
    let script = format!(
        "import base64, json, sys, urllib.request as r\n\
         def send(method, path, body, **more):\n    \
             q = r.Request('http://{authority}' + path, json.dumps(body).encode(), method=method,\n        \
                 headers={{'content-type': 'application/json', 'accept': 'application/json', **more}})\n    \
             return json.load(r.urlopen(q))\n\
         send('PUT', '/me', {{'password': 'me'}})\n\
         key = send('POST', '/+login', {{'user': 'me', 'password': 'me'}})['result']['password']\n\
         auth = base64.b64encode(('me:' + key).encode()).decode()\n\
         send('PUT', '/me/acme', json.loads(sys.stdin.read()), **{{'x-devpi-auth': auth}})\n"
    );
    let mut python = desk.world.clean(desk.stage.python(), "home");
    let mut python = python.args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), index.to_string().as_bytes()).unwrap();
    assert!(python.wait().unwrap().success());

    let simple = format!("http://{authority}/me/acme/+simple/");
    let install = |desk: &Desk, name: &str| {
        let venv = desk.venv(name, "newest");
        says(desk.pip(&venv, &["install", "--no-cache-dir", PRIVATE_APP]).env("PIP_INDEX_URL", &simple));
        assert_eq!(desk.installed(&venv.python()), THIRTY);
    };
    install(&desk, "first");
    desk.world.kill();
    install(&desk, "second");
}

#[test]
fn bandersnatch_mirrors_us_and_pip_installs_from_the_files() {
    let desk = Desk::with_closures();
    let folder = desk.world.path("bandersnatch");
    fs::create_dir(&folder).unwrap();
    let master = desk.index_url().replace("/simple/", "");
    // It sends no credential to the URLs of files that a page gives, but to the same paths of a mirror that it is told.
    let origin = master.replace("/python", "");
    let config = format!(
        "[mirror]\ndirectory = {0}/mirror\nmaster = {master}\n\
         download-mirror = {origin}\ndownload-mirror-no-fallback = true\nallow-non-https = true\napi-method = simple\n\
         timeout = 20\nworkers = 3\nhash-index = false\njson = true\nsimple-format = ALL\nstop-on-error = true\n\
         verifiers = 1\ncompare-method = hash\nstorage-backend = filesystem\n",
        folder.display()
    );
    let settings = folder.join("bandersnatch.conf");
    fs::write(&settings, config).unwrap();
    let mut mirror = desk.world.clean(desk.stage.bandersnatch(), "home");
    says(mirror.arg("--config").arg(&settings).arg("mirror"));
    // What it wrote is a static index: any web server will do.
    let port = free_port();
    let mut server = desk.world.clean(desk.stage.python(), "home");
    server.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"]);
    let _server =
        Ends(server.arg(folder.join("mirror/web")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let authority = format!("127.0.0.1:{port}");
    soon("the static server answers", || get("/").send(&authority).is_ok());
    let venv = desk.venv("venv", "newest");
    let mut pip = desk.pip(&venv, &["install", "--no-cache-dir", PRIVATE_APP]);
    says(pip.env("PIP_INDEX_URL", format!("http://{authority}/simple/")));
    assert_eq!(desk.installed(&venv.python()), THIRTY);
}
