//! ComfyUI's own Python, wherever it runs: what the plugin imports must be there.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
};

use report::{Failure, FailureKind};

use super::{NAME, bounds::heard};

/// pip tells a few lines a package; nobody says more than this.
const MOST_SAID: u64 = 16 << 20;

/// What the plugin imports that ComfyUI doesn't bring along.
const MODULES: [&str; 5] = ["aiohttp", "aiohttp_session.cookie_storage", "jinja2", "bcrypt", "Crypto.Cipher.AES"];

/// Prints each module that can't be imported, a line each.
const PROBE: &str = "import importlib, sys\nfor name in sys.argv[1:]:\n    try:\n        importlib.import_module(name)\n    except Exception:\n        print('missing', name)";

/// What a program gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code.
    pub code: i64,
    /// What it wrote, both streams.
    pub output: String,
}

/// An answer of a [`Python`].
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Ran, Failure>> + Send + 'a>>;

/// ComfyUI's own Python: in a virtual environment of this machine, or in a container.
pub trait Python: Send + Sync {
    /// Runs it with these arguments, to its end.
    fn run<'a>(&'a self, arguments: &'a [String]) -> Asked<'a>;

    /// The plugin's folder, as it sees it.
    fn plugin(&self) -> &str;

    /// A folder of this machine, as it sees it; none if it doesn't.
    fn sees(&self, folder: &Path) -> Option<String>;
}

/// A Python of this machine.
#[derive(Debug, Clone)]
pub struct LocalPython {
    /// The interpreter, such as `venv/bin/python`.
    pub interpreter: PathBuf,
    /// The plugin's folder.
    pub plugin: String,
}

impl Python for LocalPython {
    fn run<'a>(&'a self, arguments: &'a [String]) -> Asked<'a> {
        Box::pin(async move {
            let failed = |what: &str, error: io::Error| {
                Failure::new(FailureKind::Unreachable, format!("can't {what} `{}`: {error}", self.interpreter.display()))
            };
            let mut command = tokio::process::Command::new(&self.interpreter);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            let mut child = command
                .spawn()
                .map_err(|error| failed("start", error).hint("name the interpreter of ComfyUI's virtual environment"))?;
            let (out, err) = (child.stdout.take(), child.stderr.take());
            let said = async {
                let (out, err) = tokio::try_join!(heard(out, MOST_SAID), heard(err, MOST_SAID))?;
                Ok((child.wait().await?, [out, err].concat()))
            };
            let (status, said) = said.await.map_err(|error| failed("hear", error))?;
            Ok(Ran { code: status.code().unwrap_or(-1).into(), output: String::from_utf8_lossy(&said).into_owned() })
        })
    }

    fn plugin(&self) -> &str {
        &self.plugin
    }

    fn sees(&self, folder: &Path) -> Option<String> {
        Some(folder.display().to_string())
    }
}

/// Which of the modules that the plugin imports are not there.
///
/// # Errors
/// Nobody could be asked.
pub async fn missing_modules(python: &dyn Python) -> Result<Vec<String>, Failure> {
    let arguments: Vec<String> = ["-c", PROBE].into_iter().chain(MODULES).map(str::to_owned).collect();
    let ran = python.run(&arguments).await?;
    if ran.code != 0 {
        return Err(failed("Python could not be asked what it can import", &ran));
    }
    Ok(ran.output.lines().filter_map(|line| line.trim_end().strip_prefix("missing ").map(str::to_owned)).collect())
}

/// Why ComfyUI went on without the plugin, in its own words.
pub(crate) fn not_loaded(log: &[String]) -> Option<&str> {
    let said =
        |line: &'_ &String| line.contains("Cannot import ") && line.contains(&format!("/{NAME} module for custom nodes: "));
    log.iter().rfind(said).and_then(|line| line.split(" module for custom nodes: ").last())
}

/// Installs what the plugin's `requirements.txt` names, unless all is there; what was done. With `wheels`, no network is asked.
pub(super) async fn requirements(python: &dyn Python, wheels: Option<&Path>) -> Result<String, Failure> {
    let missing = missing_modules(python).await?;
    if missing.is_empty() {
        return Ok("all that it imports is there".to_owned());
    }
    let mut arguments: Vec<String> =
        ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "-r"]
            .map(str::to_owned)
            .into();
    arguments.push(format!("{}/requirements.txt", python.plugin().trim_end_matches('/')));
    if let Some(wheels) = wheels {
        let seen = python.sees(wheels).ok_or_else(|| {
            Failure::new(FailureKind::Declined, format!("the container doesn't see `{}`", wheels.display()))
                .hint("put the packages into a folder that is mounted, or install them into the image")
        })?;
        arguments.extend(["--no-index".to_owned(), "--find-links".to_owned(), seen]);
    }
    let ran = python.run(&arguments).await?;
    if ran.code != 0 {
        return Err(failed("pip could not install what the plugin imports", &ran));
    }
    Ok(format!("installed {}", missing.join(", ")))
}

/// The last lines tell why.
fn failed(message: &str, ran: &Ran) -> Failure {
    let lines: Vec<_> = ran.output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let causes = lines[lines.len().saturating_sub(3)..].iter().map(|line| (*line).to_owned()).collect();
    Failure { causes, ..Failure::new(FailureKind::Declined, format!("{message}: exit code {}", ran.code)) }
}
