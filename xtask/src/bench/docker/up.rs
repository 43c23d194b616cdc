//! How long `genai-stack up` takes from nothing to a stand-in of ComfyUI that is well, closed without the token and open with it.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use report::{CheckId, Failure, Unit};
use serde_json::{Value, json};

use super::{Bar, Bench, LABEL, Measured, median, unexpected};

const ROUNDS: usize = 5;
/// What a round must have seen: the probe's word, the refusal without a credential, and the answer with the token.
const PROVEN: [&str; 3] = ["container-healthy", "auth-enforced", "token-accepted"];
const DOCKERFILE: &str = "FROM scratch\nCOPY . /\nENV PATH=/bin\n\
    ENTRYPOINT [\"/bin/genai-comfy\", \"sim\", \"--listen\", \"0.0.0.0\", \"--comfy-dir\", \"/comfy\", \"--plugin\"]\n";
/// Well is only who refuses a stranger.
const PROBE: &str = "wget -O /dev/null http://127.0.0.1:8188/queue 2>&1 | grep 401";

/// The median of some runs of the program, as a person starts it. The image is there; network and container are not.
pub(super) fn measure(bench: &Bench, program: &str, stand_in: &Path) -> Result<Measured, Failure> {
    let failed = |error: io::Error| unexpected(format!("can't make the stack's folders: {error}"));
    let (context, project) = (bench.folder.path().join("stand-in"), bench.folder.path().join("stack"));
    let image = format!("genai-bench:stand-in-{}", bench.run);
    image_in(&context, stand_in).map_err(failed)?;
    let context = context.display().to_string();
    bench.docker(&["build", "--quiet", "--label", &bench.label(), "--tag", &image, &context])?;
    project_in(&project, &image, bench).map_err(failed)?;
    let stack = |command: &[&str]| -> Result<Value, Failure> {
        let (said, _) = bench.program(program, &[command, &["--format", "json"]].concat(), &project)?;
        serde_json::from_str(&said).map_err(|error| unexpected(format!("`genai-stack` wrote no report: {error}")))
    };
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let from = bench.world.clock.now();
        let report = stack(&["up"])?;
        took.push(bench.world.clock.now().duration_since(from).as_secs_f64());
        let passed = |check: &&str| {
            let mut findings = report["findings"].as_array().into_iter().flatten();
            findings.any(|finding| finding["check"] == **check && finding["outcome"] == "pass")
        };
        if let Some(check) = PROVEN.iter().find(|check| !passed(check)) {
            return Err(unexpected(format!("`up` of the stand-in did not pass `{check}`: {}", report["findings"])));
        }
        stack(&["down"])?;
    }
    let slowest = took.iter().copied().fold(0.0, f64::max);
    Ok(Measured {
        id: CheckId("up-to-healthy"),
        what: format!(
            "`genai-stack up` of the stand-in, nothing to healthy, 401 without and 200 with the token, median of {ROUNDS}, s"
        ),
        value: median(took),
        bar: Bar::AtMost(3.0),
        unit: Unit::Seconds,
        seen: vec![("slowest".to_owned(), format!("{slowest:.2} s"))],
    })
}

fn image_in(context: &Path, stand_in: &Path) -> io::Result<()> {
    let bin = context.join("bin");
    for folder in [&bin, &context.join("comfy"), &context.join("tmp")] {
        fs::create_dir_all(folder)?;
    }
    fs::write(context.join("Dockerfile"), DOCKERFILE)?;
    fs::copy(stand_in, bin.join("genai-comfy"))?;
    fs::copy("/bin/busybox", bin.join("busybox"))?;
    ["grep", "sh", "wget"].iter().try_for_each(|name| std::os::unix::fs::symlink("busybox", bin.join(name)))
}

/// What `genai-auth setup` would have left; PASSWORD is written by the first `up`.
fn project_in(project: &Path, image: &str, bench: &Bench) -> io::Result<()> {
    let secrets = project.join(".secrets");
    fs::create_dir_all(&secrets)?;
    fs::create_dir_all(project.join("ComfyUI/login"))?;
    // Of the shape of a token, and of nobody's.
    let token = format!("$2b$04${}", "benched1".repeat(7).get(..53).unwrap_or_default());
    let source = secrets.join("comfyui_auth_tokens.conf");
    fs::write(&source, json!({"version": "2", "user": "bench", "bcrypt_hash": token, "targets": []}).to_string())?;
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o700))?;
    fs::set_permissions(&source, fs::Permissions::from_mode(0o600))?;
    let (name, run) = (format!("{}-up", bench.project), &bench.run);
    let stack = format!(
        "comfy_dir = 'ComfyUI'\n[stack]\nproject = '{name}'\nimage = '{image}'\npull = 'never'\nport = 0\ncomfy_path = '/comfy'\n\
        labels = {{ '{LABEL}' = '{run}' }}\n[stack.health]\nprobe = ['/bin/sh', '-c', '{PROBE}']\ninterval = '500ms'\n\
        [stack.mounts]\nmodels = false\noutputs = false\ncustom_nodes = false\ninput = false\nuser = false\n"
    );
    fs::write(project.join("genai.toml"), stack)
}
