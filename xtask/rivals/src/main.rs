//! `comfy-client` beside other clients of ComfyUI, in one run: `cargo xtask bench client` builds and starts this, and reads
//! the one line of JSON that it prints.
//!
//! `rivals race [--live URL] [--token-file FILE] [--python PYTHON]` measures. It starts itself as `rivals run …` for each client,
//! so that every client has a process, a runtime and a peak of memory of its own, and the server none of them.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock and starts programs")]

mod batch;
mod clients;
mod decode;
mod faults;
mod own;
mod proxy;
mod race;
mod recovery;
mod run;
mod work;

use std::path::PathBuf;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Where and how to measure.
#[derive(Default)]
struct Args {
    live: Option<String>,
    token_file: Option<PathBuf>,
    python: Option<PathBuf>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    // Ours brings its own; rucomfyui takes the process's.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a second cryptography")?;
    let mut words = std::env::args().skip(1);
    let (role, rest) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
    let figures = match role.as_str() {
        "race" => race::all(&args(&rest)?).await?,
        "run" => return run::client(&rest).await,
        "batch" => batch::prompts(&rest).await?,
        "download" => batch::download(&rest).await?,
        "decode" => decode::measure(&own::frames().await?),
        "faults" => faults::table().await?,
        "serve" => return own::serve().await,
        "recovery" => recovery::all().await?,
        _ => return Err("name a role: race, run, batch, download, decode, faults, recovery or serve".into()),
    };
    println!("{figures}");
    Ok(())
}

fn args(words: &[String]) -> Outcome<Args> {
    let mut args = Args::default();
    for pair in words.chunks(2) {
        let [name, value] = pair else { return Err(format!("`{}` has no value", pair[0]).into()) };
        match name.as_str() {
            "--live" => args.live = Some(value.trim_end_matches('/').to_owned()),
            "--token-file" => args.token_file = Some(value.into()),
            "--python" => args.python = Some(value.into()),
            _ => return Err(format!("`{name}` is unknown").into()),
        }
    }
    Ok(args)
}
