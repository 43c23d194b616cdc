//! The engine under test, an image that needs no registry, and a label by which all is removed.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::LazyLock,
};

use docker_ops::{Endpoint, Engine};
use libtest_mimic::Trial;

/// The base image: a static busybox and nothing else.
pub(crate) const IMAGE: &str = "genai-ops-test:busybox";

/// The label of every object of every run; its value is the run's id.
const LABEL: &str = "genai.ops.test";

/// One run of these tests.
pub(crate) struct Rig {
    /// The run's id, which begins every name.
    pub(crate) run: String,
    runtime: tokio::runtime::Runtime,
    /// The engine, connected at the beginning.
    pub(crate) engine: LazyLock<Engine, Box<dyn FnOnce() -> Engine + Send>>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let connect = move || {
            let host = variable("DOCKER_HOST").unwrap_or("unix:///var/run/docker.sock".to_owned());
            let socket = host.strip_prefix("unix://").expect("these tests speak to an engine over a Unix socket");
            handle.block_on(Engine::connect(&Endpoint::Unix(socket.into()))).unwrap()
        };
        Rig { run: format!("ops{}", std::process::id()), runtime, engine: LazyLock::new(Box::new(connect)) }
    }

    /// Connects, and gives the engine the base image. Who only lists or passes over the tests needs none.
    pub(crate) fn begin(&self) {
        LazyLock::force(&self.engine);
        make_image(&[]);
    }

    /// A test that runs on the rig's runtime.
    pub(crate) fn trial<F>(&'static self, name: &str, test: impl FnOnce(&'static Rig) -> F + Send + 'static) -> Trial
    where
        F: Future<Output = ()>,
    {
        Trial::test(name, move || {
            self.runtime.block_on(test(self));
            Ok(())
        })
    }

    /// The command line's answer: the oracle, and the way to make what a test needs.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        docker(args)
    }

    /// Starts a container of the base image and gives its id. `options` are of `docker run`.
    pub(crate) fn start(&self, name: &str, options: &[&str], command: &[&str]) -> String {
        let (name, label) = (format!("{}-{name}", self.run), self.label());
        let begin = ["run", "--detach", "--name", &name, "--label", &label];
        self.docker(&[&begin, options, &[IMAGE], command].concat())
    }

    /// `LABEL=RUN`, for whatever a test makes by itself.
    pub(crate) fn label(&self) -> String {
        format!("{LABEL}={}", self.run)
    }

    /// Removes all that carries the run's label.
    pub(crate) fn clear(&self) {
        let filter = format!("label={}", self.label());
        for (list, remove) in [
            (vec!["ps", "--all", "--quiet"], vec!["rm", "--force", "--volumes"]),
            (vec!["network", "ls", "--quiet"], vec!["network", "rm"]),
            (vec!["volume", "ls", "--quiet"], vec!["volume", "rm"]),
        ] {
            let found = self.docker(&[&list[..], &["--filter", &filter]].concat());
            let ids: Vec<&str> = found.lines().collect();
            if !ids.is_empty() {
                self.docker(&[&remove[..], &ids].concat());
            }
        }
    }
}

/// The command line's answer.
pub(crate) fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(done.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

/// Gives an engine the base image. `options` are of `docker` and name the engine.
pub(crate) fn make_image(options: &[&str]) {
    if !docker(&[options, &["images", "--quiet", IMAGE]].concat()).is_empty() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let bin = root.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(root.path().join("tmp")).unwrap();
    std::fs::copy("/bin/busybox", bin.join("busybox")).expect("a static busybox at `/bin/busybox`");
    let names = Command::new("/bin/busybox").arg("--list").output().unwrap();
    for name in String::from_utf8(names.stdout).unwrap().lines().filter(|name| *name != "busybox") {
        std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
    let archive = Command::new("tar").arg("-C").arg(root.path()).args(["-c", "."]).output().unwrap();
    let mut import = Command::new("docker")
        .args(options)
        .args(["import", "--change", "ENV PATH=/bin", "-", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(&archive.stdout).unwrap();
    assert!(import.wait().unwrap().success());
}

#[expect(clippy::disallowed_methods, reason = "asked for by name in the environment, since it needs an engine")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
