//! What a roll-out would change.

use serde_json::json;

use super::*;

fn parts(wanted: &Value, found: &Value) -> Vec<String> {
    let mut parts = Vec::new();
    differences("", wanted, found, &mut parts);
    parts
}

#[test]
fn what_the_engine_fills_in_is_no_difference() {
    let wanted =
        json!({"Labels": {"a": "1"}, "Task": {"Env": [], "Init": true, "Limits": {"Pids": null}, "Mounts": [{"Target": "/a"}]}});
    let found =
        json!({"Labels": {"a": "1"}, "Task": {"Init": true, "Isolation": "default", "Mounts": [{"Target": "/a", "Type": "x"}]}});
    assert_eq!(parts(&wanted, &found), [""; 0]);
}

#[test]
fn every_part_that_somebody_changed_is_named() {
    let wanted = json!({"Labels": {"a": "1"}, "Task": {"Env": ["A=1"], "User": "1000", "Mounts": [{"Target": "/a"}]}});
    for (found, part) in [
        (
            json!({"Labels": {"a": "1", "b": "2"}, "Task": {"Env": ["A=1"], "User": "1000", "Mounts": [{"Target": "/a"}]}}),
            "Labels",
        ),
        (json!({"Labels": {"a": "2"}, "Task": {"Env": ["A=1"], "User": "1000", "Mounts": [{"Target": "/a"}]}}), "Labels.a"),
        (
            json!({"Labels": {"a": "1"}, "Task": {"Env": ["A=1", "B=2"], "User": "1000", "Mounts": [{"Target": "/a"}]}}),
            "Task.Env",
        ),
        (json!({"Labels": {"a": "1"}, "Task": {"Env": ["A=1"], "Mounts": [{"Target": "/a"}]}}), "Task.User"),
        (json!({"Labels": {"a": "1"}, "Task": {"Env": ["A=1"], "User": "1000", "Mounts": [{"Target": "/b"}]}}), "Task.Mounts"),
    ] {
        assert_eq!(parts(&wanted, &found), [part]);
    }
    assert_eq!(parts(&json!({"Env": []}), &json!({"Env": ["LEFT=1"]})), ["Env"], "what is said to be none is none");
}

#[test]
fn cards_that_are_named_must_be_all_that_are_offered() {
    let list = |cards: &[&str]| cards.iter().map(|&card| card.to_owned()).collect::<Vec<_>>();
    let refusal = |named: &[&str], offered: &[&str]| cards(&list(named), &list(offered)).unwrap_err().to_string();
    cards(&list(&[]), &list(&["a"])).unwrap();
    cards(&list(&["b", "a"]), &list(&["a", "b"])).unwrap();
    insta::assert_snapshot!(refusal(&["a"], &["a", "b"]), @"the nodes also offer `b`, and a Swarm hands out any card that is free");
    insta::assert_snapshot!(refusal(&["a", "c"], &["a"]), @"no node that takes work offers `c`");
}
