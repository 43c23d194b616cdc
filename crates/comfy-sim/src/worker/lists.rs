//! One node, many calls: ComfyUI calls a node once for each value of its longest input, and puts the results together.

use serde_json::{Map, Value};

use super::cache::Outputs;
use crate::nodes::{Slot, Yield};
use crate::py::Raised;

/// The inputs of a node by name, each with all its values.
pub(super) type Inputs = Vec<(String, Vec<Slot>)>;

/// The inputs of each call. Shorter inputs repeat their last value; a class that takes lists is called once.
pub(super) fn calls(inputs: &Inputs, takes_lists: bool) -> Result<Vec<Vec<(String, Slot)>>, Raised> {
    if takes_lists {
        let lists = inputs.iter().map(|(name, values)| (name.clone(), Slot::List(values.clone())));
        return Ok(vec![lists.collect()]);
    }
    let longest = inputs.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let call = |at: usize| {
        let inputs = inputs.iter().filter(|_| longest > 0);
        let of_call = inputs.map(|(name, values)| {
            let value = values.get(at).or(values.last()).cloned();
            let value = value.ok_or_else(|| Raised::new("IndexError", "list index out of range"))?;
            Ok((name.clone(), value))
        });
        of_call.collect()
    };
    (0..longest.max(1)).map(call).collect()
}

/// The first blocked input of a call: its text, if it has one.
pub(super) fn blocked(inputs: &[(String, Slot)]) -> Option<Option<String>> {
    let values = inputs.iter().flat_map(|(_, slot)| match slot {
        Slot::List(slots) => slots.as_slice(),
        slot => std::slice::from_ref(slot),
    });
    values.into_iter().find_map(|slot| match slot {
        Slot::Blocked(text) => Some(text.clone()),
        _ => None,
    })
}

/// What all calls gave. `is_list` says of each output whether its values come as lists; a call that gave nothing was
/// blocked.
pub(super) fn merged(results: Vec<Option<Yield>>, is_list: &[bool]) -> (Outputs, Option<Value>) {
    let mut outputs: Outputs = vec![Vec::new(); is_list.len()];
    let mut shown: Option<Map<String, Value>> = None;
    for result in results {
        let Some(made) = result else {
            outputs.iter_mut().for_each(|values| values.push(Slot::Blocked(None)));
            continue;
        };
        for ((values, is_list), slot) in outputs.iter_mut().zip(is_list).zip(made.slots) {
            match slot {
                Slot::List(slots) if *is_list => values.extend(slots),
                slot => values.push(slot),
            }
        }
        match (&mut shown, made.ui) {
            (Some(shown), Some(Value::Object(ui))) => append(shown, ui),
            (shown @ None, Some(Value::Object(ui))) => *shown = Some(ui),
            _ => {}
        }
    }
    (outputs, shown.map(Value::Object))
}

/// What a further call shows goes behind what the first one did, by its keys.
fn append(shown: &mut Map<String, Value>, ui: Map<String, Value>) {
    for (key, more) in ui {
        if let (Some(Value::Array(list)), Value::Array(more)) = (shown.get_mut(&key), more) {
            list.extend(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn literals(values: &[i32]) -> Vec<Slot> {
        values.iter().map(|value| Slot::Literal(json!(value))).collect()
    }

    #[test]
    fn shorter_inputs_repeat_their_last_value() {
        let inputs = vec![("a".to_owned(), literals(&[1, 2, 3])), ("b".to_owned(), literals(&[7, 8]))];
        let shown = |takes_lists| {
            let calls = calls(&inputs, takes_lists).expect("values");
            calls.iter().map(|call| call.iter().map(|(_, slot)| slot.shown()).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(shown(false), [[json!(1), json!(7)], [json!(2), json!(8)], [json!(3), json!(8)]]);
        assert_eq!(shown(true), [[json!("[3 values]"), json!("[2 values]")]]);
        assert_eq!(calls(&Vec::new(), false).map(|calls| calls.len()), Ok(1));
        assert!(calls(&vec![("a".to_owned(), literals(&[1])), ("b".to_owned(), vec![])], false).is_err());
    }

    #[test]
    fn results_are_put_together_by_slot() {
        let made = |value: i32| Yield {
            slots: vec![Slot::List(literals(&[value, value])), Slot::Literal(json!(value))],
            ui: Some(json!({"images": [value]})),
            ..Yield::default()
        };
        let (outputs, ui) = merged(vec![Some(made(1)), None, Some(made(2))], &[true, false]);
        assert_eq!(outputs.iter().map(Vec::len).collect::<Vec<_>>(), [5, 3]);
        assert!(matches!(outputs[0][2], Slot::Blocked(None)));
        assert_eq!(ui, Some(json!({"images": [1, 2]})));
    }
}
