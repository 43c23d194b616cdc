//! What `[stack]` means by itself, from end to end on a real engine: built, brought up with the `login` folder read only and PASSWORD made,
//! healthy, closed without the token and open with it.
//!
//! Takes what `cargo xtask stand-in` makes: ComfyUI's stand-in, with the same login.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::guarded::{docker, stack};

const DOCKERFILE: &str = "FROM scratch\nCOPY . /\nENV PATH=/bin\n\
    ENTRYPOINT [\"/bin/genai-comfy\", \"sim\", \"--listen\", \"0.0.0.0\", \"--comfy-dir\", \"/comfy\", \"--plugin\"]\n";

struct Project {
    folder: tempfile::TempDir,
    name: String,
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = stack(self.folder.path(), &["down"]);
        assert!(std::thread::panicking() || down.status.success(), "{}", String::from_utf8_lossy(&down.stdout));
        docker(&["rmi", "--force", &self.name]);
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_stack_as_it_is_by_itself_comes_up_locked() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project { name: format!("rendered-{}", std::process::id()), folder };
    let (root, name) = (project.folder.path(), &project.name);
    context(&root.join("image"));
    for made in ["login", "models", "output", "input", "user"] {
        fs::create_dir_all(root.join("ComfyUI").join(made)).unwrap();
    }
    let token = format!("$2b$04${}", "stand1in".repeat(7).get(..53).unwrap());
    let source = root.join(".secrets/comfyui_auth_tokens.conf");
    fs::create_dir(source.parent().unwrap()).unwrap();
    fs::set_permissions(source.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(&source, format!(r#"{{"version":"2","user":"comfy","raw_token":null,"bcrypt_hash":"{token}","targets":[]}}"#))
        .unwrap();
    fs::set_permissions(&source, fs::Permissions::from_mode(0o600)).unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let toml = format!(
        "[stack]\nproject = '{name}'\nport = {port}\nmemory = '256MiB'\ncomfy_path = '/comfy'\nstop_grace = '5s'\n\
        [stack.build]\ncontext = 'image'\ntag = '{name}'\n[stack.mounts]\ncustom_nodes = false\n[stack.health]\ninterval = '500ms'\n\
        probe = ['/bin/sh', '-c', 'wget -O /dev/null http://127.0.0.1:8188/queue 2>&1 | grep 401']\n"
    );
    fs::write(root.join("genai.toml"), toml).unwrap();

    let up = stack(root, &["up"]);
    assert!(up.status.success(), "{}{}", String::from_utf8_lossy(&up.stdout), String::from_utf8_lossy(&up.stderr));
    let container = format!("{name}-comfyui-qwen-1");
    let told = docker(&[
        "inspect",
        "--format",
        "{{.State.Health.Status}} {{range .Mounts}}{{.Destination}}={{.RW}} {{end}}",
        &container,
    ]);
    assert!(told.starts_with("healthy") && told.contains("/comfy/login=false") && told.contains("/comfy/output=true"), "{told}");
    assert_eq!((status(port, None), status(port, Some("wrong")), status(port, Some(&token))), (401, 401, 200));
    assert_eq!(fs::read_to_string(root.join("ComfyUI/login/PASSWORD")).unwrap(), format!("{token}\ncomfy\n"));
}

/// A folder that an image is built of: the stand-in, and what its probe needs.
fn context(folder: &Path) {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("stand-in").join("genai-comfy");
    assert!(program.is_file(), "no `{}`: make it with `cargo xtask stand-in`", program.display());
    for made in ["bin", "comfy", "tmp"] {
        fs::create_dir_all(folder.join(made)).unwrap();
    }
    fs::write(folder.join("Dockerfile"), DOCKERFILE).unwrap();
    fs::copy(program, folder.join("bin/genai-comfy")).unwrap();
    fs::copy("/bin/busybox", folder.join("bin/busybox")).expect("a static busybox at `/bin/busybox`");
    for name in ["grep", "sh", "wget"] {
        symlink("busybox", folder.join("bin").join(name)).unwrap();
    }
}

/// The status that this machine gets, with or without a token.
fn status(port: u16, token: Option<&str>) -> u16 {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(stream, "GET /queue HTTP/1.1\r\nHost: localhost\r\n{bearer}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
