//! Where one job runs: a provider, a server that trusts it, and perhaps a machine of the job's own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use daypass_testkit::workload::{Cloud, Job, Kind};
use serde_json::{Value, json};

use super::rules::rule;
use crate::{
    stage::Stage,
    world::{Plan, World},
};

/// The identity that the job may become.
pub(crate) const IDENTITY: &str = "ci/job";

/// Everything of one job.
pub(crate) struct Place {
    pub(crate) job: Job,
    pub(crate) world: World,
    pub(crate) cloud: Cloud,
    pub(crate) stage: Stage,
    /// What the job's machine has that this one has not.
    machine: Option<Value>,
    agent: Option<Child>,
}

/// What the trusted issuer's entry in a policy says besides its URL.
#[derive(Default)]
pub(crate) struct Trust<'a> {
    /// More lines.
    pub(crate) more: &'a str,
}

impl Place {
    /// The usual place of a job of `kind`.
    pub(crate) fn of(kind: Kind) -> Self {
        Self::trusting(kind, &Trust::default())
    }

    /// The same with more said about the issuer.
    pub(crate) fn trusting(kind: Kind, trust: &Trust<'_>) -> Self {
        let (stage, plan) = (Stage::find(), World::plan());
        let cloud = Cloud::start(kind, plan.folder(), &stage.python(), &plan.url());
        let policy = policy(&cloud, &plan, trust.more);
        let world = plan.policy(&policy).start();
        let agent = (kind == Kind::Spiffe).then(|| agent(&stage, &cloud, world.folder()));
        let machine = machine(&cloud);
        Self { job: cloud.job(), world, cloud, stage, machine, agent }
    }

    /// On a machine that has this, too (see `elsewhere.py`).
    pub(crate) fn on_a_machine(mut self, plan: Value) -> Self {
        self.machine = Some(plan);
        self
    }

    /// A program in the job, which has what its runner gave it and the server's name: nothing secret, nothing else.
    pub(crate) fn run(&self, program: impl AsRef<Path>, home: &str) -> Command {
        let mut command = match &self.machine {
            None => self.world.clean(program, home),
            Some(plan) => {
                let mut plan = plan.clone();
                // The server is elsewhere for it, too, and is reached as it is from here.
                plan["forward"][self.world.authority()] = json!(self.world.authority());
                let mut command = self.world.clean(self.stage.python(), home);
                command.arg(self.stage.workloads().join("elsewhere.py")).arg(plan.to_string()).arg(program.as_ref());
                command
            }
        };
        command.env("DAYPASS_SERVER", self.world.url()).env("DAYPASS_IDENTITY", IDENTITY);
        if let Some(provider) = chosen(self.cloud.kind()) {
            command.env("DAYPASS_AMBIENT", provider);
        }
        command.envs(self.job.variables.iter().map(|(name, value)| (name, value)));
        command.env("PATH", self.path("/usr/bin:/bin"));
        command
    }

    /// The job's `PATH`, with its runner's programs on it.
    pub(crate) fn path(&self, rest: &str) -> String {
        match &self.job.programs {
            Some(folder) => format!("{}:{rest}", folder.display()),
            None => rest.to_owned(),
        }
    }

    /// `daypass` in the job.
    pub(crate) fn daypass(&self, home: &str, arguments: &[&str]) -> Output {
        self.run(World::daypass(), home).args(arguments).output().unwrap()
    }

    /// Another job of the same provider.
    pub(crate) fn somebody_elses(&mut self) {
        self.cloud.change(rule(self.cloud.kind()).somebody_elses);
        self.job = self.cloud.job();
    }

    /// Whether the index lets this access token in.
    pub(crate) fn lets_in(&self, access_token: &str) -> bool {
        self.world.fetch("/python/simple/acme-hello/", access_token).status == 200
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _gone = agent.kill();
            let _reaped = agent.wait();
        }
    }
}

/// What the job's settings must say where its token is for somebody else than the server: which provider is meant.
fn chosen(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::CircleCiVariable => Some("circleci"),
        Kind::Bitbucket => Some("bitbucket"),
        Kind::AzureDevOps => Some("azure-devops"),
        Kind::Aks => Some("aks"),
        Kind::Vercel => Some("vercel"),
        Kind::Spacelift => Some("spacelift"),
        Kind::Semaphore => Some("semaphore"),
        _ => None,
    }
}

/// The policy that lets the job in, and nobody else.
fn policy(cloud: &Cloud, plan: &Plan, more: &str) -> String {
    let (rule, claims) = (rule(cloud.kind()), cloud.claims());
    let keys = if cloud.kind() == Kind::Spiffe {
        fs::write(plan.folder().join("bundle.json"), cloud.jwks().to_string()).unwrap();
        "keys = { jwks = \"bundle.json\" }\n"
    } else {
        ""
    };
    let audiences = match cloud.audience() {
        ours if ours == plan.url() => String::new(),
        other => format!("audiences = [\"{other}\"]\n"),
    };
    let pinned: Vec<String> =
        rule.pins.iter().map(|claim| format!("{:?} = {}", claim, value(&claims, cloud.kind(), claim))).collect();
    format!(
        "[[issuer]]\nname = \"outside\"\npreset = \"{}\"\nurl = \"{}\"\n{keys}{audiences}{more}\n\
         [[identity]]\nname = \"{IDENTITY}\"\nissuer = \"outside\"\nclaims = {{ {} }}\n\
         grants = [ {{ index = \"python\", projects = [\"*\"], actions = [\"pull\"] }} ]\n",
        rule.preset,
        cloud.issuer(),
        pinned.join(", ")
    )
}

/// What the job's token says, as TOML. Buildkite says the ids only to whoever asks for them.
fn value(claims: &Value, kind: Kind, claim: &str) -> Value {
    let found = if claim.starts_with('/') { claims.pointer(claim) } else { claims.get(claim) };
    found.cloned().unwrap_or_else(|| match (kind, claim) {
        (Kind::Buildkite | Kind::BuildkiteApi, "organization_id") => json!("f02d6a6f-7a0e-481d-9d6d-89b427aec48d"),
        (Kind::Buildkite | Kind::BuildkiteApi, "pipeline_id") => json!("c71dda4e-d1f2-4a1a-9be0-5a5b9c0b7f3d"),
        _ => panic!("{kind:?} says nothing about `{claim}`: {claims}"),
    })
}

/// The SPIFFE agent of the job's machine.
pub(crate) fn agent(stage: &Stage, cloud: &Cloud, folder: &Path) -> Child {
    let socket = cloud.job().variables.into_iter().find(|(name, _)| name == "SPIFFE_ENDPOINT_SOCKET").unwrap().1;
    let mut command = Command::new(stage.judges());
    command.env_clear().current_dir(folder).arg(stage.workloads().join("workload_api.py"));
    command.arg(socket.strip_prefix("unix://").unwrap()).arg(cloud.api());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "listening\n");
    child
}

/// What only a machine of the provider's has: an address, a socket, a mounted folder.
pub(crate) fn machine(cloud: &Cloud) -> Option<Value> {
    let api = cloud.api().trim_start_matches("http://");
    match cloud.kind() {
        Kind::Fly => Some(json!({ "links": { "/.fly/api": cloud.socket().unwrap() } })),
        Kind::AzureVm => Some(json!({
            "forward": { "169.254.169.254:80": api },
            "dmi": { "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77", "product_name": "Virtual Machine" },
        })),
        Kind::Kubernetes => {
            Some(json!({ "links": { "/var/run/secrets/tokens": cloud.token_file().unwrap().parent().unwrap() } }))
        }
        _ => None,
    }
}
