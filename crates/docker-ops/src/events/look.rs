//! The containers of a project as they are now, for the comparison after a lost connection.

use std::collections::{BTreeMap, HashMap};

use bollard::query_parameters::ListContainersOptions;
use jiff::Timestamp;

use super::ledger::Found;
use crate::{Engine, Error, ErrorKind};

/// Every container with one of the labels, and when it last began and ended.
pub(super) async fn containers(engine: &Engine, labels: &[String]) -> Result<Vec<Found>, Error> {
    let filters = HashMap::from([("label".to_owned(), labels.to_vec())]);
    let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
    let listed = engine.docker().list_containers(Some(options)).await.map_err(|error| Error::of("the containers", error))?;
    let mut found = Vec::new();
    for one in listed {
        let Some(id) = one.id else { continue };
        let looked =
            engine.docker().inspect_container(&id, None).await.map_err(|error| Error::of(format!("container `{id}`"), error));
        let state = match looked {
            Ok(looked) => looked.state.unwrap_or_default(),
            // Gone since it was listed: as good as not listed.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut attributes: BTreeMap<String, String> = one.labels.unwrap_or_default().into_iter().collect();
        attributes.extend(one.image.map(|image| ("image".to_owned(), image)));
        let name = one.names.unwrap_or_default().into_iter().next();
        attributes.extend(name.map(|name| ("name".to_owned(), name.trim_start_matches('/').to_owned())));
        found.push(Found {
            id,
            // In the pause before a restart it counts as running, and does not run.
            running: state.running.unwrap_or_default() && !state.restarting.unwrap_or_default(),
            exit_code: state.exit_code,
            started: moment(state.started_at),
            finished: moment(state.finished_at),
            attributes,
        });
    }
    Ok(found)
}

/// The engine's clock.
pub(super) async fn now(engine: &Engine) -> Result<Timestamp, Error> {
    let info = engine.docker().info().await.map_err(|error| Error::of("the engine's state", error))?;
    moment(info.system_time).ok_or_else(|| Error::new(ErrorKind::Protocol, "the engine does not say what time it has"))
}

/// A moment as the engine writes it; the year 1 stands for never.
fn moment(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok().filter(|at: &Timestamp| *at > Timestamp::UNIX_EPOCH)
}
