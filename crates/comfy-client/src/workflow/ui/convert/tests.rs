//! What the editor's graphs become, case by case.

use proptest::prelude::*;

use super::*;

fn info() -> ObjectInfo {
    let class = |required: Value, output: &[&str]| json!({"input": {"required": required}, "output": output});
    ObjectInfo::from_value(&json!({
        "Load": class(json!({"name": [["a", "b"], {}]}), &["MODEL", "VAE"]),
        "Lora": class(json!({"model": ["MODEL"], "strength": ["FLOAT"]}), &["MODEL"]),
        "Sample": {"input": {"required": {"steps": ["INT", {"default": 20}], "model": ["MODEL"], "seed": ["INT", {}]},
            "optional": {"text": ["STRING", {"forceInput": true}], "list": ["OWN_WIDGET"]}},
            "input_order": {"required": ["model", "seed", "steps"], "optional": ["text", "list"]},
            "output": ["LATENT"], "display_name": "The Sampler"},
        "Dynamic": class(json!({"model": ["COMFY_DYNAMICCOMBO_V3", {}], "images": ["COMFY_AUTOGROW_V3", {}]}), &[]),
        "Save": class(json!({"latent": ["LATENT"], "prefix": ["STRING"]}), &[]),
    }))
    .unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "the values are written where it is called")]
fn node(id: u64, class: &str, inputs: &[(&str, &str, Option<u64>)], values: Value) -> Value {
    let slot = |(name, kind, link): &(&str, &str, Option<u64>)| {
        let mut slot = json!({"name": name, "type": kind, "link": link});
        if !["MODEL", "LATENT", "*", "VAE"].contains(kind) {
            slot["widget"] = json!({"name": name});
        }
        slot
    };
    let outputs = match class {
        "Load" => json!([{"type": "MODEL"}, {"type": "VAE"}]),
        "Lora" => json!([{"type": "MODEL"}]),
        "Save" => json!([]),
        _ => json!([{"type": "*"}]),
    };
    let inputs: Vec<Value> = inputs.iter().map(slot).collect();
    json!({"id": id, "type": class, "inputs": inputs, "outputs": outputs, "widgets_values": values})
}

fn with(mut node: Value, key: &str, value: Value) -> Value {
    node[key] = value;
    node
}

#[expect(clippy::needless_pass_by_value, reason = "the nodes are written where it is called")]
fn ui(nodes: Vec<Value>, links: Value) -> UiWorkflow {
    UiWorkflow::from_value(json!({"nodes": nodes, "links": links})).unwrap()
}

/// Each node as `id class inputs`.
fn converted(ui: &UiWorkflow) -> String {
    match ui.to_api(&info()) {
        Ok(workflow) => workflow
            .nodes()
            .iter()
            .map(|(id, node)| format!("{id} {} {}", node["class_type"].as_str().unwrap(), node["inputs"]))
            .collect::<Vec<_>>()
            .join("\n"),
        Err(error) => format!("{error} [{}]", error.hints().join("; ")),
    }
}

#[test]
fn widgets_get_their_names_and_links_take_their_places() {
    let ui = ui(
        vec![
            node(1, "Load", &[], json!(["b"])),
            node(3, "Sample", &[("model", "MODEL", Some(7))], json!([5, "randomize", 30, [1, 2]])),
            with(
                node(4, "Save", &[("latent", "LATENT", Some(8)), ("prefix", "STRING", None)], json!({"prefix": "x", "own": 1})),
                "title",
                json!("Keep"),
            ),
            node(5, "Note", &[], json!(["text"])),
        ],
        json!([[7, 1, 0, 3, 0, "MODEL"], {"id": 8, "origin_id": 3, "origin_slot": 0, "target_id": 4, "target_slot": 0}]),
    );
    insta::assert_snapshot!(converted(&ui), @r#"
    1 Load {"name":"b"}
    3 Sample {"seed":5,"steps":30,"list":{"__value__":[1,2]},"model":["1",0]}
    4 Save {"prefix":"x","latent":["3",0]}
    "#);
    let workflow = ui.to_api(&info()).unwrap();
    let titles: Vec<&str> = workflow.nodes().values().map(|node| node["_meta"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Load", "The Sampler", "Keep"]);
}

#[test]
fn a_widget_that_is_younger_than_the_file_gets_what_the_editor_gives_a_new_one() {
    let info = ObjectInfo::from_value(&json!({"X": {"input": {
        "required": {"pose": ["BOOLEAN", {"default": false}], "seed": ["INT"], "steps": ["INT", {"default": 20}], "kind": ["COMBO", {"options": ["a"]}]},
        "optional": {"late": ["FLOAT", {"default": 0.5}], "text": ["STRING"], "count": ["INT", {"min": 1}], "on": ["BOOLEAN"],
            "old": [["x", "y"]], "new": ["COMBO", {"options": ["z"]}], "empty": [[]], "curve": ["CURVE"]}}}}))
    .unwrap();
    let ui = ui(vec![node(1, "X", &[], json!([7, "fixed", "not installed"]))], json!([]));
    let workflow = ui.to_api(&info).unwrap();
    let expected = r#"{"pose":false,"seed":7,"steps":20,"kind":"not installed","late":0.5,"text":"","count":0,"on":false,"old":"x","new":"z"}"#;
    assert_eq!(workflow.nodes()["1"]["inputs"].to_string(), expected);
}

#[test]
fn a_switch_beside_a_seed_is_the_editors_own() {
    let ui = ui(vec![node(3, "Sample", &[], json!([7, true, 30]))], json!([]));
    assert_eq!(converted(&ui), r#"3 Sample {"seed":7,"steps":30}"#);
}

#[test]
fn the_editors_own_nodes_are_resolved() {
    let ui = ui(
        vec![
            node(1, "Load", &[], json!(["a"])),
            node(2, "Reroute", &[("", "*", Some(1))], Value::Null),
            node(3, "SetNode", &[("MODEL", "MODEL", Some(2))], json!(["the model"])),
            node(4, "GetNode", &[], json!(["the model"])),
            node(5, "PrimitiveNode", &[], json!([77, "fixed"])),
            node(6, "Sample", &[("model", "MODEL", Some(3)), ("seed", "INT", Some(4))], json!([1, "fixed", 2])),
        ],
        json!([[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"], [3, 4, 0, 6, 0, "MODEL"], [4, 5, 0, 6, 1, "INT"]]),
    );
    insta::assert_snapshot!(converted(&ui), @r#"
    1 Load {"name":"a"}
    6 Sample {"seed":77,"steps":2,"model":["1",0]}
    "#);
}

#[test]
fn muted_nodes_are_left_out_and_bypassed_ones_passed_by() {
    let chain = |mode: u64| {
        ui(
            vec![
                node(1, "Load", &[], json!(["a"])),
                with(
                    node(2, "Lora", &[("strength", "FLOAT", None), ("model", "MODEL", Some(1))], json!([1.0])),
                    "mode",
                    json!(mode),
                ),
                node(3, "Sample", &[("model", "MODEL", Some(2))], json!([1, "fixed", 2])),
            ],
            json!([[1, 1, 0, 2, 1, "MODEL"], [2, 2, 0, 3, 0, "MODEL"]]),
        )
    };
    insta::assert_snapshot!(converted(&chain(BYPASSED)), @r#"
    1 Load {"name":"a"}
    3 Sample {"seed":1,"steps":2,"model":["1",0]}
    "#);
    insta::assert_snapshot!(converted(&chain(MUTED)), @r#"
    1 Load {"name":"a"}
    3 Sample {"seed":1,"steps":2}
    "#);
}

#[test]
fn subgraphs_are_opened_with_their_links_and_their_widgets() {
    let inner = json!({"id": "inner", "inputs": [{"name": "model"}, {"name": "strength"}], "nodes": [
        node(7, "Lora", &[("model", "MODEL", Some(1)), ("strength", "FLOAT", Some(3))], json!([0.5]))],
        "links": [{"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 7, "target_slot": 0},
            {"id": 2, "origin_id": 7, "origin_slot": 0, "target_id": -20, "target_slot": 0},
            {"id": 3, "origin_id": -10, "origin_slot": 1, "target_id": 7, "target_slot": 1}]});
    let outer = json!({"id": "outer", "inputs": [{"name": "model"}], "nodes": [node(9, "inner", &[("model", "MODEL", Some(1)), ("strength", "FLOAT", None)], json!([0.9]))],
        "links": [{"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 9, "target_slot": 0},
            {"id": 2, "origin_id": 9, "origin_slot": 0, "target_id": -20, "target_slot": 0}]});
    let mut root = ui(
        vec![
            node(1, "Load", &[], json!(["a"])),
            node(5, "outer", &[("model", "MODEL", Some(1))], json!([])),
            node(3, "Sample", &[("model", "MODEL", Some(2))], json!([1, "fixed", 2])),
        ],
        json!([[1, 1, 0, 5, 0, "MODEL"], [2, 5, 0, 3, 0, "MODEL"]]),
    )
    .to_value();
    root["definitions"] = json!({"subgraphs": [inner, outer]});
    insta::assert_snapshot!(converted(&UiWorkflow::from_value(root.clone()).unwrap()), @r#"
    1 Load {"name":"a"}
    3 Sample {"seed":1,"steps":2,"model":["5:9:7",0]}
    5:9:7 Lora {"strength":0.9,"model":["1",0]}
    "#);
    root["nodes"][1]["mode"] = json!(BYPASSED);
    insta::assert_snapshot!(converted(&UiWorkflow::from_value(root.clone()).unwrap()), @r#"
    1 Load {"name":"a"}
    3 Sample {"seed":1,"steps":2,"model":["1",0]}
    "#);
    root["nodes"][1]["mode"] = json!(0);
    root["definitions"]["subgraphs"][0]["nodes"][0]["type"] = json!("outer");
    insta::assert_snapshot!(converted(&UiWorkflow::from_value(root).unwrap()), @"node `5:9:7` uses a subgraph that uses itself, or far too many nodes []");
}

/// As editors of mid 2025 saved it: a widget that is no socket has a value on the node that uses the subgraph, and no slot.
#[test]
fn inputs_of_a_subgraph_are_told_by_name_where_the_node_that_uses_it_lacks_some() {
    let inner = json!({"id": "inner", "inputs": [{"name": "model"}, {"name": "seed"}, {"name": "steps"}], "nodes": [
        node(7, "Sample", &[("model", "MODEL", Some(1)), ("seed", "INT", Some(2)), ("steps", "INT", Some(3))], json!([0, "fixed", 0]))],
        "links": [[1, -10, 0, 7, 0, "MODEL"], [2, -10, 1, 7, 1, "INT"], [3, -10, 2, 7, 2, "INT"]]});
    let mut root = ui(
        vec![
            node(1, "Load", &[], json!(["a"])),
            node(2, "PrimitiveNode", &[], json!([30])),
            node(5, "inner", &[("model", "MODEL", Some(1)), ("steps", "INT", Some(2))], json!([41, 20])),
        ],
        json!([[1, 1, 0, 5, 0, "MODEL"], [2, 2, 0, 5, 2, "INT"]]),
    )
    .to_value();
    root["definitions"] = json!({"subgraphs": [inner]});
    insta::assert_snapshot!(converted(&UiWorkflow::from_value(root).unwrap()), @r#"
    1 Load {"name":"a"}
    5:7 Sample {"seed":41,"steps":30,"model":["1",0]}
    "#);
}

#[test]
fn what_cannot_be_converted_names_the_node() {
    let unknown = ui(vec![node(1, "Loda", &[], json!([]))], json!([]));
    let unset = ui(
        vec![node(1, "GetNode", &[], json!(["x"])), node(2, "Save", &[("latent", "LATENT", Some(1))], json!(["p"]))],
        json!([[1, 1, 0, 2, 0, "*"]]),
    );
    let ring = ui(
        vec![
            node(1, "Reroute", &[("", "*", Some(2))], Value::Null),
            node(2, "Reroute", &[("", "*", Some(1))], Value::Null),
            node(3, "Save", &[("latent", "LATENT", Some(2))], json!(["p"])),
        ],
        json!([[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"]]),
    );
    let dynamic = ui(vec![node(1, "Dynamic", &[], json!(["a", 1]))], json!([]));
    let notes = ui(vec![node(1, "Note", &[], json!(["x"]))], json!([]));
    let said: Vec<String> = [unknown, unset, ring, dynamic, notes].iter().map(converted).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    node `1` is of the class `Loda`, which the server does not have [nearest: `Lora`]
    node `1` gets `x`, which no Set node beside it sets []
    what node `3` reads goes round in a ring of links []
    node `1` (Dynamic) has the input `model`, whose parts depend on its value: this is not converted [in ComfyUI's editor use Workflow > Export (API); older ones have Save (API Format) once dev mode is on]
    the workflow has no nodes [in ComfyUI's editor use Workflow > Export (API); older ones have Save (API Format) once dev mode is on]
    ");
}

proptest! {
    /// Any links between any nodes: an answer or an error, never a panic or a walk without end.
    #[test]
    fn no_graph_makes_it_panic(
        nodes in prop::collection::vec((0u64..6, 0usize..9, prop::option::of(0u64..12), 0u64..5), 0..8),
        links in prop::collection::vec((0u64..12, -20i64..6, 0u64..3, -20i64..6, 0u64..3), 0..12),
    ) {
        let kinds = ["Load", "Lora", "Sample", "Save", "Reroute", "SetNode", "GetNode", "sub", "PrimitiveNode"];
        let nodes: Vec<Value> = nodes
            .iter()
            .map(|(id, kind, link, mode)| {
                with(node(*id, kinds[*kind], &[("model", "MODEL", *link), ("strength", "FLOAT", *link)], json!(["x", 1])), "mode", json!(mode))
            })
            .collect();
        let links: Vec<Value> = links.iter().map(|(id, from, slot, to, place)| json!([id, from, slot, to, place, "*"])).collect();
        let root = json!({"nodes": nodes, "links": links, "definitions": {"subgraphs": [{"id": "sub", "nodes": nodes, "links": links}]}});
        let _ = UiWorkflow::from_value(root).unwrap().to_api(&info());
    }
}
