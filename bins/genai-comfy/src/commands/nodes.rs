//! `genai-comfy nodes`.

use comfy_client::{ClassInfo, DataType, InputInfo};
use console::json::comfy_v1::{Class, Document, Input, Node, Output};
use report::{Failure, FailureKind};
use serde_json::Value;
use settings::World;

use super::{client, failed};
use crate::cli::{Cli, Nodes, NodesAction};

pub(super) async fn run(world: &World, cli: &Cli, args: &Nodes) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    let Some(NodesAction::Show { class: name }) = &args.action else {
        let info = client.object_info().await.map_err(failed)?;
        let classes = info.classes().filter(|(name, class)| has(name, class, &args.words));
        return Ok(Document::Nodes { classes: classes.map(|(name, class)| listed(name, class)).collect() });
    };
    // One class costs the server a hundredth of all of them.
    if let Some(class) = client.object_info_class(name).await.map_err(failed)? {
        return Ok(Document::Node(shown(name, &class)));
    }
    let info = client.object_info().await.map_err(failed)?;
    let failure = Failure::new(FailureKind::Declined, format!("the server has no node class `{name}`"));
    let near = info.nearest(name);
    Err(match near.is_empty() {
        true => failure.hint("look for it with `genai-comfy nodes WORD`"),
        false => failure.hint(format!("nearest: `{}`", near.join("`, `"))),
    })
}

/// Whether each word stands in the name, the title or the category.
fn has(name: &str, class: &ClassInfo, words: &[String]) -> bool {
    let all = format!("{name} {} {}", class.display_name, class.category).to_lowercase();
    words.iter().all(|word| all.contains(&word.to_lowercase()))
}

fn listed(name: &str, class: &ClassInfo) -> Class {
    Class { name: name.to_owned(), title: class.display_name.clone(), category: class.category.clone() }
}

fn shown(name: &str, class: &ClassInfo) -> Node {
    let outputs = class.outputs.iter().map(|one| Output { name: one.name.clone(), kind: kind(&one.data_type) });
    Node {
        name: name.to_owned(),
        title: class.display_name.clone(),
        category: class.category.clone(),
        python_module: class.python_module.clone(),
        output_node: class.output_node,
        inputs: class.inputs.iter().map(input).collect(),
        outputs: outputs.collect(),
    }
}

fn input(input: &InputInfo) -> Input {
    Input {
        name: input.name.clone(),
        kind: kind(&input.data_type),
        required: input.required,
        choices: input.choices().map(<[Value]>::to_vec),
        options: Value::Object(input.options.clone()),
    }
}

fn kind(data_type: &DataType) -> String {
    match data_type {
        DataType::Named(name) => name.clone(),
        DataType::Choice(_) => "COMBO".to_owned(),
        _ => "?".to_owned(),
    }
}
