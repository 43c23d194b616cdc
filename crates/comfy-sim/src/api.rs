//! The HTTP routes, one file per group.

mod catalogue;
mod files;
mod history;
mod internal;
mod models;
mod prompt;
mod queue;
mod root;
mod settings;
mod upload;
mod userdata;
mod view;

use crate::login;
use crate::py::Raised;
use crate::reply::Fault;
use crate::router::{Route, Router};
use crate::socket;

/// All routes of a server; those of the login only where the plugin is.
pub(crate) fn router(with_login: bool) -> Router {
    let groups: Vec<Vec<Route>> = vec![
        root::routes(),
        socket::routes(),
        prompt::routes(),
        queue::routes(),
        history::routes(),
        upload::routes(),
        view::routes(),
        catalogue::routes(),
        models::routes(),
        settings::routes(),
        userdata::routes(),
        internal::routes(),
        if with_login { login::routes() } else { Vec::new() },
        if with_login { root::of_plugin() } else { Vec::new() },
    ];
    Router::new(groups.into_iter().flatten().collect())
}

/// Does what may take long away from the event loop, and gives what came of it.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Raised::new("RuntimeError", "the work was not done").into()))
}
