//! Which ComfyUI-Login is wanted, and where it comes from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use report::{Failure, FailureKind};
use settings::{Setting, Settings};

use super::{Digest, facts::is_plugin};

/// The repository of ComfyUI-Login.
const REPOSITORY: &str = "https://github.com/liusida/ComfyUI-Login";
/// The commit whose behaviour at the door was measured.
const COMMIT: &str = "69109257f4629a11ebe26cd65667536c4f8dddcb";

/// Which plugin is wanted. The default is the one whose behaviour this project knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it comes from.
    pub source: Source,
    /// The digest of its files.
    pub digest: Digest,
    /// A folder with all packages that it imports, for a machine without a network.
    pub wheels: Option<PathBuf>,
}

/// Where the plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One commit of a repository.
    Git {
        /// Its address, without a password.
        url: String,
        /// All digits of the commit.
        commit: String,
    },
    /// A folder that holds it.
    Folder(PathBuf),
    /// A `.zip`, `.tar` or `.tar.gz` file that holds it, at its top or in one folder.
    Archive(PathBuf),
}

impl Default for Wanted {
    fn default() -> Self {
        let source = Source::Git { url: REPOSITORY.to_owned(), commit: COMMIT.to_owned() };
        Self { source, digest: Digest::known(), wheels: None }
    }
}

impl Wanted {
    /// What `[stack.plugin]` says for the service; the one that this program knows where nobody says otherwise. Paths start at the
    /// project's folder, as all of `genai.toml` do.
    ///
    /// # Errors
    /// As [`Wanted::new`]; a `[stack]` that can't be used.
    pub fn of(settings: &Settings) -> Result<Self, Failure> {
        let Some(stack) = settings.stack()? else { return Ok(Self::default()) };
        let settings::Plugin { source, commit, digest, offline } = stack.plugin;
        let text = |set: &Option<Setting<String>>| set.as_ref().map(|set| set.value.clone());
        let offline = offline.map(|set| set.value);
        Self::new(
            text(&source).as_deref(),
            text(&commit).as_deref(),
            text(&digest).as_deref(),
            offline.as_deref(),
            &settings.project.value,
        )
    }

    /// What flags or settings say: a URL, a folder or an archive; a commit, for a URL; the digest; and, instead of a source, a folder or
    /// an archive for a machine without a network. Relative paths start at `base`. Without a digest it is that of the default, whatever
    /// the source.
    ///
    /// # Errors
    /// What contradicts itself, or can't be read.
    pub fn new(
        source: Option<&str>,
        commit: Option<&str>,
        digest: Option<&str>,
        offline: Option<&Path>,
        base: &Path,
    ) -> Result<Self, Failure> {
        let digest = match digest {
            Some(text) => Digest::parse(text).ok_or_else(|| wrong(format!("`{text}` is no SHA-256: 64 hexadecimal digits")))?,
            None => Digest::known(),
        };
        let of_git = |url: String| full(commit.unwrap_or(COMMIT)).map(|commit| Source::Git { url, commit });
        let (source, wheels) = match (source, offline) {
            (Some(_), Some(_)) => return Err(wrong("both a source and an offline copy are named".to_owned())),
            (None, Some(path)) => {
                let (source, wheels) = offline_copy(&base.join(path))?;
                (source, Some(wheels))
            }
            (None, None) => (of_git(REPOSITORY.to_owned())?, None),
            (Some(text), None) if is_url(text) => (of_git(url(text)?)?, None),
            (Some(text), None) => (local(&base.join(text))?, None),
        };
        if commit.is_some() && !matches!(source, Source::Git { .. }) {
            return Err(wrong("a commit is named, and the source is no repository".to_owned()));
        }
        Ok(Self { source, digest, wheels })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git { url, commit } => write!(f, "{url} at {commit}"),
            Self::Folder(path) | Self::Archive(path) => write!(f, "{}", path.display()),
        }
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Usage, message)
}

fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@")
}

/// A scheme that carries no program along, and no password, which would stand in git's arguments for all to see.
fn url(text: &str) -> Result<String, Failure> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("ssh", text));
    if !["https", "http", "ssh", "file"].contains(&scheme) {
        return Err(wrong(format!("`{scheme}:` is no address of a repository")).hint("use https, ssh or file"));
    }
    let user = rest.split('/').next().and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    if user.is_some_and(|user| scheme.starts_with("http") || user.contains(':')) {
        return Err(wrong("the address holds a credential".to_owned()).hint("clone it by hand, and name the folder instead"));
    }
    Ok(text.to_owned())
}

/// A commit by all its digits: shorter ones are names, and a name can come to mean something else.
fn full(commit: &str) -> Result<String, Failure> {
    let is_full = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_full {
        Ok(commit.to_ascii_lowercase())
    } else {
        Err(wrong(format!("`{commit}` is no whole commit")).hint("give all 40 digits, as `git rev-parse HEAD` prints them"))
    }
}

fn local(path: &Path) -> Result<Source, Failure> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(Source::Folder(path.to_owned())),
        Ok(_) => Ok(Source::Archive(path.to_owned())),
        Err(error) => Err(Failure::new(FailureKind::Unreachable, format!("can't read `{}`: {error}", path.display()))),
    }
}

/// The plugin itself, an archive of it, or a folder that holds one of the two beside the packages; and the folder with those.
fn offline_copy(path: &Path) -> Result<(Source, PathBuf), Failure> {
    let beside = || path.parent().unwrap_or(path).to_owned();
    match local(path)? {
        Source::Folder(folder) if is_plugin(&folder) => Ok((Source::Folder(folder), beside())),
        Source::Folder(folder) => {
            let names = ["ComfyUI-Login", "ComfyUI-Login.tar.gz", "ComfyUI-Login.zip", "ComfyUI-Login.tar"];
            let found = names.iter().map(|name| folder.join(name)).find(|path| path.exists()).ok_or_else(|| {
                Failure::new(FailureKind::Declined, format!("`{}` holds no ComfyUI-Login", folder.display()))
                    .hint(format!("put it there as one of `{}`", names.join("`, `")))
            })?;
            Ok((local(&found)?, folder))
        }
        archive => Ok((archive, beside())),
    }
}
