//! How long our client takes to know the end, beyond the end itself, when the WebSocket breaks, goes deaf, or the server restarts.
//!
//! The rounds run side by side, each with a server and a client of its own, and jobs and pauses of different lengths: what helps
//! a short job only is seen.

use std::time::Duration;

use comfy_client::{Outcome as End, Workflow};
use comfy_sim::Fault;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::own::Own;
use crate::{Outcome, work};

const ROUNDS: u64 = 60;
const STEPS: u64 = 20;
const LIMIT: Duration = Duration::from_secs(60);

pub async fn all() -> Outcome<Value> {
    Ok(json!({
        "rounds": ROUNDS,
        "socket cut": figures(|round| broken(round, |after_frames| Fault::CutSocket { after_frames })).await?,
        "socket deaf": figures(|round| broken(round, |after_frames| Fault::DeafSocket { after_frames })).await?,
        "server restarted": figures(restarted).await?,
    }))
}

async fn figures<F: Future<Output = Outcome<f64>> + Send + 'static>(round: impl Fn(u64) -> F) -> Outcome<Value> {
    let mut rounds = JoinSet::new();
    for number in 0..ROUNDS {
        rounds.spawn(round(number));
    }
    let mut took = rounds.join_all().await.into_iter().collect::<Outcome<Vec<f64>>>()?;
    Ok(json!({"p50": work::quantile(&mut took, 0.5), "p99": work::quantile(&mut took, 0.99), "worst": took.last()}))
}

/// From 0.1 s to 10 s, evenly spread.
fn length(round: u64) -> Duration {
    Duration::from_millis(100 + 9_900 * round / (ROUNDS - 1))
}

/// Seconds from the job's end on the server until its client knows it.
async fn broken(round: u64, fault: impl Fn(u64) -> Fault + Send) -> Outcome<f64> {
    // Somewhere in the job: two frames come before it, and some fifty in it.
    let fault = fault(2 + round * 7 % 50);
    let step = length(round) / u32::try_from(STEPS)?;
    let own = Own::start(|builder| builder.step_time(step).fault(fault.times(1))).await?;
    let job = own.client()?.submit(&Workflow::from_value(work::sampled(STEPS, round))?).await?;
    let End::Succeeded(run) = job.wait(LIMIT).await? else { return Err("a job did not succeed".into()) };
    let known = work::micros() as f64;
    let end = run.history.message("execution_success").and_then(|data| data["timestamp"].as_f64());
    Ok(1e-6 * known - 1e-3 * end.ok_or("a job without an end")?)
}

/// Seconds from the moment at which the server is back until the client knows that the job is lost.
async fn restarted(round: u64) -> Outcome<f64> {
    let own = Own::start(|builder| builder.step_time(Duration::from_secs(10))).await?;
    let job = own.client()?.submit(&Workflow::from_value(work::sampled(STEPS, round))?).await?;
    sleep(Duration::from_millis(50 + round * 37 % 1_000)).await;
    own.server.restart(length(round)).await;
    let back = work::micros();
    let End::Lost(_) = job.wait(LIMIT).await? else { return Err("a job survived the end of its server".into()) };
    Ok(1e-6 * (work::micros() - back) as f64)
}
