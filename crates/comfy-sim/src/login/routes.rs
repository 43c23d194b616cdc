//! `/login`, `/logout` and `/guest_mode`.

use std::sync::{Arc, PoisonError};

use http::header::SET_COOKIE;
use serde_json::json;

use super::Guard;
use super::page::Page;
use super::password::{self, User};
use super::session::Session;
use crate::app::App;
use crate::form::Form;
use crate::py::Raised;
use crate::reply::{Answer, Fault, Response, found, html, no_file, ok, set};
use crate::request::Request;
use crate::router::{Route, get, post};

pub(crate) fn routes() -> Vec<Route> {
    vec![get("/login", show), post("/login", log_in), get("/logout", log_out), get("/guest_mode", guest_mode)]
}

async fn show(app: Arc<App>, request: Request) -> Answer {
    let Some(guard) = &app.guard else {
        return Ok(no_file(&request.method));
    };
    if guard.key.session(&request).has("logged_in") {
        return Err(Fault::Found("/"));
    }
    let first_time = !guard.password.exists();
    let username = if first_time { None } else { guard.user()?.name };
    let page = Page {
        first_time,
        username: username.as_deref(),
        wrong_password: request.query("wrong_password").is_some_and(|wrong| !wrong.is_empty()),
        guests: guard.guests.exists(),
    };
    Ok(html(page.html()))
}

async fn log_in(app: Arc<App>, mut request: Request) -> Answer {
    let Some(guard) = &app.guard else {
        return Ok(no_file(&request.method));
    };
    let mut session = guard.key.session(&request);
    let form = Form::read(&mut request).await?;
    let name = form.text("username")?;
    let no_password = || Raised::new("AttributeError", "'NoneType' object has no attribute 'encode'");
    let given = form.text("password")?.ok_or_else(no_password)?.as_bytes().to_vec();

    if matches!(form.text("guest_mode"), Ok(Some("1"))) && guard.guests.exists() {
        session.set("guest_mode", true);
        return Ok(guard.redirect("/", &session));
    }
    let _turn = guard.logins.lock().await;
    if !guard.password.exists() {
        let salt = app.chance.bytes();
        let hash = off_the_loop(move || password::hash(&given, salt)).await?;
        password::write(&guard.password, hash.as_bytes(), name)?;
        let user = User { name: name.map(str::to_owned), hash: hash.into_bytes() };
        return Ok(guard.welcome(&mut session, user));
    }
    let mut user = guard.user()?;
    let line = user.hash.clone();
    if line.is_empty() || !off_the_loop(move || password::fits(&given, &line)).await? {
        return Ok(found("/login?wrong_password=1"));
    }
    if user.name.is_none() {
        password::write(&guard.password, &user.hash, name)?;
        user.name = name.map(str::to_owned);
    }
    Ok(guard.welcome(&mut session, user))
}

async fn log_out(app: Arc<App>, request: Request) -> Answer {
    let Some(guard) = &app.guard else {
        return Ok(no_file(&request.method));
    };
    let mut session = guard.key.session(&request);
    session.set("logged_in", false);
    session.remove("guest_mode");
    session.remove("username");
    Ok(guard.redirect("/login", &session))
}

async fn guest_mode(app: Arc<App>, request: Request) -> Answer {
    let guest = app.guard.as_ref().is_some_and(|guard| guard.key.session(&request).has("guest_mode"));
    ok(&json!({"guestMode": guest}))
}

async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> Result<T, Raised> + Send + 'static) -> Result<T, Raised> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Raised::new("RuntimeError", "bcrypt stopped")))
}

impl Guard {
    /// The user of the password file, as it was when it was first needed.
    fn user(&self) -> Result<User, Raised> {
        let mut kept = self.user.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = kept.as_ref() {
            return Ok(user.clone());
        }
        Ok(kept.insert(password::user(&self.password)?).clone())
    }

    /// Logs the session in, and keeps who it is.
    fn welcome(&self, session: &mut Session, user: User) -> Response {
        session.set("logged_in", true);
        session.set("username", user.name.clone());
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = Some(user);
        self.redirect("/", session)
    }

    fn redirect(&self, location: &'static str, session: &Session) -> Response {
        let mut response = found(location);
        set(&mut response, SET_COOKIE, &self.key.set_cookie(session));
        response
    }
}
