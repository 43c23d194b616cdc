//! Orders that ComfyUI carries out without a word, and that touch more than one prompt.

use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;

impl Client {
    /// Takes everything out of the queue that waits, of everybody; what runs is left alone (`POST /queue`). Their owners
    /// hear nothing of it.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// client.clear_queue().await?;
    /// assert!(client.queue().await?.pending.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn clear_queue(&self) -> Result<(), Error> {
        self.transport().order(&Request::post("/queue").json(&json!({"clear": true}))).await
    }

    /// Makes the server forget these runs; their files stay (`POST /history`). Unknown ids are no error.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, job: comfy_client::Job) -> Result<(), comfy_client::Error> {
    /// client.delete_history([job.prompt_id()]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn delete_history<I>(&self, ids: I) -> Result<(), Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.delete("/history", ids).await.map(drop)
    }

    /// Orders that what has one of these ids is taken out of the list behind `path`; the ids. Of none nothing is sent.
    pub(crate) async fn delete<I>(&self, path: &str, ids: I) -> Result<Vec<String>, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let ids: Vec<String> = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
        if !ids.is_empty() {
            self.transport().order(&Request::post(path).json(&json!({"delete": ids}))).await?;
        }
        Ok(ids)
    }

    /// Makes the server forget every run, of everybody; their files stay (`POST /history`).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// client.clear_history().await?;
    /// assert!(client.histories(1, None).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn clear_history(&self) -> Result<(), Error> {
        self.transport().order(&Request::post("/history").json(&json!({"clear": true}))).await
    }

    /// Lets the server give memory back as soon as nothing runs (`POST /free`): unload the models from the device, and
    /// with `free_memory` forget what nodes computed too, which unloads the models as well.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// client.free(true, false).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn free(&self, unload_models: bool, free_memory: bool) -> Result<(), Error> {
        let wish = json!({"unload_models": unload_models, "free_memory": free_memory});
        self.transport().order(&Request::post("/free").json(&wish)).await
    }
}
