//! `nothing-left`: after `down`, nothing of what was to go is there any more.

use docker_ops::Plan;
use report::{CheckId, Finding};

use super::{fail, pass, skipped};

pub(super) const ID: CheckId = CheckId("nothing-left");

/// Judges what would still have to be removed; `None` if nothing was removed, since only a plan was wanted.
pub(crate) fn judge(left: Option<&Plan>) -> Finding {
    match left {
        None => skipped(ID, "not looked at", "dry run: nothing was removed"),
        Some(plan) if plan.steps.is_empty() => pass(ID, "nothing of what was to go is there any more"),
        Some(plan) => {
            let finding = fail(ID, "something came back while it was removed").hint("run the same command again");
            plan.steps.iter().fold(finding, |finding, step| finding.seen("to do", step.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use docker_ops::Step;

    use super::*;

    #[test]
    fn only_an_empty_plan_passes() {
        let mut left = Plan::default();
        left.steps.push(Step::RemoveNetwork { name: "p_default".into() });
        let outcome = |left: Option<&Plan>| judge(left).outcome.name();
        assert_eq!([outcome(Some(&Plan::default())), outcome(Some(&left)), outcome(None)], ["pass", "fail", "skipped"]);
    }
}
