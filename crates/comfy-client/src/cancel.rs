//! One prompt is cancelled, and no other: the way depends on what the server can do.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::judge::{self, Due};
use crate::queue::Place;
use crate::request::{Request, segment};

/// The first release that surely reads the id in an order to interrupt; those before stop whatever runs.
const INTERRUPTS_BY_ID: [u64; 3] = [0, 3, 60];

/// What is known of how a server cancels. A server that is updated meanwhile is treated as before, which is right too. That it
/// reads ids is never taken as known: behind the same address another may answer the next time, and would stop whatever runs.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    no_jobs_api: AtomicBool,
}

impl Client {
    /// Takes this prompt out of the queue, or stops it if it runs; says whether it waited or ran. No other prompt is
    /// touched. What became of it is told by [`Job::wait`](crate::Job::wait).
    ///
    /// A server with the jobs API does it in one step (`POST /api/jobs/ID/cancel`); on one without, the prompt is
    /// deleted from the queue, and interrupted by its id if it runs by then.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, prompt_id: &str) -> Result<(), comfy_client::Error> {
    /// if !client.cancel(prompt_id).await? {
    ///     println!("it is over, or was never there");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::interrupt`].
    pub async fn cancel(&self, prompt_id: &str) -> Result<bool, Error> {
        segment("prompt id", prompt_id)?;
        let cancelled = match self.cancel_job(prompt_id).await? {
            Some(cancelled) => cancelled,
            None => match self.queue().await?.place(prompt_id) {
                Place::Absent => return Ok(false),
                Place::Pending { .. } => {
                    self.delete_queued([prompt_id]).await?;
                    // It may have begun between the look and the order. Where nobody can tell, the order counts that was taken.
                    if self.queue().await.is_ok_and(|queue| queue.place(prompt_id) == Place::Running) {
                        self.interrupt(prompt_id).await?;
                    }
                    true
                }
                Place::Running => self.interrupt(prompt_id).await?,
            },
        };
        if cancelled {
            self.socket().registry().cancel_asked(prompt_id);
        }
        Ok(cancelled)
    }

    /// By the jobs API; none where the server does not have it, or not for an id like this.
    async fn cancel_job(&self, prompt_id: &str) -> Result<Option<bool>, Error> {
        if self.ways().no_jobs_api.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let request = Request::post(format!("/api/jobs/{}/cancel", segment("prompt id", prompt_id)?));
        let reply = self.transport().fetch(&request, self.transport().config().body_limit, false).await?;
        if reply.lacks_route() {
            self.ways().no_jobs_api.store(true, Ordering::Relaxed);
        }
        // It takes its own shape of ids only, or knows no job of this id; the queue says more.
        if matches!(reply.status, 400 | 404 | 405) {
            return Ok(None);
        }
        self.transport().judge(&reply, &request, Due::Json)?;
        let answer: Value = reply.json(self.url(), &request.name())?;
        let said = answer.get("cancelled").and_then(Value::as_bool);
        let odd = || judge::unnamed(self.url(), &answer, "does not say whether it cancelled the prompt");
        said.map(Some).ok_or_else(odd)
    }

    /// Stops this prompt if it is the one that runs; says whether it was. Whoever else runs is left alone: the order
    /// always names the prompt, and goes out only while the queue shows it as running, to servers that read the name.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, prompt_id: &str) -> Result<(), comfy_client::Error> {
    /// let ran = client.interrupt(prompt_id).await?;
    /// # let _ = ran;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`]; [`ErrorKind::InvalidConfig`] for an id that is empty, `.` or `..`; [`ErrorKind::Unsupported`] where the prompt
    /// runs on a server that would stop whatever runs by then, as ComfyUI did before 0.3.60 (September 2025).
    pub async fn interrupt(&self, prompt_id: &str) -> Result<bool, Error> {
        segment("prompt id", prompt_id)?;
        if self.queue().await?.place(prompt_id) != Place::Running {
            return Ok(false);
        }
        self.ensure_interrupts_by_id(prompt_id).await?;
        self.transport().order(&Request::post("/interrupt").json(&json!({"prompt_id": prompt_id}))).await?;
        Ok(true)
    }

    async fn ensure_interrupts_by_id(&self, prompt_id: &str) -> Result<(), Error> {
        if !self.system_stats().await?.is_since(INTERRUPTS_BY_ID) {
            let message = format!("`{}` cannot stop `{prompt_id}` alone: it would stop whatever runs by then", self.url());
            return Err(Error::new(ErrorKind::Unsupported, message)
                .sent(true)
                .hint("ComfyUI interrupts by id since 0.3.60; let the prompt run to its end, or update the server"));
        }
        Ok(())
    }
}
