//! Who a request is from, and where that user's files lie. Without `--multi-user` there is one user, `default`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use http::header::HeaderName;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use tokio::fs;

use crate::chance::Chance;
use crate::py::path::inside;
use crate::py::{self, Raised};
use crate::reply::Fault;
use crate::request::Request;

/// The users of one server, by id.
pub(crate) struct Users {
    folder: PathBuf,
    multi: bool,
    names: Mutex<Map<String, Value>>,
}

impl Users {
    /// With `multi`, those of `users.json`; a file that is missing or broken holds none.
    pub(crate) fn load(folder: PathBuf, multi: bool) -> Self {
        let names = if multi {
            let text = std::fs::read(folder.join("users.json")).unwrap_or_default();
            serde_json::from_slice(&text).unwrap_or_default()
        } else {
            Map::from_iter([("default".to_owned(), json!("default"))])
        };
        Self { folder, multi, names: Mutex::new(names) }
    }

    /// What `/users` tells.
    pub(crate) fn listing(&self) -> Value {
        if self.multi {
            return json!({"storage": "server", "users": *self.lock()});
        }
        json!({"storage": "server", "migrated": self.folder.join("default").exists()})
    }

    /// Whether a user has that name.
    pub(crate) fn has(&self, name: &Value) -> bool {
        self.lock().values().any(|known| known == name)
    }

    /// A new user: the id is made of the name and of chance.
    pub(crate) async fn add(&self, name: &str, chance: &Chance) -> Result<String, Fault> {
        let name = name.trim();
        if name.is_empty() {
            return Err(Raised::new("ValueError", "username not provided").into());
        }
        let mut id = String::new();
        for c in name.chars() {
            let kept = c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if kept {
                id.push(c);
            } else if !id.ends_with('\0') {
                id.push('\0');
            }
        }
        let id = format!("{}_{}", id.replace('\0', "-"), chance.uuid4());
        let all = {
            let mut names = self.lock();
            names.insert(id.clone(), json!(name));
            py::json::dumps(&Value::Object(names.clone()))
        };
        fs::write(self.folder.join("users.json"), all).await?;
        Ok(id)
    }

    /// The folder of the request's user.
    pub(crate) fn home(&self, request: &Request) -> Result<PathBuf, Raised> {
        let asked = request.header(HeaderName::from_static("comfy-user")).filter(|_| self.multi);
        let user = asked.unwrap_or_else(|| "default".to_owned());
        if !self.lock().contains_key(&user) {
            return Err(Raised::new("KeyError", format!("Unknown user: {user}")));
        }
        Ok(self.folder.join(user))
    }

    /// A file of the request's user, whose name may be percent-encoded once more; `None` if it lies outside.
    pub(crate) fn find(&self, request: &Request, file: &str) -> Result<Option<PathBuf>, Raised> {
        Ok(inside(&self.home(request)?, &percent_decode_str(file).decode_utf8_lossy()))
    }

    /// The same, and makes the folder that the file lies in, as ComfyUI does even where it only looks.
    pub(crate) async fn file(&self, request: &Request, file: &str) -> Result<Option<PathBuf>, Fault> {
        let found = self.find(request, file)?;
        if let Some(parent) = found.as_ref().and_then(|path| path.parent()).filter(|parent| !parent.exists()) {
            fs::create_dir_all(parent).await?;
        }
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Map<String, Value>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
