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
    ];
    Router::new(groups.into_iter().flatten().collect())
}
