//! The figures of `genai-tokens`, on the release build and files made for the purpose.

use std::{
    fs,
    path::{Path, PathBuf},
};

use report::{CheckId, Event, Failure, FailureKind, Sink, Unit};
use settings::World;

use super::{Bar, Measured};
use crate::programs::{capture, peak_memory, release};

/// A made-up token of a hash's shape, spelled in two parts so that no file of ours holds one.
const TOKEN: (&str, &str) = ("$2b$12$", "abcdefghijklmnopqrstuuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
/// How many files the leak scan searches.
const FILES: usize = 100_000;
const ROUNDS: usize = 5;
/// In how many of them a line of a hash's shape is planted.
const PLANTED: usize = 10;

pub(super) fn run(world: &World, sink: &Sink) -> Result<Vec<Measured>, Failure> {
    let program = release("genai-tokens")?;
    let folder =
        tempfile::tempdir().map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't make a folder: {error}")))?;
    let made =
        |error: std::io::Error| Failure::new(FailureKind::Unexpected, format!("can't write the files to measure on: {error}"));
    let timed = |program: &str, args: &[&str], folder: &Path| -> Result<f64, Failure> {
        let from = world.clock.now();
        capture(program, args, folder)?;
        Ok(world.clock.now().duration_since(from).as_secs_f64())
    };

    let five = project(&folder.path().join("five"), 5).map_err(made)?;
    let check = median((0..40).map(|_| timed(&program, &["check", "-q"], &five)).collect::<Result<_, _>>()?);
    let thousand = project(&folder.path().join("thousand"), 1_000).map_err(made)?;
    let audit = median((0..ROUNDS).map(|_| timed(&program, &["audit", "-q"], &thousand)).collect::<Result<_, _>>()?);
    let mut measured = vec![
        figure("check-of-5-targets", "a whole `check` of 5 targets, median of 40, seconds", check, 0.015),
        figure("audit-of-1000-targets", "a whole `audit` of 1,000 targets, median of 5, seconds", audit, 0.5),
    ];

    sink.send(Event::Note(format!("making {FILES} files")));
    let tree = folder.path().join("tree");
    grow(&tree).map_err(made)?;
    let pattern = r"\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}";
    let rival = ["--no-messages", "-uu", "-c", pattern];
    // Without the rival there is no figure, and that is a failure.
    let version = capture("rg", &["--version"], &tree)?.0.lines().next().unwrap_or_default().to_owned();
    let ours = ["scan", "--no-ignore", "-q"];
    let (mut theirs_took, mut ours_took) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        theirs_took.push(timed("rg", &rival, &tree)?);
        ours_took.push(timed(&program, &ours, &tree)?);
    }
    // The first round warms the cache for both.
    let (theirs, ours) = (median(theirs_took.split_off(1)), median(ours_took.split_off(1)));
    let mut scan =
        figure("scan-beside-ripgrep", "`scan` of 100,000 files, as a ratio to ripgrep's wall time", ours / theirs, 1.3);
    scan.unit = Unit::Count;
    let (found, _) = capture(&program, &["scan", "--no-ignore", "--format", "json"], &tree)?;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap_or_default();
    let found = found["counts"]["fail"].as_u64().unwrap_or_default();
    if found != PLANTED as u64 {
        return Err(Failure::new(
            FailureKind::Unexpected,
            format!("the scan found {found} of {PLANTED} planted lines, so its speed says nothing"),
        ));
    }
    scan.seen = vec![("genai-tokens scan".to_owned(), format!("{ours:.3} s")), (version, format!("{theirs:.3} s"))];
    measured.push(scan);
    let memory = peak_memory(&program, &["scan", "--no-ignore", "-q"], &tree)? as f64 / f64::from(1 << 20);
    let what = "peak memory of `scan` of 100,000 files, MiB";
    measured.push(Measured { unit: Unit::Count, ..figure("scan-memory", what, memory, 200.0) });
    Ok(measured)
}

fn figure(id: &'static str, what: &str, value: f64, bar: f64) -> Measured {
    Measured { id: CheckId(id), what: what.to_owned(), value, bar: Bar::AtMost(bar), unit: Unit::Seconds, seen: Vec::new() }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A project with that many targets, all right.
fn project(folder: &Path, targets: usize) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let token = format!("{}{}", TOKEN.0, TOKEN.1);
    let secrets = folder.join(".secrets");
    fs::create_dir_all(&secrets)?;
    let mut entries = Vec::new();
    for number in 0..targets {
        let place = folder.join(format!("service-{number}"));
        fs::create_dir_all(&place)?;
        fs::write(place.join(".env"), format!("A=1\nCOMFYUI_API_TOKEN='{token}'\n"))?;
        entries.push(serde_json::json!({"path": format!("service-{number}/.env"), "dialect": "compose-v2-dotenv", "key": "COMFYUI_API_TOKEN"}));
    }
    let source = secrets.join("comfyui_auth_tokens.conf");
    fs::write(&source, serde_json::json!({"version": "2", "bcrypt_hash": token, "targets": entries}).to_string())?;
    fs::set_permissions(&source, fs::Permissions::from_mode(0o600))?;
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o700))?;
    Ok(folder.to_owned())
}

/// A tree of small files of mixed content, some of which hold a line of a hash's shape.
fn grow(folder: &Path) -> std::io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = String::new();
    for number in 0..FILES {
        text.clear();
        while text.len() < 1_000 + number % 7 * 1_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("let x{} = \"$value {:016x}\"; // 2b or not\n", state >> 48, state));
        }
        if number % (FILES / PLANTED) == 0 {
            text.push_str(&format!("{}{}\n", TOKEN.0, TOKEN.1));
        }
        let place = folder.join(format!("{:03}", number / 1_000));
        if number % 1_000 == 0 {
            fs::create_dir_all(&place)?;
        }
        fs::write(place.join(format!("{number}.rs")), &text)?;
    }
    Ok(())
}
