//! Who is woken for what, without a server: no look is ever answered here.

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

use super::*;
use crate::{Client, Config, Job};

const LONG: Duration = Duration::from_secs(600);

/// A job whose messages come over a connection that is there; its first look is planned in half a second.
fn job() -> Job {
    let client = Client::new(Config::new("http://127.0.0.1:1").unwrap()).unwrap();
    let subscription = client.socket().registry().subscribe("p", HashSet::new());
    Job::follow(client, subscription, Some(true), Vec::new())
}

fn polled(hand: &mut Hand, asks: impl Fn() -> bool) -> Poll<()> {
    hand.poll(&mut Context::from_waker(Waker::noop()), asks)
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_due_is_left_to_a_wait_without_asking_again_and_again() {
    let job = job();
    let (mut wait, mut reader) = (Box::pin(job.wait(LONG)), Hand::new(job.0.helm.clone(), false));
    assert!(wait.as_mut().now_or_never().is_none());
    // The timer has run out, and the turn that it calls has not come yet.
    advance(Duration::from_millis(501)).await;
    let asked = Cell::new(0);
    let reads = || {
        asked.set(asked.get() + 1);
        assert!(asked.get() < 100, "it turns in circles");
        false
    };
    assert!(polled(&mut reader, reads).is_pending());
    assert_eq!(asked.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_panics_leaves_nobody_waiting() {
    let job = job();
    let (begun, mut wait, mut events) = (Instant::now(), Box::pin(job.wait(LONG)), job.events());
    assert!(wait.as_mut().now_or_never().is_none());
    assert!(events.next().now_or_never().is_some_and(|event| event.is_some()), "it waits in the queue");
    assert!(events.next().now_or_never().is_none());
    advance(Duration::from_millis(501)).await;
    let mut third = Hand::new(job.0.helm.clone(), false);
    catch_unwind(AssertUnwindSafe(|| polled(&mut third, || panic!("as a test wants it")))).unwrap_err();
    assert_eq!(events.next().await, None);
    let _ = tokio::join!(wait, job.wait(LONG));
    assert!(begun.elapsed() < LONG);
    assert!(polled(&mut third, || false).is_ready());
    assert!(job.0.helm.hands().is_empty(), "nobody is kept who waits no more");
}

/// One who waits, and whether he was woken since he was polled.
struct Waiting {
    hand: Hand,
    seated: bool,
    woken: Arc<Flag>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    /// One polls, who is there again if he was gone.
    Poll(usize),
    /// One has what he wanted.
    Rest(usize),
    /// One is dropped.
    Drop(usize),
    /// Something comes for the job.
    Come,
    /// Tasks have their turn.
    Turn,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..3_usize).prop_map(Act::Poll),
        1 => (0..3_usize).prop_map(Act::Rest),
        1 => (0..3_usize).prop_map(Act::Drop),
        3 => Just(Act::Come),
        1 => Just(Act::Turn),
    ]
}

async fn play(acts: &[Act]) {
    let job = job();
    let helm = &job.0.helm;
    let mut waiting: [Option<Waiting>; 3] = Default::default();
    let mut unread = false;
    for (nth, act) in acts.iter().enumerate() {
        match *act {
            Act::Poll(who) => {
                let new = || Waiting { hand: Hand::new(helm.clone(), who == 0), seated: false, woken: Arc::default() };
                let one = waiting[who].get_or_insert_with(new);
                one.woken.0.store(false, Ordering::Release);
                let waker = Waker::from(one.woken.clone());
                one.seated = one.hand.poll(&mut Context::from_waker(&waker), || false).is_pending();
                unread = false;
            }
            Act::Rest(who) => {
                if let Some(one) = &mut waiting[who] {
                    one.hand.rest();
                    one.seated = false;
                }
            }
            Act::Drop(who) => waiting[who] = None,
            Act::Come => {
                job.0.client.socket().registry().cancel_asked("p");
                unread = true;
            }
            Act::Turn => {
                unread &= !helm.watch.called.load(Ordering::Acquire);
                tokio::task::yield_now().await;
            }
        }
        let somebody = waiting.iter().flatten().any(|one| one.seated && one.woken.0.load(Ordering::Acquire));
        assert!(!unread || somebody || helm.watch.called.load(Ordering::Acquire), "nobody comes after {:?}", &acts[..=nth]);
    }
    drop(waiting);
    assert!(helm.hands().is_empty() && helm.stays.load(Ordering::Acquire) == 0, "{acts:?}");
}

proptest! {
    #[test]
    fn in_whatever_order_they_come_and_go_somebody_is_woken(acts in prop::collection::vec(act(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(&acts));
    }
}
