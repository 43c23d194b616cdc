//! The server's own list of jobs, which newer servers keep (`GET /api/jobs`).

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::judge::not_comfy;
use crate::request::Request;

/// A prompt in the server's list of jobs. What the server left out is `None`.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// for job in client.jobs().await?.unwrap_or_default() {
///     println!("{}: {:?}, {} files", job.prompt_id, job.state, job.outputs.unwrap_or_default());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobSummary {
    /// The prompt's id.
    pub prompt_id: String,
    /// How it stands.
    pub state: JobState,
    /// Its number in the queue: lower runs first; may be negative or broken.
    pub number: Option<f64>,
    /// When it was submitted, by the server's clock.
    pub created: Option<SystemTime>,
    /// How many files it made.
    pub outputs: Option<u64>,
    /// The whole description.
    pub raw: Value,
}

/// How a job stands.
///
/// ```
/// use comfy_client::JobState;
///
/// fn is_over(state: &JobState) -> bool {
///     matches!(state, JobState::Completed | JobState::Failed | JobState::Cancelled)
/// }
/// assert!(!is_over(&JobState::Running));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// It waits.
    Pending,
    /// It runs.
    Running,
    /// It ended well.
    Completed,
    /// It failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Another word of the server.
    Other(String),
}

impl JobState {
    fn read(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "in_progress" => Self::Running,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl JobSummary {
    fn read(raw: &Value) -> Option<Self> {
        let milliseconds = raw.get("create_time").and_then(crate::wire::whole);
        Some(Self {
            prompt_id: raw.get("id")?.as_str()?.to_owned(),
            state: JobState::read(raw.get("status").and_then(Value::as_str).unwrap_or_default()),
            number: raw.get("priority").and_then(Value::as_f64),
            created: milliseconds.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since))),
            outputs: raw.get("outputs_count").and_then(crate::wire::whole),
            raw: raw.clone(),
        })
    }
}

fn read(answer: &Value) -> Option<Vec<JobSummary>> {
    Some(answer.get("jobs")?.as_array()?.iter().filter_map(JobSummary::read).collect())
}

impl Client {
    /// What the server lists of all that waits, runs and ended (`GET /api/jobs`), in its order; none where the server
    /// does not have the jobs API, as ComfyUI before 2026. [`Client::queue`] and [`Client::history`] are everywhere.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// for job in client.jobs().await?.unwrap_or_default() {
    ///     println!("{} {:?}", job.prompt_id, job.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn jobs(&self) -> Result<Option<Vec<JobSummary>>, Error> {
        match self.transport().json(&Request::get("/api/jobs")).await {
            Ok(answer) => read(&answer).map(Some).ok_or_else(|| not_comfy(self.url(), "does not list its jobs").with_status(200)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_jobs_is_read_and_what_is_unknown_is_kept() {
        let answer = json!({"jobs": [
            {"id": "a", "status": "in_progress", "priority": -2.5, "create_time": 1_700_000_000_123_u64, "outputs_count": 0},
            {"id": "b", "status": "resting", "own": [1]}, {"status": "pending"}, 7],
            "pagination": {"offset": 0, "limit": null, "total": 4, "has_more": false}});
        let jobs = read(&answer).unwrap();
        assert_eq!((jobs.len(), jobs[0].number, jobs[0].outputs), (2, Some(-2.5), Some(0)));
        assert_eq!(jobs[0].created.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis(), 1_700_000_000_123);
        assert_eq!((&jobs[0].state, &jobs[1].state), (&JobState::Running, &JobState::Other("resting".into())));
        assert_eq!(jobs[1].raw["own"], json!([1]));
        assert!(read(&json!({"jobs": 7})).is_none());
    }
}
