//! What a server says of its node classes (`GET /object_info`), typed as far as a workflow needs it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{invalid, kind_of};
use crate::error::Error;
use crate::nearest;

/// The node classes of a server, by name.
///
/// ```
/// use comfy_client::{DataType, ObjectInfo};
///
/// let info = ObjectInfo::from_json(r#"{"EmptyImage": {
///     "input": {"required": {"width": ["INT", {"default": 512, "min": 1}]}},
///     "output": ["IMAGE"], "output_name": ["IMAGE"], "output_node": false}}"#)?;
/// let class = info.class("EmptyImage").unwrap();
/// assert_eq!(class.inputs[0].data_type, DataType::Named("INT".into()));
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectInfo {
    pub(super) classes: BTreeMap<String, ClassInfo>,
}

/// One node class. What the server left out, or wrote in another shape, is empty.
///
/// ```
/// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"display_name": "Empty Image", "category": "image",
///     "input": {"required": {"width": ["INT", {"default": 512, "min": 1}]}}, "output": ["IMAGE"], "output_name": ["IMAGE"]}}"#)?;
/// let class = info.class("EmptyImage").unwrap();
/// assert_eq!((class.display_name.as_str(), class.inputs.len(), class.output_node), ("Empty Image", 1, false));
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ClassInfo {
    /// Its title in the editor.
    pub display_name: String,
    /// Its place in the editor's menu, such as `latent/upscaling`.
    pub category: String,
    /// What it does, in its author's words.
    pub description: String,
    /// The Python module that it comes from, such as `nodes` or `custom_nodes.ComfyUI-Login`.
    pub python_module: String,
    /// What it reads, in the order of the editor: first what it needs, then the rest.
    pub inputs: Vec<InputInfo>,
    /// What it gives, by slot.
    pub outputs: Vec<OutputInfo>,
    /// Whether a workflow may end in it.
    pub output_node: bool,
    /// Whether its author wants it used no more.
    pub deprecated: bool,
    /// Whether its author may yet change it.
    pub experimental: bool,
}

/// One input of a node class.
///
/// ```
/// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"display_name": "Empty Image", "category": "image",
///     "input": {"required": {"width": ["INT", {"default": 512, "min": 1}]}}, "output": ["IMAGE"], "output_name": ["IMAGE"]}}"#)?;
/// let class = info.class("EmptyImage").unwrap();
/// let width = &class.inputs[0];
/// assert!(width.name == "width" && width.required && width.data_type.is("INT") && width.options["min"] == 1);
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InputInfo {
    /// Its name, as workflows write it.
    pub name: String,
    /// Whether a workflow must give it.
    pub required: bool,
    /// What it takes.
    pub data_type: DataType,
    /// Its settings, such as `default`, `min` and `max`.
    pub options: Map<String, Value>,
}

/// One output of a node class.
///
/// ```
/// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"display_name": "Empty Image", "category": "image",
///     "input": {"required": {"width": ["INT", {"default": 512, "min": 1}]}}, "output": ["IMAGE"], "output_name": ["IMAGE"]}}"#)?;
/// let class = info.class("EmptyImage").unwrap();
/// assert!(class.outputs[0].data_type.is("IMAGE"));
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutputInfo {
    /// Its name in the editor.
    pub name: String,
    /// What it gives.
    pub data_type: DataType,
    /// What it is, in its author's words.
    pub tooltip: String,
}

/// What goes through an input or an output.
///
/// ```
/// use comfy_client::DataType;
///
/// assert!(DataType::Named("INT".into()).fits(&DataType::Named("INT,FLOAT".into())));
/// assert!(!DataType::Choice(vec!["euler".into()]).is("STRING"));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DataType {
    /// A name that both ends share, such as `IMAGE` or `INT`; several stand with commas between them, `*` is any.
    Named(String),
    /// One of these values.
    Choice(Vec<Value>),
}

impl DataType {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => Some(Self::Named(name.clone())),
            Value::Array(choices) => Some(Self::Choice(choices.clone())),
            _ => None,
        }
    }

    /// Whether this is the type of that name.
    ///
    /// ```
    /// use comfy_client::DataType;
    ///
    /// assert!(DataType::Named("IMAGE".into()).is("IMAGE"));
    /// ```
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Named(own) if own == name)
    }

    /// Whether what an output of this type gives may go into an input of that type.
    ///
    /// ```
    /// use comfy_client::DataType;
    ///
    /// let named = |name: &str| DataType::Named(name.into());
    /// assert!(named("IMAGE").fits(&named("*")) && !named("IMAGE").fits(&named("MASK")));
    /// ```
    #[must_use]
    pub fn fits(&self, input: &Self) -> bool {
        match (self, input) {
            (Self::Named(given), Self::Named(taken)) => {
                let mut given = given.split(',').map(str::trim);
                given.any(|given| taken.split(',').map(str::trim).any(|taken| given == taken || given == "*" || taken == "*"))
            }
            (given, taken) => given == taken || given.is("*") || taken.is("*"),
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Choice(_) => f.write_str("a choice"),
        }
    }
}

impl ObjectInfo {
    /// Reads the body of `GET /object_info`, or of `GET /object_info/CLASS`.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"]}}"#)?;
    /// assert_eq!(info.classes().count(), 1);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) for text that is not JSON, or not an object.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let value =
            crate::json::parse(text).map_err(|cause| invalid("the description of the nodes is not JSON").because(cause))?;
        Self::from_value(&value)
    }

    /// Takes a description that is JSON already.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_value(&serde_json::json!({"EmptyImage": {"output": ["IMAGE"]}}))?;
    /// # let _ = info;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ObjectInfo::from_json`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let classes = value
            .as_object()
            .ok_or_else(|| invalid(format!("the description of the nodes is {}, not an object of classes", kind_of(value))))?;
        Ok(Self { classes: classes.iter().map(|(name, class)| (name.clone(), ClassInfo::from_value(class))).collect() })
    }

    /// The class of this name.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"]}}"#)?;
    /// assert!(info.class("EmptyImage").is_some() && info.class("KSampler").is_none());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn class(&self, name: &str) -> Option<&ClassInfo> {
        self.classes.get(name)
    }

    /// The classes that somebody may have meant by a name that none has, the likeliest first.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"]}}"#)?;
    /// assert_eq!(info.nearest("EmtyImage"), ["EmptyImage"]);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        nearest::nearest(name, self.classes.keys().map(String::as_str))
    }

    /// Every class, in the order of their names.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"]}}"#)?;
    /// for (name, class) in info.classes() {
    ///     println!("{name}: {} inputs", class.inputs.len());
    /// }
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn classes(&self) -> impl Iterator<Item = (&str, &ClassInfo)> {
        self.classes.iter().map(|(name, class)| (name.as_str(), class))
    }
}

/// Classes of several answers, or some of one.
///
/// ```
/// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
/// let class = client.object_info_class("SaveImage").await?;
/// let info: comfy_client::ObjectInfo = class.map(|class| ("SaveImage".to_owned(), class)).into_iter().collect();
/// # let _ = workflow.validate(&info);
/// # Ok(())
/// # }
/// ```
impl FromIterator<(String, ClassInfo)> for ObjectInfo {
    fn from_iter<I: IntoIterator<Item = (String, ClassInfo)>>(classes: I) -> Self {
        Self { classes: classes.into_iter().collect() }
    }
}

impl ClassInfo {
    pub(crate) fn from_value(class: &Value) -> Self {
        let list = |key: &str| class.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |key: &str| class.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is = |key: &str| class.get(key).and_then(Value::as_bool).unwrap_or_default();
        let of_slot = |key: &str, slot: usize| list(key).get(slot).and_then(Value::as_str).unwrap_or_default().to_owned();
        let outputs = list("output").iter().enumerate().map(|(slot, kind)| OutputInfo {
            name: of_slot("output_name", slot),
            data_type: DataType::from_value(kind).unwrap_or_else(|| DataType::Named("*".to_owned())),
            tooltip: of_slot("output_tooltips", slot),
        });
        Self {
            display_name: text("display_name"),
            category: text("category"),
            description: text("description"),
            python_module: text("python_module"),
            inputs: [("required", true), ("optional", false)]
                .iter()
                .flat_map(|(group, required)| group_inputs(class, group, *required))
                .collect(),
            outputs: outputs.collect(),
            output_node: is("output_node"),
            deprecated: is("deprecated"),
            experimental: is("experimental"),
        }
    }

    /// The input of this name.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"]}}"#)?;
    /// assert!(info.class("EmptyImage").unwrap().input("width").unwrap().required);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&InputInfo> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The texts that an input may choose from, such as the installed checkpoints; none where it is not a choice.
    /// [`InputInfo::choices`] has other values too.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"KSampler": {"input": {"required": {"scheduler": [["simple", "karras"], {}]}}}}"#)?;
    /// assert_eq!(info.class("KSampler").unwrap().choices("scheduler"), Some(vec!["simple", "karras"]));
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn choices(&self, input: &str) -> Option<Vec<&str>> {
        self.input(input)?.texts()
    }
}

fn group_inputs(class: &Value, group: &str, required: bool) -> Vec<InputInfo> {
    let Some(described) = class.get("input").and_then(|input| input.get(group)).and_then(Value::as_object) else {
        return Vec::new();
    };
    let order = class.get("input_order").and_then(|order| order.get(group)).and_then(Value::as_array);
    let place = |name: &str| order.and_then(|order| order.iter().position(|other| other == name)).unwrap_or(usize::MAX);
    let mut inputs: Vec<InputInfo> = described.iter().map(|(name, value)| InputInfo::read(name, required, value)).collect();
    inputs.sort_by_key(|input| place(&input.name));
    inputs
}

impl InputInfo {
    /// Reads `[TYPE, {…}]`.
    pub(crate) fn read(name: &str, required: bool, described: &Value) -> Self {
        Self {
            name: name.to_owned(),
            required,
            data_type: described.get(0).and_then(DataType::from_value).unwrap_or_else(|| DataType::Named("*".to_owned())),
            options: described.get(1).and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }

    /// The texts among the values to choose from.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        Some(self.choices()?.iter().filter_map(Value::as_str).collect())
    }

    /// The values to choose from; none where it is not a choice, or where the server does not tell them.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"KSampler": {"input": {"required": {"scheduler": [["simple", "karras"], {}]}}}}"#)?;
    /// let scheduler = info.class("KSampler").unwrap().input("scheduler").unwrap();
    /// assert_eq!(scheduler.choices().unwrap().len(), 2);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn choices(&self) -> Option<&[Value]> {
        match &self.data_type {
            DataType::Choice(choices) => Some(choices),
            // As newer nodes write it.
            DataType::Named(name) if name == "COMBO" => self.options.get("options")?.as_array().map(Vec::as_slice),
            DataType::Named(_) => None,
        }
    }

    /// Whether one of these words stands in the settings and is true.
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.get(option).is_some_and(|value| *value != Value::Bool(false) && !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_ways_to_write_a_choice_and_the_order_of_inputs_are_read() {
        let info = ObjectInfo::from_json(
            r#"{"X": {"input": {"optional": {"z": ["COMBO", {"options": ["c"]}]}, "required": {"b": [["a", 1], {}], "a": ["INT"]}},
                "input_order": {"required": ["a", "b"]}, "output": ["IMAGE", ["p"]], "output_name": ["I"]}, "Y": 7}"#,
        )
        .unwrap();
        let class = info.class("X").unwrap();
        let names: Vec<&str> = class.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "z"]);
        assert_eq!(class.input("b").unwrap().choices().unwrap().len(), 2);
        assert_eq!(class.input("z").unwrap().choices().unwrap(), ["c"]);
        assert_eq!((class.choices("b").unwrap(), class.choices("z").unwrap()), (vec!["a"], vec!["c"]));
        assert!(class.choices("a").is_none() && class.choices("absent").is_none());
        assert!(class.input("a").unwrap().choices().is_none());
        assert_eq!(class.outputs[1].data_type, DataType::Choice(vec!["p".into()]));
        assert_eq!(info.class("Y").unwrap(), &ClassInfo::default());
        for text in ["{", "[]"] {
            assert!(ObjectInfo::from_json(text).is_err());
        }
    }

    #[test]
    fn types_fit_where_one_of_their_names_is_the_same() {
        let named = |name: &str| DataType::Named(name.to_owned());
        for (given, taken, fits) in
            [("IMAGE", "IMAGE", true), ("IMAGE", "MASK", false), ("A,B", "B, C", true), ("*", "MASK", true), ("IMAGE", "*", true)]
        {
            assert_eq!(named(given).fits(&named(taken)), fits, "{given} {taken}");
        }
        let choice = DataType::Choice(vec!["a".into()]);
        assert!(choice.fits(&choice) && !named("STRING").fits(&choice) && choice.fits(&named("*")));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[{}\[\]:,"a-z0-9]{0,60}"#) {
            let _ = ObjectInfo::from_json(&text);
            let _ = ObjectInfo::from_json(&format!(r#"{{"X": {{"input": {{"required": {{"a": {text}}}}}, "output": {text}}}}}"#));
        }
    }
}
