//! A workflow goes to the server exactly once, though the answer may be lost on the way.
//!
//! The limit: a proxy that gives up on a request (502, 504) and delivers it after all, later than both looks for it, makes it run
//! twice under one id. Nothing that a client can ask tells such a request from a lost one. After an answer that is known to
//! come from one that still works at it (520, 524), or that nobody understands, it is looked for, but not sent again. Nor is it to
//! a server that draws the id itself: it can't be looked for there.

use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::job::Job;
use crate::judge;
use crate::queue::Place;
use crate::rejection::{self, InputError, NodeError};
use crate::request::Request;
use crate::submission::Submission;
use crate::workflow::Workflow;

/// Between two looks that must both find nothing before a prompt is sent again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// How long a prompt waits for the connection that tells of it: without, it is followed by looking.
const SOCKET_WAIT: Duration = Duration::from_secs(2);

/// The first release that takes the id from the client (pull request 8189, July 2025); those before draw one themselves.
const TAKES_THE_ID: [u64; 3] = [0, 3, 45];

/// How long an id may be that a server made; a UUID has 36.
const LONGEST_ID: usize = 128;

/// Of how many rejected nodes the server's description is asked for.
const EXPLAINED: usize = 8;

/// What the server took.
#[derive(Debug, PartialEq)]
struct Accepted {
    prompt_id: String,
    dropped: Vec<NodeError>,
}

impl Client {
    /// Opens the WebSocket now, which the first [`Client::submit`] would else do, and says whether it is open. Nothing depends
    /// on it: where it can't be opened, prompts are followed by looking.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) {
    /// if !client.connect().await {
    ///     eprintln!("{} opens no WebSocket now: there will be no previews", client.url());
    /// }
    /// # }
    /// ```
    pub async fn connect(&self) -> bool {
        self.open_socket(false).await
    }

    async fn open_socket(&self, wanted: bool) -> bool {
        self.socket().open(self.transport().config().connect_timeout.min(SOCKET_WAIT), wanted).await
    }

    /// Submits a workflow, and follows it.
    ///
    /// The prompt's id is made here. If the answer is lost, the server's queue and history are searched for that id, and
    /// only if neither has it, twice, is the workflow sent again, under the same id. A server that does not tell that it is
    /// ComfyUI 0.3.45 (July 2025) or later draws ids itself, so nobody can look: there the lost answer is the error.
    ///
    /// Dropping the future does not take back what was sent: the prompt may be in the queue, under an id that nobody knows.
    /// Where that can happen, draw the id first and give it with [`Submission::fresh_id`].
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let job = client.submit(&workflow).await?;
    /// println!("{}", job.wait(std::time::Duration::from_secs(600)).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Rejected`] for a workflow that ComfyUI does not accept, with [`Error::node_errors`]; also for one of
    /// which it would drop some outputs, unless that is allowed: what it queued is taken back then.
    /// [`ErrorKind::TooLarge`], [`ErrorKind::Refused`], and trouble on the way. Where the prompt may be in the queue all the
    /// same, [`Error::prompt_id`] names it.
    pub async fn submit(&self, workflow: &Workflow) -> Result<Job, Error> {
        self.submit_with(&Submission::new(workflow)).await
    }

    /// Submits a workflow in the way that the [`Submission`] says, and follows it; else as [`Client::submit`], also where the
    /// future is dropped.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let urgent = comfy_client::Submission::new(&workflow).front();
    /// let job = client.submit_with(&urgent).await?;
    /// # let _ = job;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::submit`]; and [`ErrorKind::InvalidConfig`] for an id that ComfyUI would not take, and for a key that
    /// would go over plain http to another machine.
    #[tracing::instrument(level = "debug", name = "submit", skip_all, fields(server = self.url(), prompt_id))]
    pub async fn submit_with(&self, submission: &Submission<'_>) -> Result<Job, Error> {
        submission.check(self)?;
        let (config, workflow) = (self.transport().config(), submission.workflow);
        let prompt_id = match &submission.prompt_id {
            None => config.ids.prompt_id()?,
            Some(id) if !submission.fresh && self.find(id).await? => return self.job(id),
            Some(id) => id.clone(),
        };
        tracing::Span::current().record("prompt_id", prompt_id.as_str());
        // First the subscription, which holds the client id in place, then the connection, then the prompt.
        let mut subscription = self.socket().registry().subscribe(&prompt_id, submission.image_nodes());
        self.open_socket(!subscription.wanted().is_empty()).await;
        let client_id = self.socket().registry().client_id();
        let linked = subscription.begin();
        let request = Request::post("/prompt").body(submission.body(&prompt_id, &client_id)?);
        let mut accepted = match self.deliver(&request, &prompt_id).await {
            Ok(accepted) => accepted,
            Err(error) => {
                let nodes = self.explain(error.node_errors().to_vec(), workflow).await;
                return Err(error.with_node_errors(nodes));
            }
        };
        rejection::join(&mut accepted.dropped, workflow.nodes());
        tracing::debug!(prompt_id = accepted.prompt_id, linked, "submitted");
        if accepted.prompt_id != prompt_id {
            subscription.rename(&accepted.prompt_id);
        }
        if !accepted.dropped.is_empty() && !workflow.allow_partial {
            return Err(self.take_back(accepted, workflow).await);
        }
        Ok(Job::follow(self.clone(), subscription, Some(linked), accepted.dropped))
    }

    /// An id for a prompt to come, for [`Submission::fresh_id`]: a random UUID, from where the client takes its ids.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let id = client.draw_prompt_id()?;
    /// println!("will run as {id}"); // Told, or written down, before anything is sent.
    /// let job = client.submit_with(&comfy_client::Submission::new(&workflow).fresh_id(&id)).await?;
    /// assert_eq!(job.prompt_id(), id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the system has no random bytes.
    pub fn draw_prompt_id(&self) -> Result<String, Error> {
        self.transport().config().ids.prompt_id()
    }

    /// Adds what the workflow says of these nodes, and the nearest names where the server has others to choose from.
    async fn explain(&self, mut errors: Vec<NodeError>, workflow: &Workflow) -> Vec<NodeError> {
        rejection::join(&mut errors, workflow.nodes());
        let unclear = errors.iter_mut().filter(|error| error.errors.iter().any(InputError::lacks_choices));
        for error in unclear.take(EXPLAINED) {
            // Without the description the error is as true, only shorter.
            let Ok(Some(class)) = self.object_info_class(&error.class_type).await else { continue };
            for error in &mut error.errors {
                let choices = error.input.as_deref().filter(|_| error.lacks_choices()).and_then(|input| class.choices(input));
                if let Some(choices) = choices {
                    error.with_choices(&choices);
                }
            }
        }
        errors
    }

    async fn deliver(&self, request: &Request, prompt_id: &str) -> Result<Accepted, Error> {
        let lost = match self.send_prompt(request).await {
            Err(error) if !error.is_final() => error,
            settled => return settled,
        };
        tracing::debug!(prompt_id, error = %lost, "no answer to the submission: looking for it");
        let found = || Ok(Accepted { prompt_id: prompt_id.to_owned(), dropped: Vec::new() });
        if self.is_known(prompt_id, &lost).await? {
            return found();
        }
        if !may_be_sent_again(&lost) {
            return Err(lost.in_doubt(prompt_id));
        }
        let looked = Instant::now();
        let takes_the_id = || async { Ok(self.system_stats().await?.is_since(TAKES_THE_ID)) };
        if !self.persist(takes_the_id, prompt_id, &lost).await? {
            return Err(lost.in_doubt(prompt_id).hint("before ComfyUI 0.3.45 it would be under another id: look at the queue"));
        }
        if let Some(pause) = lost.retry_after() {
            sleep(pause.min(self.transport().config().request_timeout)).await;
        }
        // It may have come in meanwhile.
        if looked.elapsed() >= BETWEEN_LOOKS && self.is_known(prompt_id, &lost).await? {
            return found();
        }
        let error = match self.send_prompt(request).await {
            Err(error) if error.kind() != ErrorKind::Rejected => error,
            settled => return settled,
        };
        if !error.is_final() && self.is_known(prompt_id, &error).await? { found() } else { Err(error.in_doubt(prompt_id)) }
    }

    async fn send_prompt(&self, request: &Request) -> Result<Accepted, Error> {
        let answer = self.transport().json(request).await?;
        accepted(&answer)
            .ok_or_else(|| judge::unnamed(self.url(), &answer, "accepted the workflow without a `prompt_id` that can be one"))
    }

    /// Whether queue or history have the prompt.
    async fn is_known(&self, prompt_id: &str, lost: &Error) -> Result<bool, Error> {
        self.persist(|| self.find(prompt_id), prompt_id, lost).await
    }

    /// What the server says if it is asked this; false only if it says so twice. The asking itself may fail for a while: it is
    /// tried as long as a request may take.
    async fn persist<F>(&self, ask: impl Fn() -> F, prompt_id: &str, lost: &Error) -> Result<bool, Error>
    where
        F: Future<Output = Result<bool, Error>>,
    {
        let (begun, limit) = (Instant::now(), self.transport().config().request_timeout);
        let mut denied = 0;
        loop {
            match ask().await {
                Ok(true) => return Ok(true),
                Ok(false) => denied += 1,
                Err(error) if error.is_retryable() || error.kind() == ErrorKind::Server => denied = 0,
                Err(_) => return Err(lost.clone().in_doubt(prompt_id)),
            }
            if denied >= 2 {
                return Ok(false);
            }
            if begun.elapsed() >= limit {
                return Err(lost.clone().in_doubt(prompt_id));
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn find(&self, prompt_id: &str) -> Result<bool, Error> {
        let limit = self.transport().config().request_timeout;
        let places = self.places(Instant::now(), limit).await?;
        Ok(places.of(prompt_id) != Place::Absent || self.history(prompt_id).await?.is_some())
    }

    /// Ends a prompt of which the server would run only a part.
    async fn take_back(&self, accepted: Accepted, workflow: &Workflow) -> Error {
        let taken_back = self.cancel(&accepted.prompt_id).await;
        // Only now: what is asked here takes time, in which the prompt would have begun.
        let dropped = self.explain(accepted.dropped, workflow).await;
        let message = "comfyui would run only a part of the workflow";
        let error = Error::new(ErrorKind::Rejected, message).with_status(200);
        let error = match taken_back {
            Ok(_) => error,
            Err(_) => error.in_doubt(&accepted.prompt_id),
        };
        error.hint("to run what is left of it, allow a partial run").with_node_errors(dropped)
    }
}

fn accepted(answer: &Value) -> Option<Accepted> {
    // An old server draws the id itself. Users make paths and commands of it: nothing but an id is taken for one.
    let is_id =
        |id: &&str| id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let prompt_id = answer.get("prompt_id")?.as_str().filter(is_id).filter(|id| !id.is_empty())?.to_owned();
    Some(Accepted { prompt_id, dropped: rejection::node_errors(answer) })
}

/// Whether a prompt that was lost in this way, and is neither in the queue nor in the history, may be sent once more: not
/// where a gateway says that the server still works at it, or where nobody knows what the answer meant.
fn may_be_sent_again(lost: &Error) -> bool {
    lost.is_retryable() && !matches!(lost.status(), Some(520 | 524))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_answer_that_was_lost_is_looked_for_and_not_each_is_sent_again() {
        let lost = Error::new(ErrorKind::Timeout, "x").sent(true);
        assert!(!lost.is_final() && may_be_sent_again(&lost));
        let with = |kind, status| Error::new(kind, "x").with_status(status);
        assert!(!with(ErrorKind::Server, 502).is_final() && may_be_sent_again(&with(ErrorKind::Server, 502)));
        assert!(!with(ErrorKind::Server, 524).is_final() && !may_be_sent_again(&with(ErrorKind::Server, 524)));
        assert!(!with(ErrorKind::Server, 500).is_final() && !may_be_sent_again(&with(ErrorKind::Server, 500)));
        assert!(with(ErrorKind::Server, 500).declined(true).is_final());
        assert!(with(ErrorKind::Server, 429).is_final() && with(ErrorKind::Rejected, 400).is_final());
        assert!(Error::new(ErrorKind::Unreachable, "x").is_final());
        assert_eq!(lost.in_doubt("p1").prompt_id(), Some("p1"));
    }

    #[test]
    fn an_answer_without_an_id_accepts_nothing() {
        let not_ids = ["", "..", "../../etc/x", "/etc/x", "a\\b", "a b", "a;b", "a.png", "é", "a\n"];
        let not_ids = not_ids.into_iter().map(|id| json!({"prompt_id": id}));
        for answer in not_ids.chain([json!({}), json!([]), json!({"prompt_id": 7}), json!({"prompt_id": "a".repeat(129)})]) {
            assert_eq!(accepted(&answer), None, "{answer}");
        }
        let taken = accepted(&json!({"prompt_id": "p", "number": -7.5, "node_errors": {}})).unwrap();
        assert_eq!(taken, Accepted { prompt_id: "p".into(), dropped: Vec::new() });
    }
}
