//! From `genai.toml` to a specification: what holds when little is written, which level wins, and what is said of what is wrong.

use super::*;
use crate::{Flags, World};

/// A project's folder with a name that is always the same, which the project gets.
struct Project(tempfile::TempDir);

impl Project {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("My Studio")).unwrap();
        std::fs::write(folder.path().join("My Studio/genai.toml"), toml).unwrap();
        Project(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("My Studio")
    }

    fn load(&self, service: Option<&str>) -> Result<Settings, Error> {
        let flags = Flags { service: service.map(str::to_owned), ..Flags::default() };
        Settings::load(&flags, &World::for_tests(&self.path()))
    }

    fn spec(&self) -> Result<StackSpec, Error> {
        Settings::stack_spec(&Settings::load_stack(&Flags::default(), &World::for_tests(&self.path()))?)
    }

    fn shown(&self, text: &str) -> String {
        let text = text.replace(&self.path().display().to_string(), "PROJECT");
        text.replace(&self.0.path().display().to_string(), "ABOVE")
    }
}

fn spec(toml: &str) -> ServiceSpec {
    let spec = Project::new(toml).spec().unwrap();
    spec.services.into_values().next().unwrap()
}

fn wrong(toml: &str) -> String {
    let project = Project::new(toml);
    let error = project.spec().unwrap_err();
    project.shown(&format!("{error} | {}", error.hints().join(" | ")))
}

#[test]
fn an_image_is_all_that_must_be_written() {
    let project = Project::new("[stack]\nimage = 'comfyui:1'\n");
    let spec = project.spec().unwrap();
    insta::assert_snapshot!(project.shown(&docker_ops::render::compose(&spec)), @r#"
    # Written by genai-stack from `[stack]` in genai.toml: change that file, and write this one anew.
    #
    # It holds no secret, and must not get one: the credential is the folder that is mounted as ComfyUI's `login`.
    # The health check asks without a credential and is well only if it is refused.
    services:
      "comfyui-qwen":
        image: "comfyui:1"
        ports:
          - "127.0.0.1:8188:8188/tcp"
        volumes:
          - type: bind
            source: "PROJECT/ComfyUI/login"
            target: "/opt/ComfyUI/login"
            read_only: true
          - type: bind
            source: "PROJECT/ComfyUI/models"
            target: "/opt/ComfyUI/models"
            read_only: true
          - type: bind
            source: "PROJECT/ComfyUI/output"
            target: "/opt/ComfyUI/output"
          - type: bind
            source: "PROJECT/ComfyUI/custom_nodes"
            target: "/opt/ComfyUI/custom_nodes"
          - type: bind
            source: "PROJECT/ComfyUI/input"
            target: "/opt/ComfyUI/input"
          - type: bind
            source: "PROJECT/ComfyUI/user"
            target: "/opt/ComfyUI/user"
        healthcheck:
          test: ["CMD", "python3", "-c", "import http.client,sys;sys.tracebacklimit=0;c=http.client.HTTPConnection('127.0.0.1',int(sys.argv[1]),timeout=5);c.request('GET','/queue');a=c.getresponse();n=a.status;to=(a.getheader('Location')or'').split('?')[0];asks=n in(401,403)or n in(302,303,307)and to.endswith('/login');open_=200<=n<300;print(n,'the server asks for a credential'if asks else 'nothing guards the server: it answered without a credential'if open_ else 'neither a login nor ComfyUI answers so');sys.exit(not asks)", "8188"]
          interval: 10s
          timeout: 8s
          retries: 3
          start_period: 300s
        restart: unless-stopped
        init: true
        stop_grace_period: 30s
        cap_drop: ["ALL"]
        security_opt: ["no-new-privileges:true"]
        tmpfs: ["/opt/ComfyUI/custom_nodes/ComfyUI-Login/__pycache__"]
        logging:
          driver: json-file
          options:
            max-size: "10485760"
            max-file: "3"
    networks:
      default:
        name: "mystudio_default"
    "#);
    let refused = spec.check().into_iter().filter(|one| one.severity == docker_ops::Severity::Refuse).count();
    assert_eq!(refused, 0, "{:?}", spec.check());
}

#[test]
fn every_setting_is_shown_with_its_origin() {
    let project = Project::new(
        "[stack]\nproject = 'studio'\ncommand = ['python3', '/opt/ComfyUI/main.py']\nflags = ['--lowvram', '--api-key', 'hunter2']\nmemory = '48GiB'\n\
         environment = { HF_HOME = 'hunter2' }\ncpus = 7.5\nidle_unload_minutes = 30\ngpus = 2\ncontainer_port = 9000\n\
         [stack.mounts]\nmodels = '/data/models'\ninput = false\n[[stack.mounts.extra]]\nsource = 'hf'\ntarget = '/hf'\n\
         [stack.plugin]\nsource = 'https://example.org/ComfyUI-Login.git'\ncommit = '6910925'\noffline = 'plugin.zip'\n\
         [service.video]\nurl = 'http://localhost:8288'\n[service.video.stack]\nbuild = { args = { TORCH = '2.9' } }\nrestart = 'no'\n\
         health = { interval = '1m30s', probe = ['true'] }\nenvironment = { A = 'hunter2' }\nlogs = { max_size = 5000 }\n",
    );
    let settings = project.load(None).unwrap();
    let all = settings.describe();
    let lines = all.iter().filter(|one| one.name.starts_with("stack"));
    let text = lines.map(|one| format!("{}: {} ({})", one.name, one.value, one.origin)).collect::<Vec<_>>().join("\n");
    assert!(!text.contains("hunter"), "{text}");
    insta::assert_snapshot!(project.shown(&text), @"
    stack-project: studio (`stack.project` in `PROJECT/genai.toml`)
    stack-build-context: . (default)
    stack-build-dockerfile: Dockerfile (default)
    stack-build-tag: studio-video (default)
    stack-build-args: TORCH (`service.video.stack.build.args` in `PROJECT/genai.toml`)
    stack-container-port: 9000 (`stack.container_port` in `PROJECT/genai.toml`)
    stack-command: python3 /opt/ComfyUI/main.py (`stack.command` in `PROJECT/genai.toml`)
    stack-flags: (not shown: it holds a secret) (`stack.flags` in `PROJECT/genai.toml`)
    stack-environment: A, HF_HOME (`service.video.stack.environment` in `PROJECT/genai.toml`)
    stack-labels: (none) (default)
    stack-user: the image's own (default)
    stack-replicas: 1 (default)
    stack-port: 8288 (`service.video.url` in `PROJECT/genai.toml`)
    stack-address: 127.0.0.1 (default)
    stack-allow-public: false (default)
    stack-comfy-path: /opt/ComfyUI (default)
    stack-login: ComfyUI/login (default)
    stack-models: /data/models (`stack.mounts.models` in `PROJECT/genai.toml`)
    stack-outputs: ComfyUI/output (default)
    stack-custom-nodes: ComfyUI/custom_nodes (default)
    stack-input: off (`stack.mounts.input` in `PROJECT/genai.toml`)
    stack-user-folder: ComfyUI/user (default)
    stack-extra-mounts: hf at /hf (`stack.mounts.extra` in `PROJECT/genai.toml`)
    stack-gpus: the first 2 (`stack.gpus` in `PROJECT/genai.toml`)
    stack-cpus: 7.5 (`stack.cpus` in `PROJECT/genai.toml`)
    stack-memory: 48 GiB (`stack.memory` in `PROJECT/genai.toml`)
    stack-shm: (none) (default)
    stack-pids: (none) (default)
    stack-restart: no (`service.video.stack.restart` in `PROJECT/genai.toml`)
    stack-stop-grace: 30s (default)
    stack-capabilities: (none) (default)
    stack-read-only-root: false (default)
    stack-health-python: python3 (default)
    stack-health-probe: true (`service.video.stack.health.probe` in `PROJECT/genai.toml`)
    stack-health-interval: 90s (`service.video.stack.health.interval` in `PROJECT/genai.toml`)
    stack-health-timeout: 8s (default)
    stack-health-retries: 3 (default)
    stack-health-start-period: 300s (default)
    stack-logs-max-size: 5000 bytes (`service.video.stack.logs.max_size` in `PROJECT/genai.toml`)
    stack-logs-max-files: 3 (default)
    stack-idle-unload: after 30 minutes (`stack.idle_unload_minutes` in `PROJECT/genai.toml`)
    stack-plugin-source: https://example.org/ComfyUI-Login.git (`stack.plugin.source` in `PROJECT/genai.toml`)
    stack-plugin-offline: plugin.zip (`stack.plugin.offline` in `PROJECT/genai.toml`)
    stack-plugin-commit: 6910925 (`stack.plugin.commit` in `PROJECT/genai.toml`)
    stack-plugin-digest: (none) (default)
    ");
}

#[test]
fn one_line_tells_that_there_is_none() {
    let lines = Project::new("").load(None).unwrap().describe();
    let stack = lines.iter().filter(|one| one.name.starts_with("stack")).map(|one| format!("{} {}", one.name, one.value));
    assert_eq!(stack.collect::<Vec<_>>(), ["stack (none)"]);
    let lines = Project::new("[stack]\n").load(None).unwrap().describe();
    assert!(lines.last().unwrap().value.contains("names neither `image` nor `build`"), "{lines:?}");
}

#[test]
fn the_stronger_table_wins_key_by_key_and_each_service_is_there() {
    let project = Project::new(
        "[stack]\nimage = 'one:1'\nmemory = '1g'\nenvironment = { A = '1', B = '1' }\ngpus = 'all'\n\
         [service.qwen]\nurl = 'http://127.0.0.1:8188'\n[service.video]\nurl = 'http://127.0.0.1:8288'\n\
         [service.video.stack]\nmemory = 5368709120\nenvironment = { B = '2' }\ncdi = ['nvidia.com/gpu=1']\nbuild = {}\n",
    );
    let stack = project.spec().unwrap();
    let (qwen, video) = (&stack.services["qwen"], &stack.services["video"]);
    assert_eq!((qwen.limits.memory, video.limits.memory), (Some(1 << 30), Some(5 << 30)));
    assert_eq!((qwen.ports[0].host_port, video.ports[0].host_port), (8188, 8288));
    assert_eq!((&qwen.gpu, &video.gpu), (&Gpu::All, &Gpu::Cdi(vec!["nvidia.com/gpu=1".into()])));
    assert_eq!(video.environment, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())].into());
    assert!(matches!(&qwen.image, Image::Named { reference, .. } if reference == "one:1"));
    let context = project.path();
    assert!(matches!(&video.image, Image::Build { tag, context: at, .. } if tag == "mystudio-video" && *at == context));
    let one = Settings::stack_spec(&[project.load(Some("video")).unwrap()]).unwrap();
    assert_eq!(one.services.keys().collect::<Vec<_>>(), ["video"]);
}

#[test]
fn comfyui_listens_to_the_host_where_its_command_line_is_known() {
    let flags = |rest: &str| spec(&format!("[stack]\nimage = 'a'\n{rest}")).flags;
    assert_eq!(flags(""), [""; 0]);
    assert_eq!(flags("command = ['sleep', 'inf']"), [""; 0]);
    assert_eq!(flags("flags = []"), ["--listen", "0.0.0.0"]);
    assert_eq!(flags("flags = ['--listen']"), ["--listen"]);
    assert_eq!(flags("command = ['sh', '-c', 'main.py --lis ::']\nflags = ['--cpu']"), ["--cpu"]);
    assert_eq!(flags("command = ['python3', 'main.py', '--listen=::']"), [""; 0]);
    assert_eq!(flags("command = ['python3', 'main.py']\ncontainer_port = 80"), ["--listen", "0.0.0.0", "--port", "80"]);
}

#[test]
fn the_port_is_where_the_url_points_if_that_is_here() {
    let port = |url: &str| spec(&format!("url = '{url}'\n[stack]\nimage = 'a'\n")).ports[0].host_port;
    let seen = ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9001", "https://example.org", "nonsense"].map(port);
    assert_eq!(seen, [9000, 80, 9001, 8188, 8188]);
}

#[test]
fn folders_are_those_of_comfyui_on_both_sides() {
    let mounts = |toml: &str| {
        let project = Project::new(toml);
        let service = project.spec().unwrap().services.into_values().next().unwrap();
        let lines = service.mounts.into_iter().map(|mount| {
            format!("{} at {}{}", mount.source.display(), mount.target, if mount.read_only { ", read only" } else { "" })
        });
        project.shown(&lines.collect::<Vec<_>>().join("\n"))
    };
    insta::assert_snapshot!(mounts(
        "comfy_dir = '../Comfy'\n[stack]\nimage = 'a'\ncomfy_path = '/opt//./app/'\n[stack.mounts]\nlogin = 'login'\nuser = false\n\
         extra = [{ source = '/data/hf', target = '/hf/', read_only = false }, { source = 'x', target = '/../x' }]\n"
    ), @"
    PROJECT/login at /opt/app/login, read only
    ABOVE/Comfy/models at /opt/app/models, read only
    ABOVE/Comfy/output at /opt/app/output
    ABOVE/Comfy/custom_nodes at /opt/app/custom_nodes
    ABOVE/Comfy/input at /opt/app/input
    /data/hf at /hf
    PROJECT/x at /../x, read only
    ");
}

#[test]
fn what_is_wrong_is_named_with_its_line_or_its_key() {
    let stack = |rest: &str| wrong(&format!("[stack]\nimage = 'a'\n{rest}\n"));
    let seen = [
        wrong(""),
        wrong("[stack]\nport = 1\n"),
        stack("memmory = '1g'"),
        stack("gpu = 1"),
        stack("mounts = { model = 'x' }"),
        stack("memory = 'much'"),
        stack("memory = '99999999999999999999g'"),
        stack("memory = -1"),
        stack("memory = ['1g']"),
        stack("stop_grace = '30'"),
        stack("stop_grace = 30"),
        stack("stop_grace = '-3s'"),
        stack("gpus = 'some'"),
        stack("gpus = true"),
        stack("restart = 'sometimes'"),
        stack("pull = 'often'"),
        stack("address = 'everywhere'"),
        stack("port = 70000"),
        stack("cpus = 0"),
        stack("gpus = 1\ncdi = ['nvidia.com/gpu=0']"),
        stack("build = {}"),
        stack("[stack.health]\nprobe = 'curl'"),
        stack("[stack.mounts]\nlogin = true"),
        stack("[[stack.mounts.extra]]\nsource = 'a'"),
        stack("[stack.plugin]\nsource = 'https://ann:hunter2@example.org/x.git'"),
        stack("[service.a.stack]\nproject = 'x'"),
    ];
    insta::assert_snapshot!(seen.join("\n"), @r#"
    `PROJECT/genai.toml` has no `[stack]` for the service `comfyui-qwen` | say there what is to run: docs/reference/stack.md has an example
    `stack` in `PROJECT/genai.toml` names neither `image` nor `build` | write `image = "NAME:TAG"`
    line 3 of `PROJECT/genai.toml`: unknown field `memmory` | nearest: `memory` | known here: `project`, `image`, `build`, `pull`, `command`, `flags`, `environment`, `labels`, `user`, `replicas`, `port`, `address`, `container_port`, `allow_public`, `comfy_path`, `mounts`, `gpus`, `cdi`, `memory`, `shm`, `cpus`, `pids`, `restart`, `stop_grace`, `capabilities`, `read_only_root`, `health`, `logs`, `idle_unload_minutes`, `plugin`
    line 3 of `PROJECT/genai.toml`: unknown field `gpu` | nearest: `gpus` | known here: `project`, `image`, `build`, `pull`, `command`, `flags`, `environment`, `labels`, `user`, `replicas`, `port`, `address`, `container_port`, `allow_public`, `comfy_path`, `mounts`, `gpus`, `cdi`, `memory`, `shm`, `cpus`, `pids`, `restart`, `stop_grace`, `capabilities`, `read_only_root`, `health`, `logs`, `idle_unload_minutes`, `plugin`
    line 3 of `PROJECT/genai.toml`: unknown field `model` | nearest: `models` | known here: `login`, `models`, `outputs`, `custom_nodes`, `input`, `user`, `extra`
    line 3 of `PROJECT/genai.toml`: `much` is no size, such as `48GiB` or `512MiB` | 
    line 3 of `PROJECT/genai.toml`: `99999999999999999999g` is no size, such as `48GiB` or `512MiB` | 
    line 3 of `PROJECT/genai.toml`: invalid value: integer `-1`, expected a size, such as `48GiB` | 
    line 3 of `PROJECT/genai.toml`: invalid type: sequence, expected a size, such as `48GiB` | 
    line 3 of `PROJECT/genai.toml`: `30` is no time, such as `30s` or `1m30s` | 
    line 3 of `PROJECT/genai.toml`: invalid value: integer `30`, expected a time, such as `30s` | 
    line 3 of `PROJECT/genai.toml`: `-3s` is no time, such as `30s` or `1m30s` | 
    line 3 of `PROJECT/genai.toml`: `some` is neither `all`, nor a number, nor a list such as `["…"]` | 
    line 3 of `PROJECT/genai.toml`: invalid value: boolean `true`, expected `all`, a number, or a list of UUIDs | 
    line 3 of `PROJECT/genai.toml`: `sometimes` is no rule for a restart: choose one of `unless-stopped`, `always`, `on-failure`, `on-failure:3`, `no` | 
    line 3 of `PROJECT/genai.toml`: `often` is no rule for pulling: choose one of `missing`, `never`, `always` | 
    line 3 of `PROJECT/genai.toml`: invalid IP address syntax | 
    line 3 of `PROJECT/genai.toml`: invalid value: integer `70000`, expected u16 | 
    0 processors can't be (from `stack.cpus` in `PROJECT/genai.toml`) | write how many, such as `8.0`
    `stack.gpus` in `PROJECT/genai.toml` and `cdi` can't both be | remove one of them
    `stack.image` in `PROJECT/genai.toml` and `build` can't both be | remove one of them
    line 4 of `PROJECT/genai.toml`: `curl` is no probe: choose `python`, `host`, or a list of a program and its arguments | 
    line 4 of `PROJECT/genai.toml`: invalid value: boolean `true`, expected a folder, or false for none | 
    line 3 of `PROJECT/genai.toml`: missing field `target` | 
    the plugin's source holds a password (from `stack.plugin.source` in `PROJECT/genai.toml`) | name it without, and let git ask its credential helper
    `service.a.stack.project` in `PROJECT/genai.toml` is of the whole project | write it into `[stack]`
    "#);
}
