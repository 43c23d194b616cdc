//! The node classes of the server, kept, and the workflow that is checked against them.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::client::Client;
use crate::error::Error;
use crate::judge::not_comfy;
use crate::request::Request;
use crate::workflow::{ObjectInfo, Problem, Workflow};

/// What was asked once.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(Mutex<Option<Arc<ObjectInfo>>>);

impl Client {
    /// Every node class of the server (`GET /object_info`). It is asked once, and kept by this client and its clones:
    /// with many custom nodes the description is megabytes long. [`Client::refresh_object_info`] asks anew.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let info = client.object_info().await?;
    /// assert!(info.class("KSampler").is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`]; [`ErrorKind::Protocol`](crate::ErrorKind::Protocol) for a description over the limit for
    /// answers in memory.
    pub async fn object_info(&self) -> Result<Arc<ObjectInfo>, Error> {
        // Of many who ask at once, one asks the server.
        let mut held = self.catalogue().0.lock().await;
        if let Some(info) = &*held {
            return Ok(info.clone());
        }
        Ok(held.insert(self.ask_object_info().await?).clone())
    }

    /// As [`Client::object_info`], but asks the server in any case: a model was put there, or a custom node.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let info = client.refresh_object_info().await?;
    /// println!("{} node classes", info.classes().count());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::object_info`], and then what was known before is kept.
    pub async fn refresh_object_info(&self) -> Result<Arc<ObjectInfo>, Error> {
        let fresh = self.ask_object_info().await?;
        *self.catalogue().0.lock().await = Some(fresh.clone());
        Ok(fresh)
    }

    async fn ask_object_info(&self) -> Result<Arc<ObjectInfo>, Error> {
        let answer = self.transport().json(&Request::get("/object_info")).await?;
        let odd = |_| not_comfy(self.url(), "does not describe its nodes").with_status(200);
        ObjectInfo::from_value(&answer).map(Arc::new).map_err(odd)
    }

    /// What the server would find wrong with the workflow, without sending it: [`Workflow::validate`], with its false alarms,
    /// against [`Client::object_info`], which is asked for at the first time only.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// for problem in client.dry_run(&workflow).await? {
    ///     eprintln!("{problem}"); // node `4` Load Checkpoint (…), input `ckpt_name`: … nearest: `flux/dev.safetensors`
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::object_info`]. What is wrong with the workflow is no error here.
    pub async fn dry_run(&self, workflow: &Workflow) -> Result<Vec<Problem>, Error> {
        Ok(workflow.validate(&*self.object_info().await?))
    }
}
