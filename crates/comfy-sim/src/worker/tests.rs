//! The rules of lists, lazy inputs and blocked outputs, which none of the server's own classes shows. The expected
//! messages were read off ComfyUI 0.3.64 with the same classes as a custom node.

use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::cache::Cache;
use super::run;
use crate::app::{App, Site};
use crate::folders::Folders;
use crate::hub::Mailbox;
use crate::nodes::{Call, Node, Registry, Slot, Yield};
use crate::py::Raised;
use crate::queue::Item;

/// A class of a few lines.
struct Class {
    name: &'static str,
    takes_lists: bool,
    gives_lists: bool,
    lazy: bool,
    shows: bool,
    go: fn(&Call<'_>) -> Yield,
}

const PLAIN: Class =
    Class { name: "", takes_lists: false, gives_lists: false, lazy: false, shows: false, go: |_| Yield::default() };

static CLASSES: &[&dyn Node] = &[
    &Class { name: "Pass", go: |call| one(input(call, "n").clone()), ..PLAIN },
    &Class { name: "Block", go: |call| one(Slot::Blocked(Some(call.text("text", "").unwrap_or_default()))), ..PLAIN },
    &Class { name: "Quiet", go: |_| one(Slot::Blocked(None)), ..PLAIN },
    &Class {
        name: "List",
        gives_lists: true,
        go: |call| one(Slot::List((0..int(input(call, "n"))).map(literal).collect())),
        ..PLAIN
    },
    &Class { name: "Sum", takes_lists: true, go: |call| one(literal(sum(input(call, "n")))), ..PLAIN },
    &Class { name: "Switch", lazy: true, go: |call| one(input(call, wanted(call)).clone()), ..PLAIN },
    &Class { name: "Out", shows: true, go: show, ..PLAIN },
];

fn one(slot: Slot) -> Yield {
    Yield { slots: vec![slot], ..Yield::default() }
}

fn show(call: &Call<'_>) -> Yield {
    Yield { ui: Some(json!({"n": [input(call, "n").shown()]})), ..Yield::default() }
}

fn input<'c>(call: &'c Call<'_>, name: &str) -> &'c Slot {
    call.input(name).expect("given")
}

fn literal(n: u64) -> Slot {
    Slot::Literal(json!(n))
}

fn int(slot: &Slot) -> u64 {
    slot.shown().as_u64().expect("a number")
}

fn sum(slot: &Slot) -> u64 {
    let Slot::List(slots) = slot else { panic!("no list") };
    slots.iter().map(int).sum()
}

fn wanted(call: &Call<'_>) -> &'static str {
    if input(call, "on").shown() == json!(true) { "a" } else { "b" }
}

impl Node for Class {
    fn class(&self) -> &'static str {
        self.name
    }

    fn info(&self, _: &Folders) -> Result<Value, Raised> {
        let declared = json!({"n": ["INT"], "text": ["STRING"], "on": ["BOOLEAN"], "a": ["INT"], "b": ["INT"]});
        let outputs = if self.shows { json!([]) } else { json!([self.gives_lists]) };
        Ok(json!({"input": {"required": declared}, "output": ["INT"], "output_is_list": outputs}))
    }

    fn is_output(&self) -> bool {
        self.shows
    }

    fn takes_lists(&self) -> bool {
        self.takes_lists
    }

    fn is_lazy(&self, input: &str) -> bool {
        self.lazy && input != "on"
    }

    fn needs(&self, call: &Call<'_>) -> Vec<String> {
        if self.lazy { vec![wanted(call).to_owned()] } else { vec![] }
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        Ok((self.go)(call))
    }
}

/// The messages to the owner of the prompt, and the status in the history.
async fn told(prompt: &Value) -> (Vec<String>, &'static str) {
    let dir = tempfile::tempdir().expect("a folder");
    let folders = Folders::make(dir.path()).expect("folders");
    let (tasks, _) = tokio::sync::mpsc::unbounded_channel();
    let mut app = App::new(&Site::plain(folders), None, tasks);
    app.registry = Registry::of(CLASSES);
    let (mailbox, mut letters) = Mailbox::new();
    app.hub.join("c", mailbox);

    let prompt = prompt.as_object().cloned().expect("a prompt");
    let is_out = |node: &Value| node["class_type"] == "Out";
    let outputs = prompt.iter().filter(|(_, node)| is_out(node)).map(|(id, _)| id.clone()).collect();
    let extra_data = Map::from_iter([("client_id".to_owned(), json!("c"))]);
    let (prompt, extra_data) = (prompt.into(), extra_data.into());
    let item = Item { number: Value::from(0), id: "p".to_owned(), prompt, extra_data, outputs };
    let done = run::run(&app, &mut Cache::default(), item).await;
    let mut lines = Vec::new();
    while let Some(Message::Text(text)) = letters.now() {
        lines.extend(short(&serde_json::from_str(&text).expect("JSON")));
    }
    (lines, done.status)
}

fn short(message: &Value) -> Option<String> {
    let data = &message["data"];
    let node = data["node"].as_str().unwrap_or_default();
    match message["type"].as_str().unwrap_or_default() {
        "progress_state" => None,
        "executing" => Some(format!("executing {node}")),
        "executed" => Some(format!("executed {node} {}", data["output"])),
        "execution_error" => {
            let inner = data["traceback"].as_array().and_then(|calls| calls.last());
            // Who is blocked has not raised.
            let raised = data["exception_type"] != "ExecutionBlocked";
            assert_eq!(inner.is_some_and(|call| call.as_str().is_some_and(|call| call.ends_with("in process_inputs\n"))), raised);
            Some(format!("error {} {} {}", data["node_id"], data["exception_type"], data["exception_message"]))
        }
        other => Some(other.to_owned()),
    }
}

fn node(class: &str, inputs: &Value) -> Value {
    json!({"class_type": class, "inputs": inputs})
}

#[tokio::test]
async fn a_list_is_many_calls_unless_the_class_takes_lists() {
    let prompt = json!({
        "1": node("List", &json!({"n": 3})),
        "2": node("Pass", &json!({"n": ["1", 0]})),
        "3": node("Out", &json!({"n": ["2", 0]})),
        "4": node("Sum", &json!({"n": ["2", 0]})),
        "5": node("Out", &json!({"n": ["4", 0]})),
    });
    let expected = [
        "execution_start",
        "execution_cached",
        "executing 1",
        "executing 2",
        "executing 3",
        r#"executed 3 {"n":[0,1,2]}"#,
        "executing 4",
        "executing 5",
        r#"executed 5 {"n":[3]}"#,
        "execution_success",
    ];
    assert_eq!(told(&prompt).await, (expected.map(str::to_owned).to_vec(), "success"));
}

async fn a_panic_is_told() {
    let prompt = json!({"1": node("Pass", &json!({})), "2": node("Out", &json!({"n": ["1", 0]}))});
    let expected = ["execution_start", "execution_cached", "executing 1"].map(str::to_owned);
    let error = r#"error "1" "RuntimeError" "the node did not come back\n""#;
    assert_eq!(told(&prompt).await, ([expected.as_slice(), &[error.to_owned()]].concat(), "error"));
}

#[tokio::test]
async fn a_node_that_panics_fails_its_prompt_alone() {
    a_panic_is_told().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_same_on_a_thread_of_the_runtime() {
    tokio::spawn(a_panic_is_told()).await.expect("the worker goes on");
}

#[tokio::test]
async fn a_lazy_input_runs_only_if_it_is_asked_for() {
    let prompt = json!({
        "1": node("Pass", &json!({"n": 1})),
        "2": node("Pass", &json!({"n": 2})),
        "3": node("Switch", &json!({"on": false, "a": ["1", 0], "b": ["2", 0]})),
        "4": node("Out", &json!({"n": ["3", 0]})),
    });
    let expected = [
        "execution_start",
        "execution_cached",
        "executing 3",
        "executing 2",
        "executing 3",
        "executing 4",
        r#"executed 4 {"n":[2]}"#,
        "execution_success",
    ];
    assert_eq!(told(&prompt).await, (expected.map(str::to_owned).to_vec(), "success"));
}

#[tokio::test]
async fn a_blocked_output_stops_who_needs_it_and_is_no_failure() {
    for (class, error) in [("Block", Some(r#"error "2" "ExecutionBlocked" "Execution Blocked: stop""#)), ("Quiet", None)] {
        let prompt = json!({
            "1": node(class, &json!({"text": "stop"})),
            "2": node("Pass", &json!({"n": ["1", 0]})),
            "3": node("Out", &json!({"n": ["2", 0]})),
        });
        let mut expected = vec!["execution_start", "execution_cached", "executing 1", "executing 2"];
        expected.extend(error);
        expected.extend(["executing 3", "execution_success"]);
        let (lines, status) = told(&prompt).await;
        assert_eq!((lines.iter().map(String::as_str).collect::<Vec<_>>(), status), (expected, "success"), "{class}");
    }
}
