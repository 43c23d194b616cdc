//! A command in a service's container.

use docker_ops::{Engine, ExecCommand, ExecEnd, ExecInput, ExecOutput, ProjectScope};
use report::{Failure, FailureKind};
use tokio::sync::mpsc;

use super::{failure, members, redact::Redaction};

/// Runs `command` in the first running container of `service`.
///
/// # Errors
/// A command or variable that holds a secret; an engine that does not answer; a service without a container; no end in time.
pub async fn run(
    engine: &Engine,
    project: &ProjectScope,
    service: &str,
    command: &ExecCommand,
    redaction: &Redaction,
    input: ExecInput,
    output: &mpsc::Sender<ExecOutput>,
) -> Result<ExecEnd, Failure> {
    without_secrets(command, redaction)?;
    let members = members(engine, project, Some(service)).await?;
    let member = members.iter().find(|member| member.running).unwrap_or(&members[0]);
    engine.exec(&member.id, command, input, output).await.map_err(|error| failure(&error))
}

/// The engine shows a command and its variables to everyone who may ask it, and tells them in its events.
fn without_secrets(command: &ExecCommand, redaction: &Redaction) -> Result<(), Failure> {
    let refused = |what: String| {
        Err(Failure::new(FailureKind::Usage, format!("{what} holds a secret, and everyone who may ask the engine would read it"))
            .hint("let the command read it from a file, such as ComfyUI's own `login/PASSWORD`")
            .hint("or pipe it in: `--interactive < FILE`"))
    };
    if let Some(pair) = command.environment.iter().find(|pair| redaction.finds(pair)) {
        return refused(format!("the variable `{}`", pair.split('=').next().unwrap_or_default()));
    }
    match command.command.iter().position(|word| redaction.finds(word)) {
        Some(nth) => refused(format!("word {} of the command", nth + 1)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::Project;

    #[test]
    fn a_command_that_holds_a_secret_is_refused_without_repeating_it() {
        let project = Project::new();
        project.save("correct horse");
        let redaction = Redaction::of(&[project.settings()]).unwrap();
        let token = project.token();
        let command = |words: &[&str], environment: &[String]| ExecCommand {
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: environment.to_vec(),
            ..ExecCommand::default()
        };
        assert_eq!(without_secrets(&command(&["env"], &["A=b".to_owned()]), &redaction), Ok(()));
        for (held, what) in [
            (command(&["env"], &[format!("TOKEN={token}")]), "the variable `TOKEN`"),
            (command(&["echo", "a", "correct horse"], &[]), "word 3 of the command"),
            (command(&["curl", &format!("?token={}", token.replace('$', "%24"))], &[]), "word 2 of the command"),
        ] {
            let failure = without_secrets(&held, &redaction).unwrap_err();
            assert!(failure.message.starts_with(what), "{failure}");
            assert!(!redaction.finds(&format!("{failure:?}")));
        }
    }
}
