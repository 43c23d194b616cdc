//! The journeys of the containers: what they say and use up is shown, and no secret with it.

pub mod exec;
pub mod logs;
pub mod redact;
pub mod stats;

use std::path::Path;

use docker_ops::{Engine, Error, ErrorKind, Member};
use report::{Failure, FailureKind};

/// The project's name as Compose makes it from its folder's: small letters, digits, `-` and `_`, and a letter or digit first.
#[must_use]
pub fn project_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let kept: String = name.chars().filter(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_')).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

/// The containers of the project, or of one service of it.
///
/// # Errors
/// An engine that does not answer; a project or service without a container.
pub(crate) async fn members(engine: &Engine, project: &str, service: Option<&str>) -> Result<Vec<Member>, Failure> {
    let all = engine.members(project).await.map_err(|error| failure(&error))?;
    let services = all.iter().map(|member| format!("`{}`", member.service)).collect::<Vec<_>>().join(", ");
    let members: Vec<_> = all.into_iter().filter(|member| service.is_none_or(|service| member.service == service)).collect();
    match (members.is_empty(), service) {
        (false, _) => Ok(members),
        (true, Some(service)) if !services.is_empty() => {
            let message = format!("the project `{project}` has no container of a service `{service}`");
            Err(Failure::new(FailureKind::Declined, message).hint(format!("it has {services}")))
        }
        (true, _) => Err(Failure::new(FailureKind::Declined, format!("the project `{project}` has no container"))
            .hint("bring it up: `genai-stack up`")
            .hint("or name the project that is meant: `--project-name NAME`")),
    }
}

/// What an engine's error means for the whole of what was asked for.
pub fn failure(error: &Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::NoEngine | ErrorKind::TooOld | ErrorKind::TooNew | ErrorKind::Timeout => FailureKind::Unreachable,
        ErrorKind::InvalidConfig => FailureKind::Settings,
        ErrorKind::NotFound => FailureKind::Declined,
        ErrorKind::NoPermission | ErrorKind::Conflict | ErrorKind::InUse | ErrorKind::BadRequest | ErrorKind::Unsupported => {
            FailureKind::Refused
        }
        _ => FailureKind::Unexpected,
    };
    Failure::of(kind, error).hints(error.hints())
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
