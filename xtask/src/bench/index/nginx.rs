//! nginx: the same pages and files as static ones. Nothing that looks at requests one by one is faster.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Result;

use super::{
    super::server::{SERVER_CORE, on_core},
    content::SMALL,
    site::{Site, free_port},
};
use crate::{command::start, system};

/// Without authentication.
pub(super) const FLOOR: &str = "nginx, no authentication";

/// The static tree at `root`, served to anybody.
pub(super) fn anonymous(folder: &Path, root: &Path) -> Result<Site> {
    serve(FLOOR, folder, root, "", "")
}

/// The same, where for each request another server is asked first, as a login proxy would be: one on the same machine
/// that always says yes at once.
pub(super) fn asking(folder: &Path, root: &Path) -> Result<Site> {
    let port = free_port()?;
    let door = format!(
        "upstream door {{ server 127.0.0.1:{port}; keepalive 32; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}\n"
    );
    let ask = "auth_request /_door;\n\
               location = /_door { internal; proxy_pass http://door; proxy_pass_request_body off;\n\
               proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Content-Length \"\"; }";
    serve("nginx, `auth_request`", folder, root, &door, ask)
}

fn serve(name: &'static str, folder: &Path, root: &Path, before: &str, inside: &str) -> Result<Site> {
    let nginx = system::require("nginx", "nginx-light")?;
    let port = free_port()?;
    let place: PathBuf = folder.join(format!("nginx-{port}"));
    fs::create_dir(&place)?;
    let user = if system::is_root() { "user root;" } else { "" };
    let (place_shown, root) = (place.display(), root.display());
    let config = format!(
        "{user} worker_processes 1; daemon off; pid {place_shown}/pid; error_log {place_shown}/log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000;\n\
         open_file_cache max=4000; open_file_cache_valid 60s; gzip_static on; gzip_vary on;\n\
         client_body_temp_path {place_shown}/t1; proxy_temp_path {place_shown}/t2;\n\
         fastcgi_temp_path {place_shown}/t3; uwsgi_temp_path {place_shown}/t4; scgi_temp_path {place_shown}/t5;\n\
         types {{ application/vnd.pypi.simple.v1+json json; text/html html; }}\n\
         default_type application/octet-stream;\n\
         map $http_accept $form {{ default html; ~application/vnd.pypi.simple.v1.json json; }}\n{before}\
         server {{ listen 127.0.0.1:{port}; root {root};\n{inside}\n\
         location ~ ^/simple/(?<page>.+/)?$ {{ try_files /simple/${{page}}index.$form =404; }} }} }}\n"
    );
    let path = place.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = on_core(SERVER_CORE, nginx);
    let running = start(command.arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()))?;
    Site::started(name, format!("http://127.0.0.1:{port}/simple/"), running, SMALL)
}
