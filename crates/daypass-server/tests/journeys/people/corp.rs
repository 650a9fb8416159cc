//! The company's provider: the certified `oidc-provider`, in a process of its own.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::stage::Stage;

/// What daypassd proves itself with at the provider.
pub(crate) const CLIENT_SECRET: &str = "a-secret-of-the-provider";

/// A program that answers each JSON line with one; it ends with this.
pub(crate) struct Orders {
    child: Child,
    input: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Orders {
    /// Starts `node SCRIPT ARGUMENTS…`; the second is the first line it says.
    pub(crate) fn start(stage: &Stage, folder: &Path, script: &str, arguments: &[&str]) -> (Self, Value) {
        let log = File::options().create(true).append(true).open(folder.join("people.log")).unwrap();
        let mut node = Command::new("node");
        node.arg(stage.people().join(script)).args(arguments).current_dir(folder).stderr(log);
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut this = Self { child, input, answers };
        let ready = this.hear();
        (this, ready)
    }

    /// Sends an order; the answer.
    pub(crate) fn send(&mut self, order: &Value) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{order}").unwrap();
        self.hear()
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("it said {line:?}: run `cargo xtask test`"))
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        // It ends with its standard input, and takes its own children along.
        drop(self.input.take());
        let _reaped = self.child.wait();
    }
}

/// A provider, on an address of loopback that nobody else's cookies reach.
pub(crate) struct Corp {
    orders: Orders,
    pub(crate) issuer: String,
}

impl Corp {
    /// One on `host` that lets `redirect_uri` alone have its codes.
    pub(crate) fn start(stage: &Stage, folder: &Path, host: &str, redirect_uri: &str) -> Self {
        let (orders, ready) = Orders::start(stage, folder, "provider.mjs", &[host, redirect_uri]);
        Self { orders, issuer: ready["issuer"].as_str().unwrap().to_owned() }
    }

    /// From now on these claims of its ID tokens and these parameters of its way back are changed.
    pub(crate) fn lie(&mut self, id_token: &Value, callback: &Value) {
        self.orders.send(&json!({ "lie": { "id_token": id_token, "callback": callback } }));
    }

    /// How often `path` was asked for.
    pub(crate) fn asked(&mut self, path: &str) -> u64 {
        self.orders.send(&json!({ "asked": true }))[path].as_u64().unwrap_or_default()
    }
}
