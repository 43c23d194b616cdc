//! What is to run: the settings of all services in one specification, judged before an engine is asked.

use docker_ops::{Severity, StackSpec, Violation};
use report::{Failure, FailureKind};
use settings::{Flags, Settings, World};

/// A specification that may be run, and what speaks against parts of it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The settings that it was made of, one for each service.
    pub settings: Vec<Settings>,
    /// The specification.
    pub spec: StackSpec,
    /// What should be better.
    pub warnings: Vec<Violation>,
}

/// The stack that `flags` mean: every service of `genai.toml`, unless one is named.
///
/// # Errors
/// Settings that can't be used; a specification that should not run, with each reason.
pub fn stack(flags: &Flags, world: &World) -> Result<Wanted, Failure> {
    let settings = Settings::load_stack(flags, world)?;
    let spec = Settings::stack_spec(&settings)?;
    let (refused, warnings): (Vec<_>, Vec<_>) = spec.check().into_iter().partition(|one| one.severity == Severity::Refuse);
    if refused.is_empty() {
        return Ok(Wanted { settings, spec, warnings });
    }
    let mut failure =
        Failure::new(FailureKind::Settings, format!("the stack `{}` should not run as it is written", spec.project));
    failure.causes = refused.iter().map(ToString::to_string).collect();
    let mut hints: Vec<&str> = refused.iter().map(|one| one.hint.as_str()).collect();
    hints.dedup();
    Err(failure.hints(&hints))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(toml: &str) -> Result<Wanted, Failure> {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("genai.toml"), format!("[stack]\nproject = 'p'\nimage = 'a'\n{toml}")).unwrap();
        stack(&Flags::default(), &World::for_tests(project.path()))
    }

    #[test]
    fn what_forbids_it_stops_and_what_speaks_against_it_is_told() {
        let well = wanted("memory = '48g'\n").unwrap();
        assert_eq!((well.spec.services.len(), well.warnings.len()), (1, 0));
        assert_eq!(wanted("").unwrap().warnings.len(), 1, "memory without a bound");
        let failure = wanted("address = '0.0.0.0'\nenvironment = { HF_TOKEN = 'hunter2' }\n").unwrap_err();
        assert_eq!((failure.kind, failure.causes.len(), failure.hints.len()), (FailureKind::Settings, 2, 2));
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
}
