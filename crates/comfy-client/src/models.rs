//! What a server has: models, embeddings, features, extensions.

use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::judge::not_comfy;
use crate::request::{Request, segment};

impl Client {
    /// The folders of models, such as `checkpoints` and `loras` (`GET /models`).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// for folder in client.model_folders().await? {
    ///     let models = client.models(&folder).await?.unwrap_or_default();
    ///     println!("{folder}: {}", models.join(", "));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn model_folders(&self) -> Result<Vec<String>, Error> {
        self.names("/models").await
    }

    /// The models in a folder, as workflows name them (`GET /models/FOLDER`); none where there is no such folder.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// match client.models("checkpoints").await? {
    ///     Some(names) => println!("{}", names.join(", ")),
    ///     None => println!("no such folder"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`]; [`ErrorKind::InvalidConfig`] for a name that is empty, `.` or `..`.
    pub async fn models(&self, folder: &str) -> Result<Option<Vec<String>>, Error> {
        match self.names(&format!("/models/{}", segment("folder of models", folder)?)).await {
            // An older server that does not know the route at all answers the same.
            Err(error) if error.kind() == ErrorKind::NotComfy && error.status() == Some(404) => Ok(None),
            answered => answered.map(Some),
        }
    }

    /// The embeddings, as prompts name them: without extension (`GET /embeddings`).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// for name in client.embeddings().await? {
    ///     println!("embedding:{name}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn embeddings(&self) -> Result<Vec<String>, Error> {
        self.names("/embeddings").await
    }

    /// The JavaScript files that the server's extensions bring to the editor (`GET /extensions`).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let manager = client.extensions().await?.iter().any(|file| file.contains("Manager"));
    /// # let _ = manager;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn extensions(&self) -> Result<Vec<String>, Error> {
        self.names("/extensions").await
    }

    /// What the server can do, by name, such as `max_upload_size` in bytes (`GET /features`); empty for older servers.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let limit = client.features().await?.get("max_upload_size").and_then(serde_json::Value::as_u64);
    /// # let _ = limit;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn features(&self) -> Result<Map<String, Value>, Error> {
        match self.transport().json(&Request::get("/features")).await {
            Ok(Value::Object(features)) => Ok(features),
            Ok(_) => Err(not_comfy(self.url(), "does not say what it can do").with_status(200)),
            Err(error) if error.kind() == ErrorKind::NotComfy && error.status() == Some(404) => Ok(Map::new()),
            Err(error) => Err(error),
        }
    }

    async fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let answer = self.transport().json(&Request::get(path)).await?;
        let names = answer.as_array().and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        names.ok_or_else(|| not_comfy(self.url(), &format!("does not list names at `{path}`")).with_status(200))
    }
}
