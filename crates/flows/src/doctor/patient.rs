//! One container, and all that the checks look at.

use auth_core::LoginToken;
use docker_ops::{
    ServiceSpec,
    autopsy::{Autopsy, KernelLog, Machine},
};
use settings::Settings;
use token_sync::scan::Scanner;

use crate::stack::redact::WITHHELD;

/// One container, and all that the checks look at.
pub(crate) struct Patient<'a> {
    pub(crate) autopsy: Autopsy,
    pub(crate) machine: &'a Machine,
    /// What the settings say must run.
    pub(crate) wanted: Option<&'a ServiceSpec>,
    /// What the kernel's log says of it; none if it was not given.
    pub(crate) kernel: Option<KernelLog>,
    pub(crate) cards: Cards,
    /// Of the project's secrets; none where a source of truth can't be read.
    pub(crate) scanner: Option<&'a Scanner>,
    /// The token of the source of truth.
    pub(crate) token: Option<&'a LoginToken>,
    pub(crate) settings: &'a Settings,
}

/// Whether the driver answers in the container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cards {
    /// How many cards there are, or why not; none if nobody asked.
    pub(crate) inside: Option<Result<usize, String>>,
    /// Why nobody answered who was asked.
    pub(crate) unanswered: Option<String>,
}

impl Patient<'_> {
    pub(crate) fn is_running(&self) -> bool {
        self.autopsy.state.status == "running"
    }

    /// What a container wrote, in one line and without a secret.
    pub(crate) fn shown(&self, text: &str) -> String {
        let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ");
        match self.scanner {
            Some(scanner) => scanner.redact(&line).chars().take(300).collect(),
            None => WITHHELD.to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use auth_core::FingerprintKey;
    use docker_ops::autopsy::State;
    use settings::{Flags, World};
    use token_sync::scan::Secret;

    use super::*;

    pub(crate) const TOKEN: &str = "a-made-up-token";

    /// What a check finds on a container that runs, once `change` was made to it.
    pub(crate) fn judged(
        judge: fn(&Patient<'_>) -> report::Finding,
        change: impl FnOnce(&mut Patient<'_>),
    ) -> (&'static str, report::Finding) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(&Flags::default(), &World::for_tests(folder.path())).unwrap();
        let token = LoginToken::new(TOKEN).unwrap();
        let scanner = Scanner::new(&[Secret::token("source", &token)], &FingerprintKey::new(b"test"));
        let machine = Machine { is_here: true, os: "linux".into(), architecture: "amd64".into(), ..Machine::default() };
        let state = State { status: "running".into(), ..State::default() };
        let mut patient = Patient {
            autopsy: Autopsy { name: "p-comfyui-1".into(), state, ..Autopsy::default() },
            machine: &machine,
            wanted: None,
            kernel: None,
            cards: Cards::default(),
            scanner: Some(&scanner),
            token: Some(&token),
            settings: &settings,
        };
        change(&mut patient);
        let finding = judge(&patient);
        (finding.outcome.name(), finding)
    }
}
