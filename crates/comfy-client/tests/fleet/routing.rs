//! Where a prompt goes, and how it is cancelled there.

use comfy_client::{End, ErrorKind, Fleet, Outcome};

use crate::{LONG, end, fleet, picture, plain, sampled, sampling, succeeded};

#[tokio::test]
async fn the_least_loaded_server_is_picked_and_others_count() {
    let (a, b) = (sampling().await, sampling().await);
    // Somebody else keeps `a` busy.
    let other = a.client();
    let mut theirs = Vec::new();
    for seed in 0..3 {
        theirs.push(other.submit(&sampled(seed, 500)).await.unwrap());
    }
    let (fleet, heard) = fleet(&[&a, &b], 9, |builder| builder);
    let one = fleet.submit("one", &sampled(7, 500), LONG);
    heard.until("took one").await;
    let two = fleet.submit("two", &sampled(8, 500), LONG);
    heard.until("took two").await;
    assert_eq!(heard.words(), ["b took one", "b took two"]);
    drop((one, two));
}

#[tokio::test]
async fn equal_servers_share_the_work_and_hold_no_more_than_they_may() {
    let (a, b) = (sampling().await, sampling().await);
    let (fleet, heard) = fleet(&[&a, &b], 2, |builder| builder);
    let jobs: Vec<_> = (0..8).map(|seed| fleet.submit(&seed.to_string(), &sampled(seed, 3), LONG)).collect();
    heard.until("took").await;
    for job in &jobs {
        for backend in [&a, &b] {
            assert!(backend.client().health().await.unwrap().queue_remaining <= 2);
        }
        assert!(succeeded(&end(job).await));
    }
    assert_eq!((heard.count("a took"), heard.count("b took")), (4, 4), "{:?}", heard.words());
}

#[tokio::test]
async fn only_a_server_that_has_the_model_gets_the_prompt() {
    let (without, with) = (plain().await, sampling().await);
    let (fleet, heard) = fleet(&[&without, &with], 1, |builder| builder);
    let jobs: Vec<_> = (0..3).map(|seed| fleet.submit("x", &sampled(seed, 1), LONG)).collect();
    for job in &jobs {
        assert!(succeeded(&end(job).await));
    }
    assert_eq!((heard.count("a took"), heard.count("b took")), (0, 3));
}

#[tokio::test]
async fn what_nobody_has_is_refused_and_it_is_said_who_lacks_what() {
    let (one, two) = (plain().await, sampling().await);
    let (fleet, _) = fleet(&[&one, &two], 1, |builder| builder);
    let mut workflow = sampled(1, 1);
    workflow.set("4", "ckpt_name", "flux.safetensors").unwrap();
    let delivery = end(&fleet.submit("x", &workflow, LONG)).await;
    let End::Untaken(error) = &delivery.end else { panic!("{delivery:?}") };
    assert_eq!((error.kind(), error.was_sent(), delivery.end.word()), (ErrorKind::InvalidWorkflow, false, "rejected"));
    insta::assert_snapshot!(format!("{error}\n{}", error.hints().join("\n")), @"
    no server of the fleet has all that the workflow names
    `a` lacks: node `4` Model (CheckpointLoaderSimple), input `ckpt_name`: `flux.safetensors` is not among the 0 that the server offers
    `b` lacks: node `4` Model (CheckpointLoaderSimple), input `ckpt_name`: `flux.safetensors` is not among the 1 that the server offers; nearest: `sd15.safetensors`
    ");
}

#[tokio::test]
async fn a_model_that_went_away_since_the_catalogue_was_read_sends_the_prompt_elsewhere() {
    let (a, b) = (sampling().await, sampling().await);
    for backend in [&a, &b] {
        std::fs::write(backend.checkpoint("own.safetensors"), "").unwrap();
    }
    let (fleet, heard) = fleet(&[&a, &b], 1, |builder| builder);
    let first = fleet.submit("first", &sampled(1, 1), LONG);
    assert!(succeeded(&end(&first).await));
    std::fs::remove_file(a.checkpoint("own.safetensors")).unwrap();
    let mut workflow = sampled(2, 1);
    workflow.set("4", "ckpt_name", "own.safetensors").unwrap();
    let jobs: Vec<_> = (0..2).map(|nth| fleet.submit(&format!("own {nth}"), &workflow, LONG)).collect();
    for job in &jobs {
        assert!(succeeded(&end(job).await), "{:?}", heard.words());
    }
    assert_eq!((heard.count("left a"), heard.count("b took own")), (1, 2), "{:?}", heard.words());
}

#[tokio::test]
async fn one_job_is_cancelled_wherever_it_is_and_no_other() {
    let only = sampling().await;
    let (fleet, heard) = fleet(&[&only], 2, |builder| builder);
    let runs = fleet.submit("runs", &sampled(1, 3000), LONG);
    heard.until("took runs").await;
    let waits_there = fleet.submit("waits there", &sampled(2, 1), LONG);
    heard.until("took waits there").await;
    let waits_here = fleet.submit("waits here", &sampled(3, 1), LONG);

    waits_here.cancel();
    assert!(matches!(end(&waits_here).await.end, End::Cancelled));
    waits_there.cancel();
    let outcome = end(&waits_there).await.end;
    assert!(matches!(&outcome, End::Outcome(Outcome::Cancelled(by)) if by.by_this_client), "{outcome:?}");
    let queue = only.client().queue().await.unwrap();
    assert_eq!((queue.running.len(), queue.pending.len()), (1, 0), "the other goes on");
    runs.cancel();
    let outcome = end(&runs).await.end;
    assert!(matches!(outcome, End::Outcome(Outcome::Interrupted(_))), "{outcome:?}");
    assert!(succeeded(&end(&fleet.submit("next", &sampled(4, 1), LONG)).await), "both places are free again");
}

#[tokio::test]
async fn a_fleet_that_cannot_be_is_refused() {
    let server = plain().await;
    let two = Fleet::builder().server("a", server.client(), 1).server("a", server.client(), 1);
    for builder in [Fleet::builder(), two, Fleet::builder().server("a", server.client(), 0)] {
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::InvalidConfig);
    }
    let without_limit = Fleet::builder().server("a", server.client(), usize::MAX).server("b", server.client(), usize::MAX);
    assert_eq!(without_limit.build().unwrap().limit(), usize::MAX);
    let (fleet, _) = fleet(&[&server], 3, |builder| builder);
    assert_eq!(fleet.limit(), 3);
    assert!(succeeded(&end(&fleet.submit("x", &picture(1), LONG)).await));
}

#[tokio::test]
async fn of_many_that_wait_who_came_first_is_not_left_behind() {
    let only = plain().await;
    let (fleet, heard) = fleet(&[&only], 1, |builder| builder);
    let jobs: Vec<_> = (0..400).map(|nth| fleet.submit(&nth.to_string(), &picture(0), LONG)).collect();
    for job in &jobs {
        assert!(succeeded(&end(job).await));
    }
    let order = heard.words().into_iter().filter_map(|word| word.strip_prefix("a took ")?.parse::<usize>().ok());
    let overtaken = order.enumerate().map(|(place, nth)| nth.saturating_sub(place)).max().unwrap();
    assert!(overtaken <= 256, "one went before {overtaken} that had come earlier");
}
