//! The journeys of the containers, through the one way from settings to an engine ([`connect`]). What is shown of them holds no secret.

pub mod down;
pub mod events;
pub mod exec;
pub mod logs;
pub mod redact;
pub mod restart;
pub mod stats;
pub mod status;
pub mod swarm;
pub mod up;
pub mod wanted;

mod connect;
mod doing;
mod moment;
mod preflight;
mod proof;

pub use connect::{connect, failure};
pub use moment::moment;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use docker_ops::{Engine, ErrorKind, Member, ProjectLock, ProjectScope, StackSpec, Unproven, Wish};
use report::{Failure, FailureKind};
use settings::{Settings, World};
use token_sync::SourceFile;

/// How long a run waits for another one of the same project.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// How long the engine, or the answers of one server, may take at the end of a run that is told to come to it.
const LAST_LOOK: Duration = Duration::from_secs(12);
/// How long the engine may take to name containers to somebody who wants to leave.
const NAMING: Duration = Duration::from_secs(1);

/// A project and the engine that it runs on.
#[derive(Debug)]
pub struct Stack<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Every service of the project, whether it is meant or not: what is of none of them is an orphan.
    pub services: &'a [Settings],
    /// The services that are meant; all if empty.
    pub only: BTreeSet<String>,
}

impl Stack<'_> {
    fn spec(&self) -> Result<StackSpec, Failure> {
        Ok(Settings::stack_spec(self.services)?)
    }

    fn wish(&self) -> Wish {
        Wish { services: self.only.clone(), ..Wish::default() }
    }

    /// The services that are meant.
    fn chosen(&self) -> impl Iterator<Item = &Settings> {
        self.services.iter().filter(|one| self.only.is_empty() || self.only.contains(&one.service.value))
    }
}

/// Waits for other runs of the same project to end, which it tells, and keeps them off. The lock lies beside the secrets, which no version
/// control takes.
async fn lock(spec: &StackSpec, world: &World, tell: impl FnOnce(String)) -> Result<ProjectLock, Failure> {
    let holder = format!("pid {}, `genai-stack`, since {}", std::process::id(), world.clock.stamp());
    let take = async |at_most| ProjectLock::take(&secrets(spec), &holder, at_most).await;
    let taken = match take(Duration::ZERO).await {
        Err(error) if error.kind() == ErrorKind::InUse => {
            tell(format!("{error}: this run waits until that one has made its changes"));
            take(LOCK_WAIT).await
        }
        taken => taken,
    };
    taken.map_err(|error| failure(&error))
}

impl Stack<'_> {
    /// How long a run may take for its last look, once it was told to come to its end: for each service the end of an older life, a few
    /// answers, and its stop.
    ///
    /// # Errors
    /// A `[stack]` that can't be used.
    pub fn patience(&self) -> Result<Duration, Failure> {
        Ok(LAST_LOOK + self.spec()?.services.values().map(|service| LAST_LOOK + 2 * service.stop_grace).sum())
    }

    /// What is still not proven, added to `failure`: of a run that could not come to its end, or was dropped before.
    pub async fn dropped(&self, failure: Failure) -> Failure {
        let Ok(spec) = self.spec() else { return failure };
        let ids = unproven(&spec).all();
        if ids.is_empty() {
            return failure;
        }
        let scope = ProjectScope { name: spec.project, folder: Some(spec.working_dir) };
        // An engine that doesn't answer holds up nobody who wants to leave.
        let members = tokio::time::timeout(NAMING, self.engine.members(&scope)).await;
        let members = members.ok().and_then(Result::ok).unwrap_or_default();
        let name = |id: &String| {
            let known = members.iter().find(|member| *member.id == **id).map(|member| member.name.clone());
            known.unwrap_or_else(|| id.chars().take(12).collect())
        };
        let told = ids.iter().map(|id| format!("`{}` was started, and is not proven to ask for a credential", name(id)));
        let mut failure = failure;
        failure.causes.extend(told);
        // Before all else: it may let everybody in.
        failure.hints.insert(0, "`genai-stack up` looks again, `genai-stack down` ends what runs".to_owned());
        failure
    }
}

/// The containers that a run started and nobody has seen to be closed since; they are written down beside the lock.
fn unproven(spec: &StackSpec) -> Unproven {
    Unproven::of(&secrets(spec))
}

/// Where the secrets of this project are, even if a service takes them from elsewhere.
fn secrets(spec: &StackSpec) -> PathBuf {
    SourceFile::new(spec.working_dir.join(SourceFile::DEFAULT)).folder().to_owned()
}

/// The containers of the project, or of one service of it.
///
/// # Errors
/// An engine that does not answer; a project or service without a container.
pub(crate) async fn members(engine: &Engine, project: &ProjectScope, service: Option<&str>) -> Result<Vec<Member>, Failure> {
    let all = engine.members(project).await.map_err(|error| failure(&error))?;
    let services = all.iter().map(|member| format!("`{}`", member.service)).collect::<Vec<_>>().join(", ");
    let members: Vec<_> = all.into_iter().filter(|member| service.is_none_or(|service| member.service == service)).collect();
    let ProjectScope { name, .. } = project;
    match (members.is_empty(), service) {
        (false, _) => Ok(members),
        (true, Some(service)) if !services.is_empty() => {
            let message = format!("the project `{name}` has no container of a service `{service}`");
            Err(Failure::new(FailureKind::Declined, message).hint(format!("it has {services}")))
        }
        (true, _) => {
            let failure = Failure::new(FailureKind::Declined, format!("the project `{name}` has no container"))
                .hint("bring it up: `genai-stack up`");
            Err(match elsewhere(engine, project).await? {
                Some(hint) => failure.hint(hint),
                None => failure.hint("or name the project that is meant: `--project-name NAME`"),
            })
        }
    }
}

/// Where else a project of the same name has containers, and how they are meant.
pub(crate) async fn elsewhere(engine: &Engine, project: &ProjectScope) -> Result<Option<String>, Failure> {
    let name = &project.name;
    let all = engine.members(&ProjectScope::named(name)).await.map_err(|error| failure(&error))?;
    let folders: BTreeSet<_> =
        all.iter().map(|one| one.folder.as_deref().map_or("no folder".to_owned(), |folder| format!("`{folder}`"))).collect();
    let folders = folders.into_iter().collect::<Vec<_>>().join(", ");
    Ok((!all.is_empty()).then(|| {
        format!("containers of a project `{name}` in {folders} are not meant, unless it is named: `--project-name {name}`")
    }))
}

/// The project's name as Compose makes it from its folder's: small letters, digits, `-` and `_`, and a letter or digit first.
#[must_use]
pub fn project_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let kept: String = name.chars().filter(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_')).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_as_compose_names_it() {
        for (folder, name) in [("/p/My ComfyUI.v2", "mycomfyuiv2"), ("/p/_gen-AI_1/", "gen-ai_1"), ("/", ""), ("/é!", "")] {
            assert_eq!(project_name(Path::new(folder)), name);
        }
    }
}
