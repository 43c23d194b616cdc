//! Rust of a server's node classes: a type for each, that takes what the class takes and nothing else.

mod names;
mod plan;
mod text;

use std::fmt::{self, Write};

use serde_json::Value;

use super::{ClassInfo, DataType, InputInfo, ObjectInfo, OutputInfo, invalid};
use crate::error::Error;
use crate::nearest;
use names::{Scope, camel, getter, setter};
use plan::{Plan, Type, enumerable, is_choice};
use text::{code, expression, float, literal, prose};

/// What every such file begins with.
const PRELUDE: &str = include_str!("codegen/prelude.rs");
/// What the code itself calls something beside the classes.
const TAKEN: &[&str] = &[
    "Added",
    "Clone",
    "Debug",
    "Default",
    "Draft",
    "From",
    "Given",
    "Graph",
    "Into",
    "Link",
    "NodeBuilder",
    "NodeId",
    "None",
    "Option",
    "PartialEq",
    "PhantomData",
    "Self",
    "Some",
    "String",
    "Vec",
];
/// What every class's type calls its own methods.
const TAKEN_SETTERS: &[&str] = &["add_to", "begin", "new", "titled"];
/// With more arguments clippy speaks up.
const MANY_ARGUMENTS: usize = 7;
/// A longer default is not shown in the documentation.
const LONGEST_SHOWN: usize = 60;

impl ObjectInfo {
    /// These classes alone.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"]}}"#)?;
    /// assert_eq!(info.only(["EmptyImage"])?.classes().count(), 1);
    /// assert!(info.only(["KSampler"]).is_err());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) for a class that is not there, with the nearest names.
    pub fn only<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let class = |name: &str| match self.classes.get_key_value(name) {
            Some((name, class)) => Ok((name.clone(), class.clone())),
            None => {
                let near = nearest::nearest(name, self.classes.keys().map(String::as_str));
                Err(nearest::hint(&near).into_iter().fold(invalid(format!("there is no node class `{name}`")), Error::hint))
            }
        };
        Ok(Self { classes: names.into_iter().map(class).collect::<Result<_, _>>()? })
    }

    /// A file of Rust with a type for each node class: what the class needs is asked for by `new`, a link of a wrong type
    /// does not compile, and choices that are the same on every server have names. It uses [`Graph`](crate::Graph) and
    /// nothing else, and rustfmt leaves it as it is.
    ///
    /// ```
    /// use comfy_client::ObjectInfo;
    ///
    /// let info = ObjectInfo::from_json(r#"{"VAEDecode": {
    ///     "input": {"required": {"samples": ["LATENT"], "vae": ["VAE"]}}, "output": ["IMAGE"], "output_name": ["IMAGE"]}}"#)?;
    /// let code = info.to_rust();
    /// assert!(code.contains("pub mod types") && code.contains("samples = \"samples\": types::Latent,"));
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn to_rust(&self) -> String {
        let mut code = String::from(PRELUDE);
        // A `String` takes whatever is written to it.
        let _ = write(&mut code, self);
        code
    }
}

fn write(code: &mut String, info: &ObjectInfo) -> fmt::Result {
    let plan = Plan::of(info);
    write_types(code, &plan)?;
    write_choices(code, &plan)?;
    let mut scope = Scope::with(TAKEN);
    for (class, described) in info.classes() {
        let mut name = camel(class, "Node");
        if TAKEN.contains(&name.as_str()) {
            name += "Node";
        }
        write_class(code, &plan, &scope.take(&name), class, described)?;
    }
    Ok(())
}

fn write_types(code: &mut String, plan: &Plan<'_>) -> fmt::Result {
    let (links, values): (Vec<Type<'_>>, Vec<Type<'_>>) = plan.types().partition(|one| one.values.is_empty());
    code.push_str("\n/// What goes from node to node.\npub mod types {\n    use comfy_client::Link;\n\n    use super::Given;\n");
    code.push_str("\n    links! {\n        /// From an output that may give anything.\n        Untyped\n");
    for Type { server, name, .. } in &links {
        writeln!(code, "        /// {}.\n        {name}", text::code(server))?;
    }
    code.push_str("    }\n\n    values! {\n");
    code.push_str("        /// Anything.\n        Any: &str = Text, String = Text, i64 = Whole, f64 = Float, bool = Boolean;\n");
    code.push_str("        /// One of the values that the server offers.\n");
    code.push_str("        Choice: &str = Text, String = Text, i64 = Whole, f64 = Float, bool = Boolean;\n");
    for Type { server, name, values } in &values {
        let written = values.iter().map(|(rust, kind)| format!("{rust} = {kind}")).collect::<Vec<_>>().join(", ");
        writeln!(code, "        /// {}.\n        {name}: {written};", text::code(server))?;
    }
    code.push_str("    }\n\n    fits! {\n        Choice => Any;\n");
    let names = |of: &mut dyn Iterator<Item = &str>| of.collect::<Vec<_>>().join(", ");
    writeln!(code, "        Untyped => {};", names(&mut ["Any", "Choice"].into_iter().chain(plan.types().map(|one| one.name))))?;
    for given in plan.types() {
        // What may hold a value is no link.
        let into = |taken: &Type<'_>| !taken.values.is_empty() || given.values.is_empty();
        let named = |name: &str| DataType::Named(name.to_owned());
        let fits = |taken: &Type<'_>| taken.name != given.name && named(given.server).fits(&named(taken.server)) && into(taken);
        let taken: Vec<Type<'_>> = plan.types().filter(fits).collect();
        writeln!(code, "        {} => {};", given.name, names(&mut ["Any"].into_iter().chain(taken.iter().map(|one| one.name))))?;
    }
    code.push_str("    }\n}\n");
    Ok(())
}

fn write_choices(code: &mut String, plan: &Plan<'_>) -> fmt::Result {
    code.push_str("\n/// What one of several is chosen from.\npub mod choices {\n");
    let choices = plan.choices();
    if !choices.is_empty() {
        code.push_str("    use super::Given;\n\n    choices! {\n");
        for (name, list) in choices {
            writeln!(code, "        /// One of {}.\n        {name} {{", list.len())?;
            for (text, variant) in list.iter().zip(variants(list)) {
                writeln!(code, "            /// {}.\n            {variant} = {},", text::code(text), literal(text))?;
            }
            code.push_str("        }\n");
        }
        code.push_str("    }\n");
    }
    code.push_str("}\n");
    Ok(())
}

fn variants<'a>(list: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let mut scope = Scope::with(&["ALL"]);
    list.iter().map(move |text| scope.take(&camel(text, "Other")))
}

fn write_class(code: &mut String, plan: &Plan<'_>, name: &str, class: &str, described: &ClassInfo) -> fmt::Result {
    let inputs: Vec<Input<'_>> = inputs(described, plan);
    let (takes, needs): (Vec<&Input<'_>>, Vec<&Input<'_>>) =
        inputs.iter().partition(|input| !input.info.required || input.default.is_some());
    code.push_str("\nnode! {\n");
    write_class_docs(code, class, described)?;
    writeln!(code, "    {name} = {};", literal(class))?;
    if needs.len() > MANY_ARGUMENTS {
        code.push_str("    #[expect(clippy::too_many_arguments, reason = \"the class needs them all\")]\n");
    }
    if described.deprecated {
        code.push_str("    #[deprecated = \"the server calls this node deprecated\"]\n");
    }
    let entry = |Input { method, info, default }: &Input<'_>| {
        let written = default.as_ref().map(|default| format!(" = {}", default.code)).unwrap_or_default();
        let taken = format!("{method} = {}: {}{written}", literal(&info.name), plan.input(info));
        (info.docs(default.as_ref()), taken)
    };
    write_group(code, "needs", needs.into_iter().map(entry))?;
    write_group(code, "takes", takes.into_iter().map(entry))?;
    let mut scope = Scope::with(&["clone", "node"]);
    let given = described.outputs.iter().enumerate().map(|(slot, output)| {
        let method = scope.take(&getter(output.title()));
        (output.docs(), format!("{method} = {slot}: {}", plan.output(&output.data_type)))
    });
    write_group(code, "gives", given)?;
    code.push_str("}\n");
    Ok(())
}

/// Entries with their documentation, in braces.
fn write_group(code: &mut String, word: &str, entries: impl Iterator<Item = (String, String)>) -> fmt::Result {
    write!(code, "    {word} {{")?;
    let empty = code.len();
    for (docs, entry) in entries {
        write!(code, "\n        /// {docs}\n        {entry},")?;
    }
    code.push_str(if code.len() == empty { "}\n" } else { "\n    }\n" });
    Ok(())
}

fn write_class_docs(code: &mut String, class: &str, described: &ClassInfo) -> fmt::Result {
    let title = prose(&described.display_name);
    let title = if title.is_empty() { String::new() } else { format!("{title}: ") };
    let place = if described.category.is_empty() { String::new() } else { format!(", in {}", text::code(&described.category)) };
    writeln!(code, "    /// {title}{}{place}.", text::code(class))?;
    let groups = described.inputs.iter().filter(|input| input.is_group());
    let groups = groups.map(|input| format!("Its input {} has parts, which are given after `begin`.", text::code(&input.name)));
    let end = described.output_node.then(|| "A workflow may end in it.".to_owned());
    let trial = described.experimental.then(|| "The server calls it experimental.".to_owned());
    let told = [prose(&described.description)].into_iter().chain(end).chain(trial).chain(groups);
    for paragraph in told.filter(|paragraph| !paragraph.is_empty()) {
        writeln!(code, "    ///\n    /// {paragraph}")?;
    }
    Ok(())
}

struct Input<'a> {
    method: String,
    info: &'a InputInfo,
    default: Option<Default>,
}

/// What an input has in a new node of the editor.
struct Default {
    code: String,
    shown: String,
}

/// The inputs that can be given as a whole.
fn inputs<'a>(class: &'a ClassInfo, plan: &Plan<'_>) -> Vec<Input<'a>> {
    let mut scope = Scope::with(TAKEN_SETTERS);
    let whole = class.inputs.iter().filter(|info| !info.is_group());
    whole
        .map(|info| {
            let method = scope.take(&setter(&info.name));
            Input { method, info, default: info.required.then(|| default(info, plan)).flatten() }
        })
        .collect()
}

fn default(info: &InputInfo, plan: &Plan<'_>) -> Option<Default> {
    let given = info.options.get("default");
    if let Some(list) = enumerable(info) {
        // As the editor has it: the first, unless another is named.
        let at = given.and_then(|given| list.iter().position(|text| given == text)).unwrap_or_default();
        let variant = variants(&list).nth(at)?;
        return Some(Default { code: format!("{}::{variant}", plan.input(info)), shown: code(list[at]) });
    }
    let given = given?;
    let code = match &info.data_type {
        DataType::Named(name) if name == "INT" => expression(&whole(given)?),
        DataType::Named(name) if name == "FLOAT" => given.as_f64().map(float),
        DataType::Named(name) if name == "STRING" => given.is_string().then(|| expression(given)).flatten(),
        DataType::Named(name) if name == "BOOLEAN" => given.is_boolean().then(|| expression(given)).flatten(),
        kind if is_choice(kind) => expression(given),
        _ => None,
    }?;
    let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    let shown = if text.chars().count() > LONGEST_SHOWN { "a longer text".to_owned() } else { text::code(&text) };
    Some(Default { code, shown })
}

/// A whole number, also where it is written as `20.0`.
fn whole(value: &Value) -> Option<Value> {
    if value.is_i64() || value.is_u64() {
        return Some(value.clone());
    }
    let text = value.as_f64().map(|number| format!("{number:.1}"))?;
    text.strip_suffix(".0")?.parse::<i64>().ok().map(Value::from)
}

impl InputInfo {
    fn docs(&self, default: Option<&Default>) -> String {
        let told = self.options.get("tooltip").and_then(Value::as_str).map(prose).unwrap_or_default();
        let kind = match (enumerable(self), &self.data_type) {
            (Some(_), _) => "a choice".to_owned(),
            (None, DataType::Named(name)) if !is_choice(&self.data_type) => code(name),
            (None, _) => "one of the values that the server offers".to_owned(),
        };
        let limit = |name: &str| self.options.get(name).filter(|limit| limit.is_number()).map(|limit| code(&limit.to_string()));
        let range = match (limit("min"), limit("max")) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" from {min}"),
            (None, Some(max)) => format!(" up to {max}"),
            (None, None) => String::new(),
        };
        let first = default.map(|default| format!(", at first {}", default.shown)).unwrap_or_default();
        let need = if self.required { "" } else { " May be left out." };
        let gap = if told.is_empty() { "" } else { " " };
        format!("{told}{gap}Takes {kind}{range}{first}.{need}")
    }
}

impl OutputInfo {
    /// Its name, else that of its type.
    fn title(&self) -> &str {
        match &self.data_type {
            DataType::Named(kind) if self.name.is_empty() => kind,
            _ => &self.name,
        }
    }

    fn docs(&self) -> String {
        let kind = if is_choice(&self.data_type) { "a choice".to_owned() } else { code(&self.data_type.to_string()) };
        let told = prose(&self.tooltip);
        let gap = if told.is_empty() { "" } else { " " };
        format!("{told}{gap}Gives {kind}.")
    }
}

#[cfg(test)]
mod tests;
