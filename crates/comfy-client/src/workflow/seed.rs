//! The seeds of a workflow: fixed, drawn, or counted on.

use serde_json::Value;

use super::{Workflow, invalid};
use crate::error::Error;

/// JavaScript holds whole numbers exactly up to here: the editor that opens the picture again shows the same seed.
const EXACT_IN_JAVASCRIPT: u64 = (1 << 53) - 1;

/// What becomes of a seed.
///
/// ```
/// use comfy_client::{Seed, Workflow};
///
/// let mut workflow = Workflow::from_json(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 41}}}"#)?;
/// assert_eq!(workflow.set_seeds(Seed::Fixed(7))?[0].value, 7);
/// assert_eq!(workflow.set_seeds(Seed::Increment)?[0].value, 8);
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seed {
    /// This one.
    Fixed(u64),
    /// One made of these bytes, which the caller draws. It is below 2^53, so that the editor can show it exactly.
    Random([u8; 8]),
    /// The next one; after the last comes 0.
    Increment,
}

/// A seed that was set.
///
/// ```
/// use comfy_client::{Seed, Workflow};
///
/// let mut workflow = Workflow::from_json(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 41}}}"#)?;
/// for set in workflow.set_seeds(Seed::Random([7; 8]))? {
///     println!("node {}, input {}: {}", set.node, set.input, set.value);
/// }
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedSet {
    /// The node's id.
    pub node: String,
    /// The input's name.
    pub input: String,
    /// What it is now.
    pub value: u64,
}

impl Seed {
    fn after(self, present: &Value) -> u64 {
        match self {
            Self::Fixed(seed) => seed,
            Self::Random(bytes) => u64::from_le_bytes(bytes) & EXACT_IN_JAVASCRIPT,
            // Below zero are only the words of some nodes for "any", such as -1.
            Self::Increment => present.as_u64().map_or(0, |seed| seed.wrapping_add(1)),
        }
    }
}

impl Workflow {
    /// Sets every seed of the workflow, and says which these are: the inputs called `seed`, or with a name that ends in
    /// `_seed`, that hold a whole number. One that is linked follows its link.
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) where there is none: each run would make the same.
    ///
    /// ```
    /// use comfy_client::{Seed, Workflow};
    ///
    /// let mut workflow = Workflow::from_json(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 41}}}"#)?;
    /// let set = workflow.set_seeds(Seed::Increment)?;
    /// assert_eq!((set[0].node.as_str(), set[0].input.as_str(), set[0].value), ("3", "seed", 42));
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn set_seeds(&mut self, seed: Seed) -> Result<Vec<SeedSet>, Error> {
        let mut set = Vec::new();
        for (id, node) in &self.nodes {
            let inputs = super::check::inputs(node).filter(|(name, value)| is_seed(name, value));
            set.extend(inputs.map(|(name, present)| SeedSet {
                node: id.clone(),
                input: name.to_owned(),
                value: seed.after(present),
            }));
        }
        for SeedSet { node, input, value } in &set {
            self.change(node, input, (*value).into());
        }
        if set.is_empty() {
            return Err(invalid("the workflow has no seed")
                .hint("a seed is an input called `seed`, or `…_seed`, that holds a whole number"));
        }
        Ok(set)
    }
}

fn is_seed(name: &str, value: &Value) -> bool {
    (name == "seed" || name.ends_with("_seed")) && (value.is_u64() || value.is_i64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn workflow() -> Workflow {
        Workflow::from_value(json!({
            "1": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615u64, "steps": 1}},
            "2": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": -1}},
            "3": {"class_type": "KSampler", "inputs": {"seed": ["1", 0]}},
            "4": {"class_type": "Own", "inputs": {"seed": "text", "seeds": 3}},
        }))
        .unwrap()
    }

    fn values(seed: Seed) -> Vec<(String, String, u64)> {
        workflow().set_seeds(seed).unwrap().into_iter().map(|set| (set.node, set.input, set.value)).collect()
    }

    #[test]
    fn every_seed_that_holds_a_number_is_set() {
        let set = |first, second| [("1".into(), "seed".into(), first), ("2".into(), "noise_seed".into(), second)];
        assert_eq!(values(Seed::Fixed(u64::MAX)), set(u64::MAX, u64::MAX));
        assert_eq!(values(Seed::Increment), set(0, 0));
        assert_eq!(values(Seed::Random([7, 0, 0, 0, 0, 0, 0, 0])), set(7, 7));
        let mut without = Workflow::from_value(json!({"1": {"class_type": "X", "inputs": {}}})).unwrap();
        assert_eq!(without.set_seeds(Seed::Increment).unwrap_err().to_string(), "the workflow has no seed");
    }

    proptest! {
        #[test]
        fn a_drawn_seed_is_exact_in_the_editor(bytes: [u8; 8]) {
            let seed = Seed::Random(bytes).after(&Value::Null);
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "this is what is tested")]
            let shown = seed as f64 as u64;
            prop_assert_eq!(shown, seed);
        }
    }
}
