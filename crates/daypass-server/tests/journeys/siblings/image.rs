//! The recipe for image builds, by a real builder without a network: what is installed is in a layer, the credential in none.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{example, path, script, tools};
use crate::{
    installers::text,
    stage::Stage,
    world::{PUBLIC, World},
};

/// What a build needs: a base image made of this machine's Python, and a program `docker`, which is buildah.
struct Yard {
    world: World,
    outside_token: String,
    stage: Stage,
}

impl Yard {
    fn new() -> Self {
        let (stage, world) = (Stage::find(), World::start());
        tools(&stage, &world);
        let yard = Self { outside_token: world.outside_token(), stage, world };
        let folder = |name: &str| yard.world.path(name);
        for name in
            ["root/tmp", "root/etc", "root/usr", "root/run", "root/proc", "root/dev", "root/sys", "context", "bin"]
        {
            fs::create_dir_all(folder(name)).unwrap();
        }
        for name in ["bin", "lib", "lib64", "sbin"] {
            std::os::unix::fs::symlink(format!("usr/{name}"), folder("root").join(name)).unwrap();
        }
        fs::write(folder("root/etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        yard.stage.venv(&folder("root/venv"), "newest");
        script(&folder("root/venv/bin/pip"), "exec /venv/bin/python -m pip \"$@\"");
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            folder("images").display(),
            folder("containers").display()
        );
        fs::write(folder("storage.conf"), storage).unwrap();
        fs::write(folder("trust.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
        yard.succeeds(
            "container=$(buildah from scratch)
            buildah copy --quiet \"$container\" root /
            buildah config --env PATH=/venv/bin:/usr/bin:/bin \"$container\"
            buildah commit --quiet --signature-policy trust.json \"$container\" localhost/python",
        );
        // The machine's own programs are there while a line runs, and in no layer.
        let python = yard.prefix();
        let python =
            if python == Path::new("/usr") { String::new() } else { format!("-v {0}:{0}:ro", python.display()) };
        let docker = format!(
            "shift\nexec buildah bud --isolation chroot --network host --pull-never --signature-policy {trust} \
             -v /usr:/usr:ro {python} --build-arg PYTHON=localhost/python \
             --build-arg INDEX_URL={index} \"$@\"",
            trust = folder("trust.json").display(),
            index = yard.world.index_url(),
        );
        script(&folder("bin/docker"), &docker);
        fs::copy(yard.stage.dist().join("docker/Dockerfile"), folder("context/Dockerfile")).unwrap();
        yard
    }

    /// Where the real Python of the stage is.
    fn prefix(&self) -> PathBuf {
        let real = fs::canonicalize(self.stage.python()).unwrap();
        real.parent().and_then(Path::parent).unwrap().to_path_buf()
    }

    fn shell(&self, script: &str) -> Output {
        let mut shell: Command = self.world.in_job("sh", "home", &self.outside_token);
        let programs = [self.world.path("bin"), self.stage.client()].map(|folder| folder.display().to_string());
        shell.args(["-euc", script]).env("PATH", format!("{}:{}", programs.join(":"), path(&self.world)));
        shell.env("CONTAINERS_STORAGE_CONF", self.world.path("storage.conf")).output().unwrap()
    }

    fn succeeds(&self, script: &str) -> Output {
        let output = self.shell(script);
        assert!(output.status.success(), "{}", text(&output));
        output
    }

    /// The guide's lines, for these requirements.
    fn build(&self, requirements: &str) -> Output {
        fs::write(self.world.path("context/requirements.txt"), requirements).unwrap();
        let lines = example("docker-build.md", "build").replace("packages.example.com", "127.0.0.1");
        self.shell(&format!("cd context\n{lines}\nprintf '%s' \"$token\" > ../token"))
    }

    /// Every layer and every description of the image, as they would be pushed.
    fn pushed(&self, image: &str) -> Vec<u8> {
        self.succeeds(&format!(
            "buildah push --quiet --disable-compression --signature-policy trust.json {image} dir:pushed"
        ));
        let files = fs::read_dir(self.world.path("pushed")).unwrap().flatten();
        files.flat_map(|entry| fs::read(entry.path()).unwrap()).collect()
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_was_installed_is_in_the_image_and_the_credential_is_not() {
    let yard = Yard::new();
    let output = yard.build("acme-hello==1.0\n");
    assert!(output.status.success(), "{}", text(&output));
    let token = fs::read_to_string(yard.world.path("token")).unwrap();
    assert!(token.starts_with("eyJ") && !text(&output).contains(&token), "{}", text(&output));
    let image = yard.pushed("app");
    assert!(holds(&image, "hello from a private package"), "the search itself works");
    assert!(!holds(&image, &token) && !holds(&image, "login _token"));

    // Good for what is pinned, and for nothing else.
    assert_eq!(yard.world.fetch("/python/simple/acme-hello/", &token).status, 200);
    assert_eq!(yard.world.fetch(&format!("/python/simple/{PUBLIC}/"), &token).status, 403);

    // The twin: what the recipe avoids would have been found.
    let careless = "FROM localhost/python\nARG TOKEN\nRUN echo \"$TOKEN\" > /secret\n";
    fs::write(yard.world.path("context/Dockerfile"), careless).unwrap();
    yard.succeeds("docker build --build-arg TOKEN=\"$(cat token)\" --tag careless context");
    assert!(holds(&yard.pushed("careless"), &token));
}

#[test]
fn a_build_without_the_secret_installs_nothing() {
    let yard = Yard::new();
    fs::write(yard.world.path("context/requirements.txt"), "acme-hello==1.0\n").unwrap();
    let output = yard.shell("docker build --tag app context");
    assert!(!output.status.success() && !text(&output).contains("Successfully installed"), "{}", text(&output));
    // With a password that is none: the index refuses.
    let output = yard.shell(
        "export NETRC_TEXT='machine 127.0.0.1 login _token password nonsense'
        docker build --secret id=netrc,env=NETRC_TEXT --tag app context",
    );
    assert!(!output.status.success() && text(&output).contains("No matching distribution"), "{}", text(&output));
}

#[test]
fn uv_reads_the_same_file() {
    let (stage, world) = (Stage::find(), World::start());
    let access_token = world.access_token();
    let install = |name: &str, password: &str| {
        let netrc = world.path(name);
        fs::write(&netrc, format!("machine 127.0.0.1 login _token password {password}")).unwrap();
        let venv = stage.venv(&world.path(&format!("{name}-venv")), "newest");
        let mut uv = world.clean(stage.uv(), "home");
        uv.args(["pip", "install", "--no-cache", "--index-url", &world.index_url(), "--python"]).arg(venv.python());
        uv.arg("acme-hello").env("NETRC", netrc).output().unwrap()
    };
    let good = install("good", &access_token);
    assert!(good.status.success(), "{}", text(&good));
    assert!(!install("bad", "nonsense").status.success());
}
