//! What the server would find wrong with a workflow, found before it is sent.

mod number;

use serde_json::Value;

use super::check::{Held, held, inputs};
use super::problem::{Problem, ProblemKind, in_order};
use super::{ClassInfo, InputInfo, ObjectInfo, Workflow, invalid, set};
use crate::error::Error;
use number::Number;

impl Workflow {
    /// What is wrong with the workflow on a server with these node classes. It finds what the server finds, but for
    /// what only a class's own code can tell, and also what the server is silent about: inputs that nobody reads and
    /// nodes that will not run. The problems stand in the order of the nodes.
    ///
    /// False alarms are possible: a class may judge some of its inputs itself, and then the server takes a choice that it
    /// does not list, a number beyond the limits, or another type of link. The description of the classes does not tell;
    /// [`ProblemKind::may_be_false_alarm`] tells of which problems this may be so.
    ///
    /// ```
    /// use comfy_client::{ObjectInfo, Workflow};
    ///
    /// let info = ObjectInfo::from_json(r#"{"CheckpointLoaderSimple": {
    ///     "input": {"required": {"ckpt_name": [["flux/dev.safetensors"], {}]}},
    ///     "output": ["MODEL", "CLIP", "VAE"], "output_node": true}}"#)?;
    /// let workflow = Workflow::from_json(r#"{"4": {"class_type": "CheckpointLoaderSimple",
    ///     "inputs": {"ckpt_name": "dev.safetensors"}, "_meta": {"title": "Load Checkpoint"}}}"#)?;
    /// assert_eq!(
    ///     workflow.validate(&info)[0].to_string(),
    ///     "node `4` Load Checkpoint (CheckpointLoaderSimple), input `ckpt_name`: `dev.safetensors` is not among the \
    ///      1 that the server offers; nearest: `flux/dev.safetensors`"
    /// );
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn validate(&self, info: &ObjectInfo) -> Vec<Problem> {
        let needed = self.needed(info);
        let mut problems = self.graph_problems(Some(info));
        for (id, node) in &self.nodes {
            let name = set::class(node).unwrap_or_default();
            let Some(class) = info.class(name) else {
                let names = info.classes().map(|(name, _)| name);
                let detail = format!("the server has no node class `{name}`");
                problems.push(Problem::new(ProblemKind::MissingClass, detail).at(id, node).nearest(name, names));
                continue;
            };
            problems.extend(self.input_problems(node, class, info).into_iter().map(|problem| problem.at(id, node)));
        }
        // The server looks at the inputs of those nodes only that an output needs.
        for problem in &mut problems {
            let is_needed = problem.node.as_deref().is_none_or(|node| needed.contains(node));
            if !is_needed && problem.kind != ProblemKind::MissingClass {
                problem.severity = super::Severity::Warning;
            }
        }
        in_order(self, &mut problems);
        problems
    }

    /// Says whether the server would take the whole workflow.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "KSampler", "inputs": {}}}"#)?;
    /// let error = workflow.ensure_valid(&comfy_client::ObjectInfo::default()).unwrap_err();
    /// assert_eq!(error.kind(), comfy_client::ErrorKind::InvalidWorkflow);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow), with every problem that [`Workflow::validate`] calls an
    /// error as a hint.
    pub fn ensure_valid(&self, info: &ObjectInfo) -> Result<(), Error> {
        let problems: Vec<Problem> = self.validate(info).into_iter().filter(Problem::is_error).collect();
        if problems.is_empty() {
            return Ok(());
        }
        let error = invalid(format!("the server would not take the workflow: {} wrong", problems.len()));
        Err(problems.iter().fold(error, |error, problem| error.hint(problem.to_string())))
    }

    fn input_problems(&self, node: &Value, class: &ClassInfo, info: &ObjectInfo) -> Vec<Problem> {
        let mut problems = Vec::new();
        for input in &class.inputs {
            let given = inputs(node).find(|(name, _)| *name == input.name).map(|(_, value)| value);
            let problem = match given.map(held) {
                None => {
                    (input.required && !input.is_group()).then(|| Problem::new(ProblemKind::MissingInput, "the class needs it"))
                }
                Some(Held::Link(from, slot)) => self.link_problem(input, from, slot, info),
                Some(Held::Value(value)) => value_problem(input, value),
                Some(Held::BadLink) => None,
            };
            problems.extend(problem.map(|problem| problem.input(&input.name)));
        }
        let known = |name: &str| class.input(name.split_once('.').map_or(name, |(group, _)| group)).is_some();
        for (name, _) in inputs(node).filter(|(name, _)| class.input(name).is_none() && !known(name)) {
            let names = class.inputs.iter().map(|input| input.name.as_str());
            let problem = Problem::new(ProblemKind::UnknownInput, "the class does not read it").input(name);
            problems.push(problem.nearest(name, names).warning());
        }
        problems
    }

    fn link_problem(&self, input: &InputInfo, from: &str, slot: u64, info: &ObjectInfo) -> Option<Problem> {
        let class = set::class(self.nodes.get(from)?)?;
        let outputs = &info.class(class)?.outputs;
        let Some(output) = usize::try_from(slot).ok().and_then(|slot| outputs.get(slot)) else {
            let detail = format!("linked to output {slot} of node `{from}` ({class}), which has {}", outputs.len());
            return Some(Problem::new(ProblemKind::NoSuchOutput, detail));
        };
        if output.data_type.fits(&input.data_type) {
            return None;
        }
        let detail =
            format!("takes {}, but output {slot} of node `{from}` ({class}) gives {}", input.data_type, output.data_type);
        Some(Problem::new(ProblemKind::LinkTypeMismatch, detail))
    }
}

impl InputInfo {
    /// Whether it stands for inputs of its own, `NAME.…`, which the server makes as they are needed.
    pub(super) fn is_group(&self) -> bool {
        matches!(&self.data_type, super::DataType::Named(name) if name.starts_with("COMFY_"))
    }
}

fn value_problem(input: &InputInfo, value: &Value) -> Option<Problem> {
    let converted = if input.data_type.is("INT") {
        Number::int(value)
    } else if input.data_type.is("FLOAT") {
        Number::float(value)
    } else {
        return choice_problem(input, value);
    };
    let Some(number) = converted else {
        return Some(Problem::new(ProblemKind::WrongType, format!("{} is no number", shown(value))));
    };
    let limit = |name: &str| input.options.get(name).and_then(Number::plain);
    if let Some(min) = limit("min").filter(|min| number < *min) {
        return Some(Problem::new(ProblemKind::TooSmall, format!("{number} is under {min}, the least allowed")));
    }
    let max = limit("max").filter(|max| number > *max)?;
    Some(Problem::new(ProblemKind::TooLarge, format!("{number} is over {max}, the most allowed")))
}

fn choice_problem(input: &InputInfo, value: &Value) -> Option<Problem> {
    let choices = input.choices()?;
    // Where several may be chosen, the node itself looks at them.
    if input.has("multiselect") || choices.iter().any(|choice| number::same(choice, value)) {
        return None;
    }
    let detail = format!("{} is not among the {} that the server offers", shown(value), choices.len());
    let wanted = value.as_str().unwrap_or_default();
    let problem = Problem::new(ProblemKind::NotInList, detail).nearest(wanted, choices.iter().filter_map(Value::as_str));
    // The list of uploaded files leaves out those in folders; the server looks for the file itself.
    let is_upload = input.options.keys().any(|option| option.contains("_upload"));
    Some(if is_upload && wanted.contains(['/', '[']) { problem.warning() } else { problem })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"))
}
