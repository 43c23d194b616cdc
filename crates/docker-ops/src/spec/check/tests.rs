//! Each rule broken alone, beside a stack that breaks none.

use std::collections::BTreeMap;

use super::*;
use crate::{Limits, LogRotation, Mount, MountRole, PullPolicy, Restart};

/// A stack that nothing speaks against.
fn good() -> StackSpec {
    let mount = |role, name: &str, read_only| Mount {
        role,
        source: format!("/data/ComfyUI/{name}").into(),
        target: format!("/opt/ComfyUI/{name}"),
        read_only,
    };
    let service = ServiceSpec {
        command: vec!["python3".into(), "main.py".into()],
        flags: vec!["--listen".into(), "0.0.0.0".into()],
        ports: vec![Publish { address: [127, 0, 0, 1].into(), host_port: 8188, container_port: 8188 }],
        mounts: vec![mount(MountRole::Login, "login", true), mount(MountRole::Models, "models", true)],
        gpu: Gpu::Ids(vec![format!("GPU-{UUID}"), "1".into()]),
        limits: Limits { memory: Some(48 << 30), shm: Some(8 << 30), ..Limits::default() },
        restart: Restart::default(),
        ..ServiceSpec::new(Image::Named { reference: "comfyui:1".into(), pull: PullPolicy::Missing })
    };
    StackSpec { project: "studio".into(), working_dir: "/data".into(), services: [("comfyui".to_owned(), service)].into() }
}

const UUID: &str = "0123abcd-0000-1111-2222-0123456789ab";

/// What is said of the good stack after `change`.
fn said(change: impl FnOnce(&mut ServiceSpec)) -> String {
    let mut stack = good();
    change(stack.services.get_mut("comfyui").unwrap());
    told(&stack.check())
}

fn told(found: &[Violation]) -> String {
    let lines: Vec<_> = found.iter().map(|one| format!("{:?} {one} | {}", one.severity, one.hint)).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
}

#[test]
fn nothing_speaks_against_the_good_stack() {
    assert_eq!(told(&good().check()), "nothing");
    assert_eq!(told(&good().check_on(64 << 30)), "nothing");
}

#[test]
fn names_and_numbers_that_an_engine_would_refuse() {
    let stacks = [
        StackSpec { project: "My Project".into(), ..good() },
        StackSpec { project: "_x".into(), ..good() },
        StackSpec { working_dir: "data".into(), ..good() },
        StackSpec { services: BTreeMap::new(), ..good() },
        StackSpec { services: [("a b".to_owned(), good().services["comfyui"].clone())].into(), ..good() },
    ];
    let mut seen: Vec<String> = stacks.iter().map(|stack| told(&stack.check())).collect();
    let build = |tag: &str, context: &str, dockerfile: &str| Image::Build {
        tag: tag.into(),
        context: context.into(),
        dockerfile: dockerfile.into(),
        args: BTreeMap::new(),
        secrets: Vec::new(),
    };
    seen.extend([
        said(|s| s.image = Image::Named { reference: String::new(), pull: PullPolicy::Never }),
        said(|s| s.image = build("", "/data", "Dockerfile")),
        said(|s| s.image = build("a", "data", "Dockerfile")),
        said(|s| s.image = build("a", "/data", "../Dockerfile")),
        said(|s| s.replicas = 0),
        said(|s| s.replicas = 2),
        said(|s| s.health.interval = Duration::ZERO),
        said(|s| s.health.retries = 0),
        said(|s| s.health.probe = Probe::Command(Vec::new())),
        said(|s| s.health.probe = Probe::Python { interpreter: "python3".into(), port: 80 }),
        said(|s| s.logs = LogRotation { max_bytes: 0, max_files: 1 }),
        said(|s| s.capabilities = vec!["CHOWN".into(), "cap_sys_admin".into()]),
        said(|s| drop(s.environment.insert("A=B".into(), String::new()))),
        said(|s| drop(s.labels.insert("com.docker.compose.project".into(), "x".into()))),
    ]);
    insta::assert_snapshot!(seen.join("\n"), @"
    Refuse `project`: `My Project` can't be a project's name | use small letters, digits, `-` and `_`, and begin with a letter or digit
    Refuse `project`: `_x` can't be a project's name | use small letters, digits, `-` and `_`, and begin with a letter or digit
    Refuse `working_dir`: it is not absolute | name it from the root of the file system
    Refuse `services`: there are none | say in `[stack]` what is to run
    Refuse `services.a b`: `a b` can't be a service's name | use letters, digits, `-`, `_` and `.`, and begin with a letter or digit
    Refuse `services.comfyui.image`: it names no image | write it as `name:tag` or `name@sha256:…`
    Refuse `services.comfyui.image`: the built image gets no name | write it as `name:tag`
    Refuse `services.comfyui.image`: the build's context is not absolute | name it from the root of the file system
    Refuse `services.comfyui.image`: the Dockerfile lies outside of the build's context | move it into the context
    Refuse `services.comfyui.replicas`: none is to run | leave it at 1, and render for a Swarm to have more
    Warn `services.comfyui.replicas`: only a Swarm runs more than one | leave it at 1, and render for a Swarm to have more
    Refuse `services.comfyui.health`: an engine takes no interval or timeout below a millisecond | `10s` and `8s` are the usual ones
    Refuse `services.comfyui.health.retries`: no failure would ever count | 3 is the usual number
    Refuse `services.comfyui.health.probe`: it names no program | leave it away for the probe that asks ComfyUI
    Warn `services.comfyui.health.probe`: it asks port 80, which is not published | probe the port that people use: it is the one that must be guarded
    Refuse `services.comfyui.logs`: nothing of its output would be kept | `10MiB` and 3 files are the usual ones
    Refuse `services.comfyui.capabilities`: `cap_sys_admin` lets the container take over the machine | ComfyUI needs none; at most `CHOWN`, `SETUID` and `SETGID`
    Refuse `services.comfyui.environment`: no variable can be called as what begins with `A` | write the name alone, and its value behind the `=` of genai.toml
    Refuse `services.comfyui.labels.com.docker.compose.project`: such labels say who owns a container | begin it with a name of your own
    ");
}

#[test]
fn ports_stay_on_loopback_and_are_given_once() {
    let open = |s: &mut ServiceSpec| s.ports[0].address = [0, 0, 0, 0].into();
    let mut twice = good();
    twice.services.insert("second".into(), good().services["comfyui"].clone());
    twice.services.get_mut("second").unwrap().ports[0].address = IpAddr::from([0_u16; 8]);
    twice.services.get_mut("second").unwrap().allow_public = true;
    let seen = [
        said(open),
        said(|s| {
            open(s);
            s.allow_public = true;
        }),
        said(|s| s.ports[0].address = [192, 168, 0, 1].into()),
        said(|s| s.ports[0].address = IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        said(|s| s.ports[0].container_port = 0),
        told(&twice.check()),
    ];
    insta::assert_snapshot!(seen.join("\n"), @"
    Refuse `services.comfyui.ports[0]`: it publishes 0.0.0.0 without a gate | publish 127.0.0.1, or set `allow_public = true` where other machines may come
    Warn `services.comfyui.ports[0]`: it publishes 0.0.0.0 without a gate | put a proxy with TLS before it, and publish 127.0.0.1
    Refuse `services.comfyui.ports[0]`: it publishes 192.168.0.1 without a gate | publish 127.0.0.1, or set `allow_public = true` where other machines may come
    nothing
    Refuse `services.comfyui.flags`: ComfyUI listens on port 8188 of the container, which is not published | let `--port` and `container_port` be the same
    Refuse `services.comfyui.ports[0]`: no port of the container is named | name the one that ComfyUI listens on, such as 8188
    Warn `services.comfyui.health.probe`: it asks port 8188, which is not published | probe the port that people use: it is the one that must be guarded
    Warn `services.second.ports[0]`: it publishes :: without a gate | put a proxy with TLS before it, and publish 127.0.0.1
    Refuse `services.second.ports[0]`: port 8188 of the host is also that of `services.comfyui.ports[0]` | give each its own `port`
    ");
}

#[test]
fn ports_clash_only_where_one_address_takes_the_others() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for (one, other, clash) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("0.0.0.0", "127.0.0.2", true),
        ("::", "127.0.0.1", true),
        ("0.0.0.0", "::1", false),
        ("::1", "127.0.0.1", false),
    ] {
        assert_eq!(overlap(address(one), address(other)), clash, "{one} {other}");
        assert_eq!(overlap(address(other), address(one)), clash, "{other} {one}");
    }
}

#[test]
fn mounts_are_folders_of_the_project() {
    let source = |path: &'static str| said(|s| s.mounts[1].source = path.into());
    let target = |path: &'static str| said(|s| s.mounts[1].target = path.into());
    let seen = [
        source("models"),
        source("/data/ComfyUI/login/PASSWORD"),
        source("/data/extra_model_paths.yaml"),
        source("/var/run/docker.sock"),
        source("/etc"),
        source("/data/.secrets"),
        source("/data"),
        source("/data/../etc"),
        source("/home"),
        source("/root"),
        source("/run/user/1000/podman"),
        target("models"),
        target("/opt/../etc"),
        target("/"),
        target("/opt/ComfyUI/login"),
        target("/opt/ComfyUI/login/models"),
        target("/opt/ComfyUI/custom_nodes/ComfyUI-Login"),
        said(|s| s.mounts[1].read_only = false),
        said(|s| drop(s.mounts.remove(0))),
    ];
    insta::assert_snapshot!(seen.join("\n"), @"
    Refuse `services.comfyui.mounts[1]`: `models` is not absolute | name it from the root of the file system, without `..`
    Refuse `services.comfyui.mounts[1]`: `/data/ComfyUI/login/PASSWORD` is a single file, which goes stale when it is replaced | mount its folder
    Refuse `services.comfyui.mounts[1]`: `/data/extra_model_paths.yaml` is a single file, which goes stale when it is replaced | mount its folder
    Refuse `services.comfyui.mounts[1]`: `/var/run/docker.sock` gives the whole machine to the container | mount the folders that ComfyUI needs, and no more
    Refuse `services.comfyui.mounts[1]`: `/etc` gives the whole machine to the container | mount the folders that ComfyUI needs, and no more
    Refuse `services.comfyui.mounts[1]`: `/data/.secrets` holds passwords | mount the `login` folder: it holds the token alone
    Refuse `services.comfyui.mounts[1]`: `/data` holds the project itself, with its settings and passwords | mount the folders in it that ComfyUI needs
    Refuse `services.comfyui.mounts[1]`: `/data/../etc` is not absolute | name it from the root of the file system, without `..`
    Refuse `services.comfyui.mounts[1]`: `/home` gives all that a user keeps to the container, such as keys | mount the folders in it that ComfyUI needs
    Refuse `services.comfyui.mounts[1]`: `/root` gives all that a user keeps to the container, such as keys | mount the folders in it that ComfyUI needs
    Refuse `services.comfyui.mounts[1]`: `/run/user/1000/podman` gives the whole machine to the container | mount the folders that ComfyUI needs, and no more
    Refuse `services.comfyui.mounts[1]`: its path in the container is not absolute | name it from the root of the file system
    Refuse `services.comfyui.mounts[1]`: its path in the container is not absolute | name it from the root of the file system
    Refuse `services.comfyui.mounts[1]`: it would hide the whole image | mount it at a folder of its own
    Refuse `services.comfyui.mounts[1]`: `/opt/ComfyUI/login` is mounted twice | mount one folder there
    Refuse `services.comfyui.mounts[1]`: `/opt/ComfyUI/login/models` would hide a part of the `login` folder | mount it at a folder of its own
    Refuse `services.comfyui.mounts[1]`: `/opt/ComfyUI/custom_nodes/ComfyUI-Login` would hide a part of the plugin | mount it at a folder of its own
    Warn `services.comfyui.mounts[1]`: models can be changed from the container | let it be read only: every node may run code
    Refuse `services.comfyui.mounts`: no `login` folder is mounted, so nothing proves that the server is locked | mount ComfyUI's `login` folder, with PASSWORD in it
    ");
}

#[test]
fn folders_of_which_a_part_is_meant_are_not_refused() {
    let below = |folder: &str, name: &str| said(|s| s.mounts[1].source = [folder, name].iter().collect());
    for (folder, name) in [("/root", "models"), ("/home", "ann/models"), ("/run/media", "disk"), ("/var/lib", "models")] {
        assert_eq!(below(folder, name), "nothing", "{folder} {name}");
    }
    assert!(below("/home", "ann").contains("all that a user keeps"));
}

#[test]
fn links_sockets_and_secrets_in_folders_are_seen_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let below = |name: &str| root.join(name);
    for made in ["models", "engine", "other/.secrets", "project"] {
        std::fs::create_dir_all(below(made)).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(below("engine/api")).unwrap();
    for (link, to) in [("etc", "/etc".into()), ("near", below("models")), ("own", below("project"))] {
        std::os::unix::fs::symlink(to, below(link)).unwrap();
    }
    let seen = |source: &str| {
        let mut stack = StackSpec { working_dir: below("project"), ..good() };
        stack.services.get_mut("comfyui").unwrap().mounts[1].source = below(source);
        assert_eq!(told(&stack.check()), "nothing", "{source}: the path alone tells nothing");
        told(&stack.check_here()).replace(&root.display().to_string(), "ROOT")
    };
    for well in ["models", "near", "absent"] {
        assert_eq!(seen(well), "nothing", "{well}");
    }
    insta::assert_snapshot!(["etc", "own", "engine", "other"].map(seen).join("\n"), @"
    Refuse `services.comfyui.mounts[1]`: `ROOT/etc` leads elsewhere, and `/etc` gives the whole machine to the container | mount the folders that ComfyUI needs, and no more
    Refuse `services.comfyui.mounts[1]`: `ROOT/own` leads elsewhere, and `ROOT/project` holds the project itself, with its settings and passwords | mount the folders in it that ComfyUI needs
    Refuse `services.comfyui.mounts[1]`: `ROOT/engine` holds the socket `api` | mount a folder that does not hold it
    Refuse `services.comfyui.mounts[1]`: `ROOT/other` holds the passwords in `.secrets` | mount a folder that does not hold it
    ");
}

#[test]
fn no_secret_where_many_can_read_it_and_none_in_the_words_about_it() {
    let bcrypt = format!("$2b$12${}", "a".repeat(53));
    let set = |map: &mut BTreeMap<String, String>, name: &str, value: &str| drop(map.insert(name.into(), value.into()));
    let build = |args| Image::Build {
        tag: "a".into(),
        context: "/data".into(),
        dockerfile: "Dockerfile".into(),
        args,
        secrets: Vec::new(),
    };
    let seen = [
        said(|s| set(&mut s.environment, "HF_TOKEN", "hunter2")),
        said(|s| set(&mut s.environment, "CLI_ARGS", &format!("--x {bcrypt}"))),
        said(|s| set(&mut s.labels, "traefik.auth", &bcrypt.replace('$', "$$"))),
        said(|s| s.command.extend(["--api-key".into(), "hunter2".into()])),
        said(|s| s.flags.push(format!("--token={bcrypt}"))),
        said(|s| s.image = build([("GIT_PASSWORD".to_owned(), "hunter2".to_owned())].into())),
        said(|s| s.health.probe = Probe::Command(vec!["curl".into(), "-H".into(), format!("Authorization: Bearer {bcrypt}")])),
    ];
    let all = seen.join("\n");
    assert!(!all.contains("hunter2") && !all.contains("aaaa"), "{all}");
    insta::assert_snapshot!(all, @"
    Refuse `services.comfyui.environment.HF_TOKEN`: it holds a secret, by its name: whoever may inspect the container can read it | put it into a file, and mount the file's folder
    Refuse `services.comfyui.environment.CLI_ARGS`: it holds a bcrypt line, which is a token of ComfyUI-Login: whoever may inspect the container can read it | put it into a file, and mount the file's folder
    Refuse `services.comfyui.labels.traefik.auth`: it holds a bcrypt line, which is a token of ComfyUI-Login: whoever may inspect the container can read it | put it into a file, and mount the file's folder
    Refuse `services.comfyui.command[2]`: it gives a value to `api-key`: whoever may inspect the container can read it | put it into a file, and mount the file's folder
    Refuse `services.comfyui.flags[2]`: it holds a bcrypt line, which is a token of ComfyUI-Login: whoever may inspect the container can read it | put it into a file, and mount the file's folder
    Refuse `services.comfyui.image.args.GIT_PASSWORD`: it holds a secret, by its name: whoever has the image can read it | put it into a file, and mount the file's folder
    Refuse `services.comfyui.health.probe[2]`: it holds a bcrypt line, which is a token of ComfyUI-Login: whoever may inspect the container can read it | put it into a file, and mount the file's folder
    ");
    let harmless = said(|s| {
        set(&mut s.environment, "HF_TOKEN", "");
        set(&mut s.environment, "HF_TOKEN_FILE", "/run/hf/token");
        set(&mut s.environment, "TOKENIZERS_PARALLELISM", "false");
    });
    assert_eq!(harmless, "nothing");
}

#[test]
fn flags_that_undo_the_login_and_the_one_that_opens_the_port() {
    let flags = |flags: &'static str| said(|s| s.flags = flags.split_whitespace().map(str::to_owned).collect());
    for well in [
        "--listen 0.0.0.0 --port 8188",
        "--listen",
        "--listen=127.0.0.1,::",
        "--listen --disable-all-custom-nodes --whitelist-custom-nodes a ComfyUI-Login",
        "--list 0.0.0.0 --disable-all --white ComfyUI-Login --base-dir /opt/ComfyUI",
    ] {
        assert_eq!(flags(well), "nothing", "{well}");
    }
    let seen = [
        flags(""),
        flags("--listen 127.0.0.1"),
        flags("--listen --port 9000"),
        flags("--listen --disable-all-custom-nodes"),
        flags("--listen --disable-all-custom-nodes --whitelist-custom-nodes Other"),
        flags("--listen --disable-all-custom-nodes --whitelist-custom-nodes ComfyUI-Login --whitelist-custom-nodes Other"),
        flags("--listen --enable-cors-header"),
        flags("--listen --enable-cors-header https://app"),
        flags("--lis=127.0.0.1"),
        flags("--listen --disable-all"),
        flags("--listen --enable-cors"),
        flags("--listen --base-dir=/data"),
        said(|s| {
            s.command = vec!["sh".into(), "-c".into(), "exec python3 /opt/ComfyUI/main.py".into()];
            s.flags.clear();
        }),
    ];
    insta::assert_snapshot!(seen.join("\n"), @"
    Warn `services.comfyui.flags`: without `--listen` the port can't be reached from the host | add `--listen 0.0.0.0`: `ports` still say which address of the host it gets
    Refuse `services.comfyui.flags`: `--listen 127.0.0.1` can't be reached from the host | add `--listen 0.0.0.0`: `ports` still say which address of the host it gets
    Refuse `services.comfyui.flags`: ComfyUI listens on port 9000 of the container, which is not published | let `--port` and `container_port` be the same
    Refuse `services.comfyui.flags`: `--disable-all-custom-nodes` leaves the login away too: everybody gets in | add `--whitelist-custom-nodes ComfyUI-Login`, or remove the flag
    Refuse `services.comfyui.flags`: `--disable-all-custom-nodes` leaves the login away too: everybody gets in | add `--whitelist-custom-nodes ComfyUI-Login`, or remove the flag
    Refuse `services.comfyui.flags`: `--disable-all-custom-nodes` leaves the login away too: everybody gets in | add `--whitelist-custom-nodes ComfyUI-Login`, or remove the flag
    Refuse `services.comfyui.flags`: `--enable-cors-header` lets pages of every site speak to ComfyUI | name the one site after it, or remove the flag
    Warn `services.comfyui.flags`: `--enable-cors-header` makes the login refuse tokens that come without a browser | remove it where programs use the token
    Refuse `services.comfyui.flags`: `--listen 127.0.0.1` can't be reached from the host | add `--listen 0.0.0.0`: `ports` still say which address of the host it gets
    Refuse `services.comfyui.flags`: `--disable-all-custom-nodes` leaves the login away too: everybody gets in | add `--whitelist-custom-nodes ComfyUI-Login`, or remove the flag
    Refuse `services.comfyui.flags`: `--enable-cors-header` lets pages of every site speak to ComfyUI | name the one site after it, or remove the flag
    Refuse `services.comfyui.flags`: `--base-directory /data` leads to other `custom_nodes`, without the login | remove it, or let it be `comfy_path`
    Warn `services.comfyui.flags`: without `--listen` the port can't be reached from the host | add `--listen 0.0.0.0`: `ports` still say which address of the host it gets
    ");
    let own = said(|s| (s.command, s.flags) = (Vec::new(), Vec::new()));
    assert_eq!(own, "nothing", "of the image's own command nothing is known");
}

#[test]
fn what_the_image_runs_is_checked_with_the_flags_that_follow_it() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let of = |entrypoint: &str, cmd: &str, flags: &str| {
        let mut stack = good();
        let service = stack.services.get_mut("comfyui").unwrap();
        (service.command, service.flags) = (Vec::new(), words(flags));
        let image = ImageFacts { entrypoint: words(entrypoint), cmd: words(cmd), ..ImageFacts::default() };
        told(&stack.check_images(&[("comfyui".to_owned(), image)].into()))
    };
    for (entrypoint, cmd, flags) in [
        ("", "python3 main.py --listen", ""),
        ("/entrypoint.sh", "", "--cpu --listen 0.0.0.0"),
        ("/entrypoint.sh", "bash", ""),
        ("python3 main.py --listen", "--port 9000", "--cpu --listen 0.0.0.0"),
        ("python3 main.py --listen 0.0.0.0 --port 8188", "", "--listen 0.0.0.0"),
    ] {
        assert_eq!(of(entrypoint, cmd, flags), "nothing", "{entrypoint} {cmd} {flags}");
    }
    let seen = [
        of("", "python3 main.py", "--cpu --listen 0.0.0.0"),
        of("python3 main.py --listen 127.0.0.1", "", "--cpu --listen 0.0.0.0"),
        of("python3 main.py --port 8000 --listen", "", "--listen 0.0.0.0 --port 8188"),
        of("python3 main.py --port 8000 --listen", "", "--cpu"),
        of("python3 main.py", "--listen --disable-all-custom-nodes", ""),
        of("python3 main.py", "", ""),
    ];
    insta::assert_snapshot!(seen.join("\n"), @r#"
    Refuse `services.comfyui.flags`: the image has no ENTRYPOINT, so `--cpu` would be run as a program | name the program too; the image's own is `command = ["python3", "main.py"]`
    Warn `services.comfyui.flags`: the image's ENTRYPOINT says `--listen 127.0.0.1`, and the flags say `--listen 0.0.0.0` | the last one counts; to have but one, name the whole program in `command`
    Warn `services.comfyui.flags`: the image's ENTRYPOINT says `--port 8000`, and the flags say `--port 8188` | the last one counts; to have but one, name the whole program in `command`
    Refuse `services.comfyui.flags`: with what the image runs, ComfyUI listens on port 8000 of the container, which is not published | let `--port` and `container_port` be the same
    Refuse `services.comfyui.flags`: with what the image runs, `--disable-all-custom-nodes` leaves the login away too: everybody gets in | add `--whitelist-custom-nodes ComfyUI-Login`, or remove the flag
    Warn `services.comfyui.flags`: with what the image runs, without `--listen` the port can't be reached from the host | add `--listen 0.0.0.0`: `ports` still say which address of the host it gets
    "#);
}

#[test]
fn compiled_files_are_kept_nowhere_else() {
    let image = |env: &str| ImageFacts { env: vec![env.to_owned()], ..ImageFacts::default() };
    let of = |own: Option<&str>, image: ImageFacts| {
        let mut stack = good();
        let environment = &mut stack.services.get_mut("comfyui").unwrap().environment;
        environment.extend(own.map(|value| ("PYTHONPYCACHEPREFIX".to_owned(), value.to_owned())));
        told(&[stack.check(), stack.check_images(&[("comfyui".to_owned(), image)].into())].concat())
    };
    let elsewhere = || image("PYTHONPYCACHEPREFIX=/opt/ComfyUI/user/compiled");
    for (own, image) in [(None, image("PATH=/bin")), (None, image("PYTHONPYCACHEPREFIX=")), (Some(""), elsewhere())] {
        assert_eq!(of(own, image), "nothing");
    }
    insta::assert_snapshot!([of(None, elsewhere()), of(Some("/tmp/x"), elsewhere())].join("\n"), @r#"
    Refuse `services.comfyui.environment`: the image sets `PYTHONPYCACHEPREFIX`: Python may run what lies there, not the plugin's files | set it to nothing: `PYTHONPYCACHEPREFIX = ""`
    Refuse `services.comfyui.environment.PYTHONPYCACHEPREFIX`: Python may run what lies there, not the plugin's files that were compared | leave it away, or set it to nothing
    "#);
}

#[test]
fn cards_are_named_as_drivers_name_them() {
    let ids = |ids: &'static [&str]| said(|s| s.gpu = Gpu::Ids(ids.iter().map(|&id| id.to_owned()).collect()));
    let cdi = |names: &'static [&str]| said(|s| s.gpu = Gpu::Cdi(names.iter().map(|&name| name.to_owned()).collect()));
    for well in [format!("MIG-{UUID}"), format!("MIG-GPU-{UUID}/3/0"), "0".to_owned()] {
        assert_eq!(said(|s| s.gpu = Gpu::Ids(vec![well.clone()])), "nothing", "{well}");
    }
    assert_eq!(cdi(&["nvidia.com/gpu=all", "nvidia.com/gpu=0"]), "nothing");
    let seen = [
        ids(&[]),
        ids(&["GPU-123"]),
        ids(&["0", "0"]),
        ids(&["nvidia.com/gpu=0"]),
        cdi(&["GPU-123"]),
        cdi(&["nvidia.com/gpu="]),
        said(|s| s.gpu = Gpu::Count(0)),
        said(|s| s.gpu = Gpu::None),
    ];
    insta::assert_snapshot!(seen.join("\n"), @"
    Refuse `services.comfyui.gpu`: the list is empty | leave it away for none
    Refuse `services.comfyui.gpu`: `GPU-123` is not a card's UUID (`GPU-…`, `MIG-…`) or index | `nvidia-smi -L` lists them
    Refuse `services.comfyui.gpu`: `0` is there twice | name each once
    Refuse `services.comfyui.gpu`: `nvidia.com/gpu=0` is not a card's UUID (`GPU-…`, `MIG-…`) or index | `nvidia-smi -L` lists them
    Refuse `services.comfyui.gpu`: `GPU-123` is not a device of the Container Device Interface | write it as `nvidia.com/gpu=0`
    Refuse `services.comfyui.gpu`: `nvidia.com/gpu=` is not a device of the Container Device Interface | write it as `nvidia.com/gpu=0`
    Refuse `services.comfyui.gpu`: 0 cards mean all to old engines and none to new ones | leave `gpus` away for none
    Warn `services.comfyui.gpu`: it gets no card, and ComfyUI then ends at its start | set `gpus`, or add the flag `--cpu`
    ");
    assert_eq!(said(|s| (s.gpu, s.flags) = (Gpu::None, vec!["--listen".into(), "--cpu".into()])), "nothing");
}

#[test]
fn a_limit_that_an_engine_leaves_away_is_told() {
    let mut stack = good();
    assert_eq!(told(&stack.check_bounds(&["processes"])), "nothing", "it has no such limit");
    stack.services.get_mut("comfyui").unwrap().limits.pids = Some(9);
    assert_eq!(told(&stack.check_bounds(&[])), "nothing");
    let seen = [&["memory and swap"][..], &["memory", "memory and swap", "processes"]].map(|no| told(&stack.check_bounds(no)));
    insta::assert_snapshot!(seen.join("\n"), @"
    Warn `services.comfyui.limits.memory`: this engine can't keep the container from swapping | start its machine's kernel with `cgroup_enable=memory swapaccount=1`
    Warn `services.comfyui.limits.memory`: this engine can't bound memory, and leaves the limit away | start its machine's kernel with `cgroup_enable=memory swapaccount=1`
    Warn `services.comfyui.limits.pids`: this engine can't bound the number of processes, and leaves the limit away | give its machine a kernel with the controller `pids`
    ");
}

#[test]
fn memory_is_bounded_and_leaves_room() {
    let limits = |limits: Limits| said(|s| s.limits = limits);
    let memory = |memory: u64| Limits { memory: Some(memory), ..Limits::default() };
    let seen = [
        limits(Limits::default()),
        limits(memory(1 << 20)),
        limits(memory(512 << 20)),
        limits(Limits { shm: Some(8 << 30), ..memory(8 << 30) }),
        limits(Limits { milli_cpus: Some(0), pids: Some(0), ..memory(48 << 30) }),
        told(&good().check_on(48 << 30)),
    ];
    insta::assert_snapshot!(seen.join("\n"), @"
    Warn `services.comfyui.limits.memory`: nothing bounds its memory, so the system chooses what is killed when it runs out | set `memory` to what the machine has, less 2 GiB for itself
    Refuse `services.comfyui.limits.memory`: an engine takes no limit below 6 MiB | write it as `48GiB`
    Warn `services.comfyui.limits.memory`: 512 MiB leave no head-room: ComfyUI needs more before it loads a model | add what the largest model takes, and 4 GiB
    Refuse `services.comfyui.limits.memory`: /dev/shm, which counts as memory, may take all of it | raise `memory`, or lower `shm`
    Refuse `services.comfyui.limits.cpus`: 0 means no limit to an engine | leave it away for no limit
    Refuse `services.comfyui.limits.pids`: 0 means no limit to an engine | leave it away for no limit
    Warn `services`: memory limits of 49152 MiB on a machine of 49152 MiB | leave 2048 MiB to the system, or it chooses itself what is killed
    ");
}
