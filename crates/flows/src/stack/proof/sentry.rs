//! Who waits to be proven is watched meanwhile: a server that opens is stopped at once, and not when its turn comes.

use std::{collections::BTreeSet, future::Future};

use docker_ops::Container;
use futures_util::future::select_all;
use report::Outcome;
use settings::Settings;
use tokio::{sync::Notify, time::Instant};

use super::{PAUSE, Proof, another_life, close, door};
use crate::{checks, journey::Journey};

/// Watches the containers that a run started and that are not proven yet.
pub(super) struct Sentry<'a> {
    proof: &'a Proof<'a>,
    posts: Vec<Post<'a>>,
    closed: BTreeSet<String>,
}

/// A container that is watched.
struct Post<'a> {
    id: String,
    settings: &'a Settings,
    journey: Journey,
}

impl<'a> Sentry<'a> {
    pub(super) fn new(proof: &'a Proof<'a>) -> Self {
        Self { proof, posts: Vec::new(), closed: BTreeSet::new() }
    }

    pub(super) fn watch(&mut self, journey: &Journey, settings: &'a Settings, container: &Container) {
        let journey = journey.beside(&settings.service.value);
        self.posts.push(Post { id: container.id.clone(), settings, journey });
    }

    /// Watches this one no longer. Whether it was stopped.
    pub(super) fn relieve(&mut self, id: &str) -> bool {
        self.posts.retain(|post| post.id != id);
        self.closed.contains(id)
    }

    /// Does `work`, and stops what opens meanwhile. A stop that was begun comes to its end.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let over = Notify::new();
        let work = async {
            let done = work.await;
            over.notify_one();
            done
        };
        let watch = async {
            loop {
                tokio::select! {
                    biased;
                    () = over.notified() => break,
                    (post, container) = self.open() => self.stop(post, &container).await,
                }
            }
        };
        tokio::join!(work, watch).0
    }

    /// The first that stands open.
    async fn open(&mut self) -> (Post<'a>, Container) {
        if self.posts.is_empty() {
            return std::future::pending().await;
        }
        let opening = self.posts.iter_mut().map(|post| Box::pin(post.opens(self.proof)));
        let (container, at, _) = select_all(opening).await;
        (self.posts.swap_remove(at), container)
    }

    /// Stops it for good. Where that fails, its turn comes all the same.
    async fn stop(&mut self, mut post: Post<'a>, container: &Container) {
        let Proof { stack, spec, unproven, .. } = *self.proof;
        let (journey, grace) = (&mut post.journey, spec.services[&container.service].stop_grace);
        door::say_why(journey, stack.engine, container, self.proof.redaction.as_ref()).await;
        if close(journey, stack.engine, unproven, container, grace, &door::Door::Open).await.is_ok() {
            self.closed.insert(post.id);
        }
    }
}

impl Post<'_> {
    /// The container, once it lets somebody in who shows no credential. What can't be asked has its turn.
    async fn opens(&mut self, proof: &Proof<'_>) -> Container {
        loop {
            if let Ok(Some(seen)) = proof.stack.engine.container(&self.id).await
                && seen.is_up()
                && !proof.unproven.awaits(&seen.id, seen.started_at.as_deref())
                && self.is_open(proof, &seen).await
            {
                return seen;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits for that in one life of it.
    async fn is_open(&mut self, proof: &Proof<'_>, seen: &Container) -> bool {
        let engine = proof.stack.engine;
        let settings = door::at(self.settings, seen, engine.is_local());
        if !door::is_known(engine, &settings, seen) {
            return false;
        }
        let Ok(subject) = self.journey.subject(&settings, proof.world) else { return false };
        let began = Instant::now();
        tokio::select! {
            () = door::stands_open(&subject) => {}
            _ = another_life(engine, seen) => return false,
        }
        let finding = checks::DOORS[0].run(&subject).await;
        // Once it has ended, its port may be another's.
        let now = engine.container(&self.id).await.ok().flatten();
        if now.is_none_or(|now| !now.is_up() || now.started_at != seen.started_at) || finding.outcome != Outcome::Fail {
            return false;
        }
        // It is told in another one's turn.
        self.journey.found_since(began, finding.seen("container", &seen.name));
        true
    }
}
