//! How long the stand-in of ComfyUI takes from nothing to healthy, by the calls of `genai-stack up`.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use docker_ops::{
    Engine, Error, Health, Image, Mount, MountRole, Plan, Probe, Publish, PullPolicy, Readiness, ServiceSpec, StackSpec, Wish,
};
use report::{CheckId, Failure, Unit};
use settings::World;

use super::{Bar, Measured, median, unexpected};

/// The image under measure: a static `genai-comfy`, which is ComfyUI with the same login, and a busybox.
pub(super) const IMAGE: &str = "genai-bench:stand-in";
const SERVICE: &str = "comfyui";
const ROUNDS: usize = 5;
/// Who takes longer is not measured.
const PATIENCE: Duration = Duration::from_secs(60);
const DOCKERFILE: &str = "FROM scratch\nCOPY . /\nENV PATH=/bin\n\
    ENTRYPOINT [\"/bin/genai-comfy\", \"sim\", \"--listen\", \"0.0.0.0\", \"--comfy-dir\", \"/comfy\", \"--plugin\"]\n";
/// Well is only who refuses a stranger.
const PROBE: &str = "wget -O /dev/null http://127.0.0.1:8188/queue 2>&1 | grep 401";

/// The median of some rounds. The image is there; network and container are not. `label` goes onto what is made.
pub(super) async fn measure(
    engine: &Engine,
    world: &World,
    program: &Path,
    folder: &Path,
    label: (&str, &str),
) -> Result<Measured, Failure> {
    let failed = |error: Error| flows::stack::failure(&error);
    let io = |error: std::io::Error| unexpected(format!("can't make the stack's folders: {error}"));
    let image = image(program, &folder.join("stand-in")).map_err(io)?;
    engine.build_image(&image, &|_| ()).await.map_err(failed)?;
    let spec = spec(&folder.join("stack"), label).map_err(io)?;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let from = world.clock.now();
        let ready = up(engine, &spec).await;
        took.push(world.clock.now().duration_since(from).as_secs_f64());
        // What was made goes, however it went.
        down(engine, &spec).await.map_err(failed)?;
        match ready.map_err(failed)? {
            Readiness::Healthy => {}
            other => return Err(unexpected(format!("the stand-in is not well: {other:?}"))),
        }
    }
    let slowest = took.iter().copied().fold(0.0, f64::max);
    Ok(Measured {
        id: CheckId("up-to-healthy"),
        what: format!("`up` of the stand-in from nothing to healthy, probed each half second, median of {ROUNDS}, seconds"),
        value: median(took),
        bar: Bar::AtMost(3.0),
        unit: Unit::Seconds,
        seen: vec![("slowest".to_owned(), format!("{slowest:.2} s"))],
    })
}

async fn up(engine: &Engine, spec: &StackSpec) -> Result<Readiness, Error> {
    engine.bring_up(spec, &Wish::default(), &|_| ()).await?;
    engine.wait_ready(&format!("{}-{SERVICE}-1", spec.project), PATIENCE, &|_| ()).await
}

async fn down(engine: &Engine, spec: &StackSpec) -> Result<(), Error> {
    let plan = Plan::down(spec, &engine.observe(spec).await?, &Wish::default())?;
    engine.apply(spec, &plan, &|_| ()).await
}

fn image(program: &Path, context: &Path) -> std::io::Result<Image> {
    let bin = context.join("bin");
    for folder in [&bin, &context.join("comfy"), &context.join("tmp")] {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(context.join("Dockerfile"), DOCKERFILE)?;
    std::fs::copy(program, bin.join("genai-comfy"))?;
    std::fs::copy("/bin/busybox", bin.join("busybox"))?;
    for name in ["grep", "sh", "wget"] {
        std::os::unix::fs::symlink("busybox", bin.join(name))?;
    }
    let (tag, dockerfile) = (IMAGE.to_owned(), "Dockerfile".to_owned());
    Ok(Image::Build { tag, context: context.to_owned(), dockerfile, args: [].into() })
}

fn spec(folder: &Path, (label, run): (&str, &str)) -> std::io::Result<StackSpec> {
    let login = folder.join("login");
    std::fs::create_dir_all(&login)?;
    // Of the shape of a token, and of nobody's.
    std::fs::write(login.join("PASSWORD"), format!("$2b$04${}\ncomfy\n", "benched1".repeat(7).get(..53).unwrap_or_default()))?;
    let mut service = ServiceSpec::new(Image::Named { reference: IMAGE.to_owned(), pull: PullPolicy::Never });
    service.ports.push(Publish { address: Ipv4Addr::LOCALHOST.into(), host_port: 0, container_port: 8188 });
    service.mounts.push(Mount { role: MountRole::Login, source: login, target: "/comfy/login".to_owned(), read_only: false });
    service.health = Health {
        probe: Probe::Command(["/bin/sh", "-c", PROBE].map(str::to_owned).into()),
        interval: Duration::from_millis(500),
        start_period: PATIENCE,
        ..Health::default()
    };
    service.labels.insert(label.to_owned(), run.to_owned());
    let services = [(SERVICE.to_owned(), service)].into();
    Ok(StackSpec { project: format!("genai-bench-up-{run}"), working_dir: folder.to_owned(), services })
}
