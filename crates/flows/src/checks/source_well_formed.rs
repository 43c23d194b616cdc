//! `source-well-formed`: the source of truth can be understood, and its token is a real bcrypt line.

use auth_core::{HashFault, Shape};
use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, warn};
use crate::{
    answers::chain,
    subject::{Source, Subject},
};

pub(crate) const CHECK: Check =
    Check { id: CheckId("source-well-formed"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let path = subject.settings.shown(subject.settings.source.value.path());
    let source = match &subject.source {
        Source::Absent => return skipped(id, "nothing to look at", "there is no source of truth"),
        Source::Broken(error) => return error.hints().iter().fold(fail(id, chain(error)), Finding::hint),
        Source::Known(source) => source,
    };
    match source.token().shape() {
        Shape::Bcrypt(hash) => pass(id, format!("a bcrypt hash of cost {}", hash.cost())),
        Shape::NotBcrypt(HashFault::Mangled(mangling)) => fail(id, format!("the token in `{path}` is {mangling}"))
            .hint(mangling.hint())
            .hint("then make a fresh token with `genai-auth setup --rotate`"),
        Shape::NotBcrypt(fault) => warn(id, format!("the token in `{path}` is not a bcrypt hash: {fault}")).hint(
            "programs can use it as Bearer, but the browser login answers 500; make a fresh one with `genai-auth setup --rotate`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn each_damage_is_named() {
        let project = Project::new();
        assert_eq!(outcome("source-well-formed", &project).await, "skipped");
        project.save("pw");
        let good = project.source();
        assert_eq!(outcome("source-well-formed", &project).await, "pass");
        let token = project.token();
        let cases = [
            (token.replace('$', "$$"), "fail", "over-doubled"),
            (format!("{}.SXfJ8VAtHc3jujq3UAj5WjBi", &token[..6]), "fail", "Compose"),
            (format!("{}4{}", &token[..28], &token[29..]), "warn", "no password can match"),
            ("machine-token".to_owned(), "warn", "not a bcrypt hash"),
            (format!("{token} "), "fail", "blanks"),
        ];
        for (damaged, expected, words) in cases {
            project.write_source(&good.replace(&token, &damaged));
            let finding = finding("source-well-formed", &project).await;
            assert_eq!(finding.outcome.name(), expected, "{finding:?}");
            assert!(finding.summary.contains(words), "{finding:?}");
            assert!(!format!("{finding:?}").contains(&token[7..]), "a finding shows the token");
        }
        project.write_source("{ not json");
        assert!(finding("source-well-formed", &project).await.summary.contains("not JSON"));
    }
}
