//! A project of one service in the stand-in image: a static `genai-comfy`, the embedded ComfyUI with the same login, and a busybox.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use docker_ops::{
    Container, Error, Health, Image, Mount, MountRole, Plan, Probe, Publish, PullPolicy, Readiness, ServiceSpec, StackSpec, Wish,
};
use tokio::sync::OnceCell;

use crate::rig::Rig;

/// The image's name; it is built once a run.
const STAND_IN: &str = "genai-ops-test:stand-in";
/// The service's name.
pub(crate) const SERVICE: &str = "ui";
/// How long the stand-in may take to be well, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const DOCKERFILE: &str = "FROM scratch\nLABEL genai.ops.test=image\nCOPY . /\nENV PATH=/bin\n\
    ENTRYPOINT [\"/bin/genai-comfy\", \"sim\", \"--listen\", \"0.0.0.0\", \"--comfy-dir\", \"/comfy\", \"--plugin\"]\n";

/// A project with its folder; its objects go with it.
pub(crate) struct Project {
    pub(crate) rig: &'static Rig,
    pub(crate) spec: StackSpec,
    folder: tempfile::TempDir,
}

impl Project {
    /// A stack that is not up yet. Its port is free.
    pub(crate) async fn new(rig: &'static Rig, name: &str) -> Self {
        static BUILT: OnceCell<()> = OnceCell::const_new();
        BUILT.get_or_init(|| build(rig)).await;
        let folder = tempfile::tempdir().unwrap();
        let login = folder.path().join("login");
        std::fs::create_dir(&login).unwrap();
        std::fs::write(login.join("PASSWORD"), format!("{}\ncomfy\n", token())).unwrap();
        let mut service = ServiceSpec::new(Image::Named { reference: STAND_IN.into(), pull: PullPolicy::Never });
        service.ports.push(Publish { address: Ipv4Addr::LOCALHOST.into(), host_port: free_port(), container_port: 8188 });
        service.mounts.push(Mount { role: MountRole::Login, source: login, target: "/comfy/login".into(), read_only: true });
        let probe = "wget -O /dev/null http://127.0.0.1:8188/queue 2>&1 | grep 401";
        service.health = Health {
            probe: Probe::Command(["/bin/sh", "-c", probe].map(str::to_owned).into()),
            interval: Duration::from_millis(500),
            timeout: Duration::from_secs(5),
            retries: 2,
            start_period: Duration::from_secs(60),
        };
        service.stop_grace = Duration::from_secs(5);
        let (label, run) = rig.label().split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
        service.labels.insert(label, run);
        let spec = StackSpec {
            project: format!("{}-{name}", rig.run),
            working_dir: folder.path().to_owned(),
            services: [(SERVICE.to_owned(), service)].into(),
        };
        Project { rig, spec, folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The only service, to be changed.
    pub(crate) fn service(&mut self) -> &mut ServiceSpec {
        self.spec.services.get_mut(SERVICE).unwrap()
    }

    /// The port of this machine that leads to it.
    pub(crate) fn port(&self) -> u16 {
        self.spec.services[SERVICE].ports[0].host_port
    }

    pub(crate) fn name(&self) -> String {
        format!("{}-{SERVICE}-1", self.spec.project)
    }

    pub(crate) async fn up(&self) -> Result<Plan, Error> {
        self.rig.engine.bring_up(&self.spec, &Wish::default(), &|_| Ok(())).await
    }

    pub(crate) async fn down(&self) -> Plan {
        let seen = self.rig.engine.observe(&self.spec).await.unwrap();
        let plan = Plan::down(&self.spec, &seen, &Wish::default()).unwrap();
        self.rig.engine.apply(&self.spec, &plan, &|_| Ok(())).await.unwrap();
        plan
    }

    /// Its container, as it is.
    pub(crate) async fn container(&self) -> Container {
        self.rig.engine.observe(&self.spec).await.unwrap().of(SERVICE).unwrap().clone()
    }

    /// How many containers the project has, by the command line's count.
    pub(crate) fn count(&self) -> usize {
        let filter = format!("label=com.docker.compose.project={}", self.spec.project);
        self.rig.docker(&["ps", "--all", "--quiet", "--filter", &filter]).lines().count()
    }

    pub(crate) async fn wait(&self) -> Readiness {
        self.rig.engine.wait_ready(&self.name(), PATIENCE, &|_| ()).await.unwrap()
    }

    /// The status that this machine gets, with or without the token.
    pub(crate) fn status(&self, token: Option<&str>) -> u16 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).unwrap();
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        write!(stream, "GET /queue HTTP/1.1\r\nHost: localhost\r\n{bearer}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.compose.project={}", self.spec.project);
        let listed = |what: &[&str]| self.rig.docker(&[what, &["--quiet", "--filter", &filter]].concat());
        for id in listed(&["ps", "--all"]).lines() {
            self.rig.docker(&["rm", "--force", "--volumes", id]);
        }
        for id in listed(&["network", "ls"]).lines() {
            self.rig.docker(&["network", "rm", id]);
        }
    }
}

/// Of the shape of a token, and of nobody's.
pub(crate) fn token() -> String {
    format!("$2b$04${}", "stand1in".repeat(7).get(..53).unwrap())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Builds the image as a user's would be built: from a folder with a Dockerfile, through the engine.
async fn build(rig: &'static Rig) {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("stand-in").join("genai-comfy");
    assert!(program.is_file(), "no `{}`: make it with `cargo xtask stand-in`", program.display());
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    for made in [bin.clone(), folder.path().join("comfy"), folder.path().join("tmp")] {
        std::fs::create_dir(made).unwrap();
    }
    std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE).unwrap();
    std::fs::copy(program, bin.join("genai-comfy")).unwrap();
    std::fs::copy("/bin/busybox", bin.join("busybox")).expect("a static busybox at `/bin/busybox`");
    for name in ["cat", "grep", "kill", "pkill", "sh", "sleep", "wget"] {
        std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
    let context = PathBuf::from(folder.path());
    let (dockerfile, secrets) = ("Dockerfile".into(), Vec::new());
    let image = Image::Build { tag: STAND_IN.into(), context, dockerfile, args: [].into(), secrets };
    rig.engine.build_image(&image, &|_| Ok(())).await.unwrap();
}
