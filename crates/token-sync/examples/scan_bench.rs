//! Measures the leak scan against ripgrep on one generated tree: `cargo run --release --example scan_bench -- FOLDER [FILES]`.
//!
//! The tree is generated if FOLDER is absent, and left there. Both programs run in turn, so that both find the files in the
//! system's cache, and the medians of their wall times are compared. ripgrep gets one bcrypt regex; the scan looks for three
//! tokens in all encodings, a password, and bcrypt lines of any token. For the memory of the scan alone, run it a second time,
//! on the tree that is there by then.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a measuring program")]

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use auth_core::{BcryptHash, FingerprintKey, LoginToken, Password};
use token_sync::scan::{Control, Scanner, Secret, Tree};

const ROUNDS: usize = 11;
const REGEX: &str = r"\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap());
    let scanner = scanner();
    let files = arguments.next().map_or(100_000, |files| files.parse().unwrap());
    if !folder.exists() {
        generate(&folder, files);
    }
    let found = scan(&scanner, &folder);
    println!("{} matches in {} files, {} MB", found.matches.len(), found.counts.files, found.counts.bytes >> 20);
    println!("ripgrep: {}", ripgrep(&folder).0.lines().count());
    println!("{}", version());
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        scan(&scanner, &folder);
        times.0.push(start.elapsed());
        times.1.push(ripgrep(&folder).1);
    }
    let (ours, theirs) = (median(times.0), median(times.1));
    println!("scan {ours:?}, ripgrep {theirs:?}, ratio {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    println!("peak memory of this process: {}", peak());
}

fn token(text: &str) -> LoginToken {
    LoginToken::from(BcryptHash::of(&Password::new(text).unwrap(), 4, *b"made up for test").unwrap())
}

fn scanner() -> Scanner {
    let mut secrets: Vec<Secret> = ["one", "two", "three"].map(|text| Secret::token(text, &token(text))).to_vec();
    secrets.push(Secret::password("password", &Password::new("correct horse battery").unwrap()));
    Scanner::new(&secrets, &FingerprintKey::new(b"bench"))
}

fn scan(scanner: &Scanner, folder: &Path) -> token_sync::scan::Scan {
    scanner.tree(&Tree::new(folder).no_ignore(true), &Control::silent()).unwrap()
}

/// What ripgrep prints, and the time from its start to its end.
fn ripgrep(folder: &Path) -> (String, Duration) {
    let mut command = Command::new("rg");
    command.args(["--no-messages", "-uu", "-c", REGEX]).arg(folder).stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), start.elapsed())
}

fn version() -> String {
    let output = Command::new("rg").arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim().to_owned()
}

/// Small files of mixed content, most of 1 to 16 KB: programs, settings, minified programs, base64, binary.
fn generate(folder: &Path, files: usize) {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for number in 0..files {
        let size = 1_000 + (random() % 15_000) as usize;
        let mut content = Vec::with_capacity(size + 200);
        while content.len() < size {
            let word = random();
            let mut text = String::new();
            match number % 5 {
                0 => writeln!(text, "    let value_{:x} = table.get({}).unwrap_or(\"{word:x}\");", word % 977, word % 100),
                1 => writeln!(text, "export SETTING_{}={word}\n# a comment of $HOME and ${{USER}}", word % 313),
                2 => write!(text, "function $(e,t){{return $2a[e]||\"{word:x}\"+t}};"),
                3 => write!(text, "{}", data_encoding::BASE64.encode(&[word.to_le_bytes(), random().to_le_bytes()].concat())),
                _ => {
                    content.extend_from_slice(&word.to_le_bytes());
                    Ok(())
                }
            }
            .unwrap();
            content.extend_from_slice(text.as_bytes());
        }
        if number % 10_000 == 1 {
            content.extend_from_slice(format!("TOKEN={}\n", token("one").expose()).as_bytes());
        }
        let path = folder.join(format!("{}/{}", number / 2_500, number / 100 % 25));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(format!("{number}.txt")), content).unwrap();
    }
}
