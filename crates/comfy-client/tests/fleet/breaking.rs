//! Servers that fail: who gets the prompts meanwhile, and which are never sent twice.

use std::time::Duration;

use comfy_client::{Client, Config, Credential, End, Fleet, Outcome, Workflow};
use comfy_sim::{Fault, Login, Planned, Refusal, Server};

use crate::{Backend, LONG, backend, end, fleet, picture, plain, sampled, sampling, succeeded};

fn refuse(route: &str, status: Refusal) -> Fault {
    Fault::Refuse { route: route.parse().unwrap(), status }
}

async fn with(fault: impl Into<Planned>) -> Backend {
    backend(|builder| builder.fault(fault)).await
}

#[tokio::test]
async fn what_a_restart_lost_goes_to_a_server_again() {
    let a = with(Fault::Restart { down_millis: 0 }.times(1)).await;
    let (fleet, heard) = fleet(&[&a], 1, |builder| builder);
    let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
    assert!(succeeded(&delivery), "{delivery:?}");
    assert_eq!((delivery.reroutes, heard.words()), (1, ["a took x", "x left a", "a took x"].map(str::to_owned).into()));
}

#[tokio::test]
async fn what_is_lost_again_and_again_is_given_up() {
    let a = with(Fault::Restart { down_millis: 0 }).await;
    let (fleet, heard) = fleet(&[&a], 1, |builder| builder.reroutes(1));
    let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
    assert!(matches!(&delivery.end, End::Outcome(Outcome::Lost(_))), "{delivery:?}");
    assert_eq!((delivery.reroutes, heard.count("took")), (1, 2));
}

#[tokio::test]
async fn a_server_that_does_not_answer_gets_nothing_and_comes_back_step_by_step() {
    let (a, b) = (with(refuse("*", Refusal::Unavailable)).await, plain().await);
    let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder);
    let job = fleet.submit("one", &picture(1), LONG);
    assert!(succeeded(&end(&job).await));
    // Looks go on only while there is work.
    b.server.faults().set(Fault::DeadWorker);
    let stuck = fleet.submit("stuck", &picture(2), LONG);
    heard.until("a opened").await;
    a.server.faults().clear();
    heard.until("a probing").await;
    assert!(succeeded(&end(&fleet.submit("two", &picture(3), LONG)).await));
    assert_eq!(
        heard.words(),
        ["b took one", "b took stuck", "a opened", "a probing", "a took two", "a closed"].map(str::to_owned)
    );
    stuck.cancel();
}

#[tokio::test]
async fn a_prompt_that_a_server_refuses_to_take_goes_elsewhere() {
    for status in [Refusal::Broken, Refusal::TooLarge, Refusal::Unauthorized] {
        let (a, b) = (with(refuse("POST /prompt", status)).await, plain().await);
        let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder);
        let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
        assert!(succeeded(&delivery), "{delivery:?}");
        assert_eq!(heard.words(), ["x left a", "b took x"].map(str::to_owned));
    }
}

#[tokio::test]
async fn who_answers_every_look_but_takes_nothing_is_found_out() {
    let (a, b) = (with(refuse("POST /prompt", Refusal::Unauthorized)).await, plain().await);
    let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder);
    for nth in 0..200 {
        assert!(succeeded(&end(&fleet.submit("x", &picture(nth), LONG)).await));
        if heard.count("a opened") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(heard.count("left a"), 3);
}

#[tokio::test]
async fn what_certainly_nobody_took_is_not_said_to_have_run() {
    for (status, word) in [(Refusal::Broken, "unserved"), (Refusal::TooLarge, "rejected")] {
        let a = with(refuse("POST /prompt", status)).await;
        let (fleet, heard) = fleet(&[&a], 1, |builder| builder);
        let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
        let End::Untaken(error) = &delivery.end else { panic!("{delivery:?}") };
        assert_eq!((delivery.end.word(), error.status()), (word, Some(status.code())));
        assert_eq!(heard.words(), ["x left a"], "to ask the only server again would help nobody");
    }
}

#[tokio::test]
async fn who_asks_for_patience_gets_it_and_no_item_pays_for_that() {
    // Each time it asks for a second.
    let a = with(refuse("POST /prompt", Refusal::TooManyRequests).times(4)).await;
    let (fleet, heard) = fleet(&[&a], 1, |builder| builder.reroutes(0).patience(Duration::from_millis(100)));
    let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
    assert!(succeeded(&delivery), "{delivery:?}");
    let again = ["a opened", "x left a", "a probing"].repeat(4);
    assert_eq!(
        (delivery.reroutes, heard.words()),
        (0, [&again[..], &["a took x", "a closed"]].concat().iter().map(|word| (*word).to_owned()).collect())
    );
}

#[tokio::test]
async fn a_prompt_whose_answer_is_lost_runs_once() {
    let a = with(Fault::LoseAnswer { route: "POST /prompt".parse().unwrap() }.times(1)).await;
    let (fleet, heard) = fleet(&[&a, &plain().await], 1, |builder| builder);
    let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
    assert!(succeeded(&delivery), "{delivery:?}");
    assert_eq!((a.ran().await, heard.words()), (1, ["a took x".to_owned()].into()));
}

#[tokio::test]
async fn what_is_stuck_ends_at_its_deadline_and_is_not_sent_again() {
    let (a, b) = (plain().await, plain().await);
    let (fleet, heard) = fleet(&[&a, &b], 2, |builder| builder);
    for color in 0..2 {
        assert!(succeeded(&end(&fleet.submit("fine", &picture(color), LONG)).await));
    }
    a.server.faults().set(Fault::DeadWorker);
    let delivery = end(&fleet.submit("stuck", &picture(3), Duration::from_secs(1))).await;
    assert!(matches!(&delivery.end, End::Outcome(Outcome::Stalled(_))), "{delivery:?}");
    assert_eq!((delivery.reroutes, b.ran().await), (0, 1), "what may have run does not run elsewhere");
    heard.until("a opened").await;
    assert!(succeeded(&end(&fleet.submit("next", &picture(4), LONG)).await));
    assert_eq!(heard.words().pop().unwrap(), "b took next");
}

#[tokio::test]
async fn what_finds_no_room_in_time_says_so() {
    let a = sampling().await;
    let (fleet, heard) = fleet(&[&a], 1, |builder| builder);
    let runs = fleet.submit("runs", &sampled(1, 3000), LONG);
    heard.until("took runs").await;
    let delivery = end(&fleet.submit("late", &picture(1), Duration::from_millis(50))).await;
    assert!(matches!(delivery.end, End::Deadline), "{delivery:?}");
    runs.cancel();
    end(&runs).await;
}

#[tokio::test]
async fn servers_that_are_all_away_end_every_prompt_with_their_reasons() {
    let gone = plain().await;
    let (fleet, _) = fleet(&[&gone], 1, |builder| builder.patience(Duration::from_millis(100)));
    let url = gone.server.url();
    gone.server.shutdown().await;
    let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
    let End::Unserved(error) = &delivery.end else { panic!("{delivery:?}") };
    assert_eq!(delivery.end.word(), "unserved");
    assert_eq!(error.hints(), [format!("`a`: cannot connect to `{url}`")]);
}

#[tokio::test]
async fn a_wrong_token_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("login")).unwrap();
    std::fs::write(folder.path().join("login/PASSWORD"), "right\nadmin\n").unwrap();
    let server = Server::builder().comfy_dir(folder.path()).login(Login::Plugin).spawn().await.unwrap();
    let client = Client::new(Config::new(&server.url()).unwrap().credential(Credential::Bearer("wrong".into()))).unwrap();
    let fleet = Fleet::builder().server("a", client, 1).patience(LONG * 100).build().unwrap();
    let End::Unserved(error) = end(&fleet.submit("x", &picture(1), LONG * 100)).await.end else { panic!("it is served") };
    assert!(error.is_refused(), "{error:?}");
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let a = with(Fault::Delay { route: "*".parse().unwrap(), millis: 300 }).await;
    let (fleet, _) = fleet(&[&a], 1, |builder| builder);
    assert!(succeeded(&end(&fleet.submit("x", &picture(1), LONG)).await));
}

#[tokio::test]
async fn what_may_have_come_through_goes_to_nobody_else() {
    // The first try was lost on the way, who knows where; the second was refused.
    let a = with(refuse("POST /prompt", Refusal::BadGateway).times(1)).await;
    a.server.faults().set(refuse("POST /prompt", Refusal::TooManyRequests));
    let b = plain().await;
    let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder);
    let delivery = end(&fleet.submit("x", &picture(1), LONG)).await;
    assert!(matches!(&delivery.end, End::Unknown(error) if error.prompt_id().is_some()), "{delivery:?}");
    assert_eq!((b.ran().await, heard.count("left")), (0, 0));
}

#[tokio::test]
async fn half_a_prompt_that_could_not_be_taken_back_goes_to_nobody_else() {
    let (a, b) = (with(Fault::PartialPrompt).await, plain().await);
    a.server.faults().set(refuse("GET /queue", Refusal::Broken));
    let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder);
    let mut nodes = picture(1).to_value();
    nodes["3"] = nodes["2"].clone();
    let delivery = end(&fleet.submit("x", &Workflow::from_value(nodes).unwrap(), LONG)).await;
    assert!(matches!(&delivery.end, End::Unknown(error) if error.prompt_id().is_some()), "{delivery:?}");
    assert_eq!((b.ran().await, heard.count("left")), (0, 0));
}

#[tokio::test]
async fn a_refusal_for_a_moment_ends_nothing_and_no_time_is_too_long() {
    for status in [Refusal::Unauthorized, Refusal::Unavailable] {
        let a = with(refuse("*", status)).await;
        let (fleet, heard) = fleet(&[&a], 1, |builder| builder.patience(Duration::MAX));
        let job = fleet.submit("x", &picture(1), Duration::MAX);
        heard.until("a opened").await;
        a.server.faults().clear();
        let delivery = end(&job).await;
        assert!(succeeded(&delivery), "{delivery:?}");
    }
}

#[test]
fn a_fleet_outlives_the_runtime_of_its_first_prompt() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server_side = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let a = server_side.block_on(plain());
    let (fleet, heard) = fleet(&[&a], 1, |builder| builder);
    for color in 0..2 {
        // The second is not taken at first: somebody must look whether the server is well.
        a.server.faults().set(refuse("POST /prompt", Refusal::TooManyRequests).times(color));
        assert!(succeeded(&runtime().block_on(async { end(&fleet.submit("x", &picture(color), LONG)).await })));
    }
    assert_eq!((heard.count("a took"), heard.count("left a")), (2, 1));
}

#[tokio::test]
async fn what_a_server_had_that_is_gone_goes_to_another() {
    let (a, b) = (sampling().await, sampling().await);
    let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder.patience(Duration::from_millis(100)));
    let job = fleet.submit("x", &sampled(1, 200), LONG);
    heard.until("a took x").await;
    a.server.shutdown().await;
    let delivery = end(&job).await;
    assert!(succeeded(&delivery), "{delivery:?}");
    assert_eq!((delivery.reroutes, delivery.backend.as_deref()), (1, Some("b")));
}

#[tokio::test]
async fn what_a_server_has_that_only_does_not_answer_stays_there() {
    let (a, b) = (sampling().await, sampling().await);
    let patience = Duration::from_millis(100);
    let (both, heard) = fleet(&[&a, &b], 1, |builder| builder.patience(patience));
    let job = both.submit("x", &sampled(1, 200), LONG);
    heard.until("a took x").await;
    a.server.faults().set(refuse("*", Refusal::Unavailable));
    heard.until("a opened").await;
    // By then patience with it is over.
    let (alone, _) = fleet(&[&a], 1, |builder| builder.patience(patience));
    assert!(matches!(end(&alone.submit("y", &picture(1), LONG)).await.end, End::Unserved(_)));
    a.server.faults().clear();
    let delivery = end(&job).await;
    assert!(succeeded(&delivery), "{delivery:?}");
    assert_eq!((delivery.reroutes, b.ran().await), (0, 0));
}
