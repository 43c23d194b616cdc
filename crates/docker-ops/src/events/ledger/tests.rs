//! Nothing is told twice, nothing is lost.

use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
}

fn told(time: i64, id: &str, action: Action) -> Event {
    Event { at: at(time), id: id.to_owned(), action, origin: Origin::Told, attributes: BTreeMap::new() }
}

fn died(code: i64) -> Action {
    Action::Died { exit_code: Some(code) }
}

fn found(id: &str, running: bool, started: i64, finished: Option<i64>) -> Found {
    let (started, finished) = (Some(at(started)), finished.map(at));
    Found { id: id.to_owned(), running, exit_code: Some(3), started, finished, attributes: BTreeMap::new() }
}

fn lines(events: &[Event]) -> String {
    let line = |event: &Event| {
        let code = match event.action {
            Action::Died { exit_code: Some(code) } => format!(" {code}"),
            _ => String::new(),
        };
        let origin = if event.origin == Origin::Inferred { " (inferred)" } else { "" };
        format!("{} {} {}{code}{origin}", event.at.as_millisecond() - 1_700_000_000_000, event.id, event.action.name())
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_was_missed_is_inferred_once_and_the_late_truth_is_dropped() {
    let mut ledger = Ledger::default();
    let start = |id: &str| found(id, true, 0, None);
    ledger.adopt(&[start("ends"), start("goes"), start("restarts"), start("stays"), start("told")]);
    let now = [
        found("ends", false, 0, Some(1500)),
        found("new", true, 1600, None),
        found("passed", false, 1700, Some(1800)),
        found("restarts", true, 1900, Some(1850)),
        start("stays"),
        start("told"),
    ];
    ledger.reconnected(&now);
    let mut all = ledger.observe(told(2000, "told", died(7)));
    all.extend(ledger.infer(&now, at(1000)));
    all.extend(ledger.infer(&now, at(1000)));
    for late in [
        told(1500, "ends", died(3)),
        told(1500, "goes", died(3)),
        told(1501, "goes", Action::Destroyed),
        told(1601, "new", Action::Started),
        told(1901, "restarts", Action::Started),
    ] {
        all.extend(ledger.observe(late));
    }
    all.extend(ledger.observe(told(3000, "ends", Action::Started)));
    insta::assert_snapshot!(lines(&all), @"
    2000 told die 7
    1500 ends die 3 (inferred)
    1600 new start (inferred)
    1700 passed start (inferred)
    1800 passed die 3 (inferred)
    1850 restarts die (inferred)
    1900 restarts start (inferred)
    2000 goes die (inferred)
    2000 goes destroy (inferred)
    3000 ends start
    ");
}

#[test]
fn a_start_of_what_runs_is_told_with_the_end_that_went_by() {
    let mut ledger = Ledger::default();
    let now = [found("a", true, 0, None)];
    ledger.adopt(&now);
    ledger.reconnected(&now);
    insta::assert_snapshot!(lines(&ledger.observe(told(5000, "a", Action::Started))), @"
    5000 a die (inferred)
    5000 a start
    ");
}

#[test]
fn an_end_right_after_what_was_found_explains_it_only_if_nothing_has_happened_since() {
    for (finished, expected) in [(-1, "3 a die 3"), (2, "3 a start (inferred)\n3 a die 3")] {
        let mut ledger = Ledger::default();
        ledger.adopt(&[found("a", false, -2, Some(-1))]);
        ledger.reconnected(&[found("a", false, -2, Some(finished))]);
        assert_eq!(lines(&ledger.observe(told(3, "a", died(3)))), expected);
    }
}

/// What befalls the one container of the property: it changes between running and not, the connection is lost, the engine forgets.
#[derive(Debug, Clone, Copy)]
enum Step {
    Change,
    Lose { forgets: bool },
    Regain,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Change),
        1 => any::<bool>().prop_map(|forgets| Step::Lose { forgets }),
        2 => Just(Step::Regain),
    ];
    proptest::collection::vec(step, 0..40)
}

/// Whatever is lost, start and die alternate, the last word is true, nothing that was told is told again, and nothing is inferred while
/// the engine remembers.
fn is_kept_right(steps: &[Step], gap: i64) -> Result<(), TestCaseError> {
    let mut ledger = Ledger::default();
    ledger.saw(at(0));
    ledger.adopt(&[found("c", false, -2, Some(-1))]);
    let (mut clock, mut running, mut started, mut finished) = (0, false, -2, Some(-1));
    let (mut connected, mut cut, mut remembered, mut forgot) = (true, at(0), Vec::new(), false);
    let mut out = Vec::new();
    for step in steps.iter().copied().chain([Step::Regain]) {
        clock += gap;
        match step {
            Step::Change => {
                running = !running;
                let action = if running { Action::Started } else { died(3) };
                // The engine's state is a moment older than its event.
                if running {
                    started = clock - 1;
                } else {
                    finished = Some(clock - 1);
                }
                remembered.push(told(clock, "c", action));
                if connected {
                    out.extend(ledger.observe(remembered.last().unwrap().clone()));
                }
            }
            Step::Lose { forgets } => {
                if connected {
                    connected = false;
                    cut = cut.max(ledger.newest().unwrap());
                }
                if forgets {
                    remembered.clear();
                    forgot = true;
                }
            }
            Step::Regain if !connected => {
                connected = true;
                let now = [found("c", running, started, finished)];
                ledger.reconnected(&now);
                let since = ledger.newest().unwrap() - SLACK;
                for event in remembered.iter().filter(|event| event.at >= since) {
                    out.extend(ledger.observe(event.clone()));
                }
                out.extend(ledger.infer(&now, cut));
                cut = cut.max(at(started)).max(finished.map_or(cut, at));
            }
            Step::Regain => {}
        }
    }
    let mut last = false;
    for event in &out {
        let starts = event.action == Action::Started;
        prop_assert_ne!(last, starts, "{}", lines(&out));
        last = starts;
    }
    prop_assert_eq!(last, running, "{}", lines(&out));
    let told: Vec<_> = out.iter().filter(|event| event.origin == Origin::Told).collect();
    prop_assert!(told.windows(2).all(|two| two[0].at < two[1].at), "{}", lines(&out));
    prop_assert!(forgot || told.len() == out.len(), "{}", lines(&out));
    Ok(())
}

proptest! {
    #[test]
    fn start_and_die_alternate_and_the_last_word_is_true(steps in steps(), gap in 1..4000_i64) {
        is_kept_right(&steps, gap)?;
    }
}

#[test]
fn what_the_engine_forgets_between_two_changes_of_one_millisecond_is_kept_right() {
    use Step::{Change, Lose, Regain};
    let steps = [Lose { forgets: false }, Change, Change, Change, Lose { forgets: true }, Change, Regain];
    for steps in [&steps[..], &steps[..6]] {
        is_kept_right(steps, 1).unwrap();
    }
}
