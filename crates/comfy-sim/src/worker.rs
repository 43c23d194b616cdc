//! The one worker: takes prompts off the queue, runs them, and puts them into the history.

mod cache;
mod lists;
mod node;
mod order;
mod progress;
mod run;

use std::sync::Arc;

use crate::app::App;
use crate::events::{Event, Owner};
use crate::history::Record;
use crate::queue::Work;
use cache::Cache;

/// Runs until it is dropped.
pub(crate) async fn work(app: Arc<App>) {
    let mut cache = Cache::default();
    loop {
        if let Work::Run(item, task) = app.queue.next().await {
            app.faults.before_prompt().await;
            let owner = Owner::of(&item.extra_data);
            let id = item.id.clone();
            let begun = app.clock.now();
            let done = run::run(&app, &mut cache, *item).await;
            app.faults.before_history().await;
            app.queue.done(task, |item| Record::new(item, done.status, &done.messages, &done.outputs, &done.meta));
            app.send(owner.or_nobody(), || Event::Idle { prompt_id: id });
            let took = app.clock.now().duration_since(begun).unwrap_or_default();
            app.logs.add(&app, format!("Prompt executed in {:.2} seconds\n", took.as_secs_f64()));
        }
        // Where nothing makes it wait, this is where the worker can be ended.
        tokio::task::consume_budget().await;
        // There are no models to unload; the flag is taken all the same.
        if app.queue.take_flags().free_memory {
            cache = Cache::default();
        }
    }
}

#[cfg(test)]
mod tests;
