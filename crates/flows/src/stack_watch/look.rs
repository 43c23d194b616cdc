//! The containers of a project at one moment, and what is new between two.

use std::collections::BTreeMap;

use docker_ops::{Engine, ErrorKind, Member, ProjectScope, autopsy::Autopsy};
use report::{Failure, stack_watch::What};

use crate::{doctor::cause, stack::failure};

/// What is told of one container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    id: String,
    /// The engine's word for its state; its health too, where it runs and has a healthcheck.
    pub(super) state: String,
    restarts: u64,
    started_at: Option<String>,
    /// What ended it and what to do, unless it runs.
    why: Option<(String, String)>,
}

/// The one place that asks the engine.
pub(super) async fn at(engine: &Engine, project: &ProjectScope) -> Result<BTreeMap<String, Look>, Failure> {
    let mut looks = BTreeMap::new();
    let known = engine.members(project).await.map_err(|error| failure(&error))?;
    // The engine's events tell a kill from a kill, and are asked for only when something has ended.
    let mut machine = None;
    for Member { id, name, .. } in known {
        let seen = async {
            let glance = engine.glance(&id).await?;
            if !matches!(glance.state.status.as_str(), "exited" | "dead" | "restarting" | "created") {
                return Ok(glance);
            }
            if machine.is_none() {
                machine = Some(engine.machine().await?);
            }
            engine.autopsy(&id, machine.as_ref().unwrap_or(&docker_ops::autopsy::Machine::default())).await
        };
        match seen.await {
            Ok(autopsy) => {
                looks.insert(name, look(&autopsy));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {} // it went in between
            Err(error) => return Err(failure(&error)),
        }
    }
    Ok(looks)
}

fn look(autopsy: &Autopsy) -> Look {
    let state = &autopsy.state;
    let health = autopsy.health.as_ref().filter(|_| state.status == "running");
    let why = (!matches!(state.status.as_str(), "running" | "paused")).then(|| cause(autopsy, None));
    Look {
        id: autopsy.id.clone(),
        state: health.map_or_else(|| state.status.clone(), |health| format!("{}, {}", state.status, health.status)),
        restarts: state.restarts,
        started_at: state.started_at.clone(),
        why: why.map(|cause| (cause.what, cause.hint)),
    }
}

/// What is new, a container each.
pub(super) fn news(before: &BTreeMap<String, Look>, now: &BTreeMap<String, Look>) -> Vec<(Option<String>, What)> {
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| (name, What::Gone));
    let other = now.iter().filter_map(|(name, look)| Some((name, change(before.get(name), look)?)));
    gone.chain(other).map(|(name, what)| (Some(name.clone()), what)).collect()
}

fn change(before: Option<&Look>, now: &Look) -> Option<What> {
    let Some(before) = before.filter(|before| before.id == now.id) else {
        return Some(What::Appeared { state: now.state.clone() });
    };
    if before.state != now.state {
        return Some(What::Changed { before: before.state.clone(), now: now.state.clone(), why: now.why.clone() });
    }
    let began_anew = before.started_at != now.started_at;
    (began_anew || before.restarts != now.restarts).then_some(What::Restarted { count: now.restarts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_other_is_news() {
        let look = |id: &str, state: &str, restarts| Look { id: id.into(), state: state.into(), restarts, ..Look::default() };
        let of = |looks: &[(&str, Look)]| {
            looks.iter().map(|(name, look)| ((*name).to_owned(), look.clone())).collect::<BTreeMap<_, _>>()
        };
        let before = of(&[
            ("a", look("1", "running", 0)),
            ("b", look("2", "running", 0)),
            ("c", look("3", "running", 0)),
            ("d", look("4", "running", 0)),
        ]);
        let dead = Look { why: Some(("was killed".into(), "start it".into())), ..look("2", "exited", 0) };
        let now =
            of(&[("a", look("1", "running", 0)), ("b", dead), ("c", look("9", "running", 0)), ("e", look("5", "created", 0))]);
        let changed =
            What::Changed { before: "running".into(), now: "exited".into(), why: Some(("was killed".into(), "start it".into())) };
        let told = news(&before, &now);
        let wanted = [
            (Some("d".to_owned()), What::Gone),
            (Some("b".to_owned()), changed),
            (Some("c".to_owned()), What::Appeared { state: "running".into() }),
            (Some("e".to_owned()), What::Appeared { state: "created".into() }),
        ];
        assert_eq!(told, wanted);
        assert!(news(&now, &now).is_empty());
        let again = of(&[("a", look("1", "running", 1))]);
        assert_eq!(news(&of(&[("a", look("1", "running", 0))]), &again), [(Some("a".to_owned()), What::Restarted { count: 1 })]);
    }
}
