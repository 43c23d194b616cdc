//! A workflow with all that can be said when it is submitted.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::request::Body;
use crate::secret::Secret;
use crate::workflow::Workflow;

/// A workflow and how it is to be submitted, for [`Client::submit_with`].
///
/// ```no_run
/// use comfy_client::{Client, Secret, Submission, Workflow};
///
/// # async fn example(client: Client, workflow: Workflow, key: Secret) -> Result<(), comfy_client::Error> {
/// let urgent = Submission::new(&workflow).front().only(["9"]).secret("api_key_comfy_org", key);
/// let job = client.submit_with(&urgent).await?;
/// # let _ = job;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is sent until it is given to `Client::submit_with`"]
pub struct Submission<'a> {
    pub(crate) workflow: &'a Workflow,
    pub(crate) prompt_id: Option<String>,
    /// Whether the id was never sent before.
    pub(crate) fresh: bool,
    order: Order,
    targets: Vec<String>,
    image_nodes: HashSet<String>,
    extra: Map<String, Value>,
    secrets: Vec<(String, Secret)>,
}

/// Where in the queue it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Back,
    Front,
    Number(f64),
}

/// The body of `POST /prompt`, in this order.
#[derive(Serialize)]
struct Prompt<'a> {
    prompt: &'a Map<String, Value>,
    prompt_id: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    front: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    partial_execution_targets: &'a [String],
    #[serde(skip_serializing_if = "Map::is_empty")]
    extra_data: Map<String, Value>,
}

impl<'a> Submission<'a> {
    /// The workflow as [`Client::submit`] sends it.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow);
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn new(workflow: &'a Workflow) -> Self {
        Self {
            workflow,
            prompt_id: None,
            fresh: false,
            order: Order::Back,
            targets: Vec::new(),
            image_nodes: HashSet::new(),
            extra: Map::new(),
            secrets: Vec::new(),
        }
    }

    /// Puts it before all that wait.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow).front();
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn front(mut self) -> Self {
        self.order = Order::Front;
        self
    }

    /// Puts it at this place: lower numbers run first. ComfyUI itself counts 0, 1, 2 … since its start, and downwards for
    /// [`Submission::front`].
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow).number(-3.5);
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn number(mut self, number: f64) -> Self {
        self.order = Order::Number(number);
        self
    }

    /// Runs only what these nodes need (`partial_execution_targets`); they must be output nodes.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow).only(["9"]);
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn only<I>(mut self, nodes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.targets = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds to what goes along beside the workflow (`extra_data`), such as `preview_method`.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow).extra("preview_method", "taesd");
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Adds a key that a node needs, such as `api_key_comfy_org`. It goes where a credential may go, and is shown
    /// nowhere; but older versions of ComfyUI show it in their queue to everybody whom they
    /// let in.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow, key: comfy_client::Secret) {
    /// let submission = comfy_client::Submission::new(&workflow).secret("api_key_comfy_org", key);
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn secret(mut self, name: impl Into<String>, secret: Secret) -> Self {
        self.secrets.push((name.into(), secret));
        self
    }

    /// Keeps the pictures that these nodes send over the WebSocket as results ([`Run::ws_images`](crate::Run::ws_images)),
    /// beside those of the nodes whose class has `websocket` in its name.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow).images_from(["12"]);
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn images_from<I>(mut self, nodes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.image_nodes.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Gives it an id that was drawn, and written down, before: a canonical lowercase UUID. If the server knows the id
    /// already, nothing is sent and that prompt is followed, so a program that was stopped can do the same again.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let submission = comfy_client::Submission::new(&workflow).prompt_id("0b5b1f7e-8b5e-4c3a-9d56-0123456789ab");
    /// # let _ = submission;
    /// # }
    /// ```
    pub fn prompt_id(mut self, id: impl Into<String>) -> Self {
        (self.prompt_id, self.fresh) = (Some(id.into()), false);
        self
    }

    /// Gives it an id that was drawn just now ([`Client::draw_prompt_id`]) and never sent: the server is not asked whether it
    /// knows it. So the id is known before anything is sent, at no cost.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// use comfy_client::Submission;
    ///
    /// let id = client.draw_prompt_id()?;
    /// let submission = Submission::new(&workflow).fresh_id(&id);
    /// tokio::select! {
    ///     job = client.submit_with(&submission) => drop(job?),
    ///     // The workflow may be in the queue all the same.
    ///     () = tokio::time::sleep(std::time::Duration::from_secs(5)) => drop(client.cancel(&id).await?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn fresh_id(mut self, id: impl Into<String>) -> Self {
        (self.prompt_id, self.fresh) = (Some(id.into()), true);
        self
    }

    /// The nodes whose pictures are results, not previews.
    pub(crate) fn image_nodes(&self) -> HashSet<String> {
        let sends = |node: &Value| node["class_type"].as_str().is_some_and(|class| class.to_lowercase().contains("websocket"));
        let known = self.workflow.nodes().iter().filter(|(_, node)| sends(node)).map(|(id, _)| id.clone());
        known.chain(self.image_nodes.iter().cloned()).collect()
    }

    /// Finds what cannot be sent.
    pub(crate) fn check(&self, client: &Client) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        if let Some(id) = self.prompt_id.as_deref().filter(|id| !is_canonical(id)) {
            return wrong(format!("`{}` is no prompt id: ComfyUI takes a lowercase UUID with hyphens", id.escape_debug()));
        }
        if matches!(self.order, Order::Number(number) if !number.is_finite()) {
            return wrong("the number in the queue is no number".to_owned());
        }
        if self.secrets.is_empty() { Ok(()) } else { client.transport().config().admits_secret("a key") }
    }

    /// The body of `POST /prompt`.
    pub(crate) fn body(&self, prompt_id: &str, client_id: &str) -> Result<Body, Error> {
        let mut extra = self.extra.clone();
        if let Some(ui) = self.workflow.ui() {
            let info = extra.entry("extra_pnginfo").or_insert_with(|| json!({}));
            if let Some(info) = info.as_object_mut() {
                info.entry("workflow").or_insert_with(|| ui.to_value());
            }
        }
        for (name, secret) in &self.secrets {
            extra.insert(name.clone(), secret.expose().into());
        }
        let prompt = Prompt {
            prompt: self.workflow.nodes(),
            prompt_id,
            client_id,
            front: self.order == Order::Front,
            number: if let Order::Number(number) = self.order { Some(number) } else { None },
            partial_execution_targets: &self.targets,
            extra_data: extra,
        };
        let text = serde_json::to_string(&prompt)
            .map_err(|cause| Error::new(ErrorKind::InvalidWorkflow, "the workflow can't be written as JSON").because(cause))?;
        Ok(if self.secrets.is_empty() { Body::Json(text) } else { Body::SecretJson(Zeroizing::new(text).as_str().into()) })
    }
}

impl fmt::Debug for Submission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<&str> = self.secrets.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Submission")
            .field("prompt_id", &self.prompt_id)
            .field("order", &self.order)
            .field("targets", &self.targets)
            .field("secrets", &secrets)
            .finish_non_exhaustive()
    }
}

/// Whether this is a UUID as ComfyUI writes and takes it.
fn is_canonical(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.hyphenated().to_string() == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const ID: &str = "0b5b1f7e-8b5e-4c3a-9d56-0123456789ab";

    fn workflow() -> Workflow {
        Workflow::from_json(r#"{"1": {"class_type": "SaveImage", "inputs": {}}}"#).unwrap()
    }

    fn sent(submission: &Submission<'_>) -> String {
        match submission.body("p", "c").unwrap() {
            Body::Json(text) => text,
            Body::SecretJson(secret) => format!("secret: {}", secret.expose()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_wish_has_its_place_in_the_body() {
        let workflow = workflow();
        let ui = crate::UiWorkflow::from_json(r#"{"nodes": []}"#).unwrap();
        let both = workflow.clone().with_ui(ui);
        let new = || Submission::new(&workflow);
        let bodies = [
            new(),
            new().front(),
            new().number(-2.5).only(["1", "12:3"]),
            new().extra("preview_method", "auto").secret("api_key_comfy_org", "k3y".into()),
            Submission::new(&both),
            Submission::new(&both).extra("extra_pnginfo", json!({"note": 1})),
        ];
        let shown: Vec<String> = bodies.iter().map(|submission| sent(submission)).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        {"prompt":{"1":{"class_type":"SaveImage","inputs":{}}},"prompt_id":"p","client_id":"c"}
        {"prompt":{"1":{"class_type":"SaveImage","inputs":{}}},"prompt_id":"p","client_id":"c","front":true}
        {"prompt":{"1":{"class_type":"SaveImage","inputs":{}}},"prompt_id":"p","client_id":"c","number":-2.5,"partial_execution_targets":["1","12:3"]}
        secret: {"prompt":{"1":{"class_type":"SaveImage","inputs":{}}},"prompt_id":"p","client_id":"c","extra_data":{"preview_method":"auto","api_key_comfy_org":"k3y"}}
        {"prompt":{"1":{"class_type":"SaveImage","inputs":{}}},"prompt_id":"p","client_id":"c","extra_data":{"extra_pnginfo":{"workflow":{"nodes":[]}}}}
        {"prompt":{"1":{"class_type":"SaveImage","inputs":{}}},"prompt_id":"p","client_id":"c","extra_data":{"extra_pnginfo":{"note":1,"workflow":{"nodes":[]}}}}
        "#);
    }

    #[test]
    fn a_key_is_not_shown_and_does_not_go_over_plain_http() {
        let workflow = workflow();
        let submission = Submission::new(&workflow).secret("api_key_comfy_org", "k3y".into());
        assert!(!format!("{submission:?} {:?}", submission.body("p", "c")).contains("k3y"));
        let client = |config: Config| Client::new(config).unwrap();
        submission.check(&client(Config::new("http://127.0.0.1").unwrap())).unwrap();
        let error = submission.check(&client(Config::new("http://gpu.example.org").unwrap())).unwrap_err();
        assert_eq!(error.to_string(), "a key would go over plain http to `http://gpu.example.org`");
    }

    #[test]
    fn what_no_server_takes_is_not_sent() {
        let (workflow, client) = (workflow(), Client::new(Config::new("http://127.0.0.1").unwrap()).unwrap());
        let upper = ID.to_uppercase();
        for wrong in ["", "p1", upper.as_str(), &ID.replace('-', "")] {
            Submission::new(&workflow).prompt_id(wrong).check(&client).unwrap_err();
        }
        Submission::new(&workflow).prompt_id(ID).check(&client).unwrap();
        Submission::new(&workflow).number(f64::NAN).check(&client).unwrap_err();
    }
}
