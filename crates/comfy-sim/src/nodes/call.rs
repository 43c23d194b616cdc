//! What a node is called with: its inputs, and the way to them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Slot, Yield};
use crate::clock::Clock;
use crate::folders::Folders;
use crate::py::json::of_float;
use crate::py::{Raised, float_of, no_attribute, type_name};
use crate::tensor::{Images, Mask};

/// What a node is called with.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    pub(crate) folders: &'c Folders,
    pub(crate) clock: &'c Clock,
    /// What the node's object got when it was made.
    pub(crate) instance: &'c str,
    /// The inputs by name, those that were not given left out.
    pub(crate) inputs: &'c [(String, Slot)],
    /// The whole prompt, for the files that are saved.
    pub(crate) prompt: &'c Map<String, Value>,
    /// `extra_data.extra_pnginfo`.
    pub(crate) extra_pnginfo: Option<&'c Value>,
}

impl Call<'_> {
    pub(crate) fn input(&self, name: &str) -> Option<&Slot> {
        self.inputs.iter().find(|(key, _)| key == name).map(|(_, slot)| slot)
    }

    /// An input that validation made a whole number of.
    pub(crate) fn int(&self, name: &str, default: u64) -> Result<u64, Raised> {
        match self.input(name) {
            None => Ok(default),
            Some(Slot::Literal(value)) => value.as_u64().ok_or_else(|| wrong(name, "a whole number")),
            Some(_) => Err(wrong(name, "a whole number")),
        }
    }

    pub(crate) fn text(&self, name: &str, default: &str) -> Result<String, Raised> {
        match self.input(name) {
            None => Ok(default.to_owned()),
            Some(Slot::Literal(Value::String(text))) => Ok(text.clone()),
            Some(_) => Err(wrong(name, "a text")),
        }
    }

    pub(crate) fn float(&self, name: &str, default: f64) -> Result<f64, Raised> {
        match self.input(name) {
            None => Ok(default),
            Some(Slot::Literal(value)) => float_of(value),
            Some(_) => Err(wrong(name, "a number")),
        }
    }

    /// A whole number that counts pixels.
    pub(crate) fn size(&self, name: &str, default: u64) -> Result<usize, Raised> {
        Ok(usize::try_from(self.int(name, default)?).unwrap_or(usize::MAX))
    }

    /// One minus a number: Python asks no tensor of it.
    pub(crate) fn inverted_literal(&self, name: &str) -> Option<Yield> {
        let Some(Slot::Literal(value @ (Value::Number(_) | Value::Bool(_)))) = self.input(name) else { return None };
        let inverted = 1.0 - float_of(value).ok()?;
        Some(Yield { slots: vec![Slot::Literal(of_float(inverted))], ..Yield::default() })
    }

    pub(crate) fn images(&self, name: &str, first: Use) -> Result<&Arc<Images>, Raised> {
        match self.input(name) {
            Some(Slot::Images(images)) => Ok(images),
            Some(Slot::Literal(value)) => Err(first.raised(value)),
            _ => Err(wrong(name, "an image")),
        }
    }

    pub(crate) fn mask(&self, name: &str, first: Use) -> Result<&Arc<Mask>, Raised> {
        match self.input(name) {
            Some(Slot::Mask(mask)) => Ok(mask),
            Some(Slot::Literal(value)) => Err(first.raised(value)),
            _ => Err(wrong(name, "a mask")),
        }
    }
}

/// What a class does first with a tensor, which decides what Python says of a literal in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    /// Looks at an attribute of it.
    Attribute(&'static str),
    /// Takes its first one.
    First,
    /// Takes a part of it.
    Part,
    /// Takes it from one.
    Minus,
}

impl Use {
    fn raised(self, literal: &Value) -> Raised {
        match self {
            Self::Attribute(name) => no_attribute(literal, name),
            Self::First if literal.is_object() => Raised::new("KeyError", "0"),
            Self::Part if literal.is_object() => Raised::type_error("unhashable type: 'slice'"),
            Self::First if literal.is_string() || literal.is_array() => no_attribute(literal, "shape"),
            Self::First | Self::Part => Raised::type_error(match literal {
                Value::String(_) => "string indices must be integers, not 'tuple'".to_owned(),
                Value::Array(_) => "list indices must be integers or slices, not tuple".to_owned(),
                _ => format!("'{}' object is not subscriptable", type_name(literal)),
            }),
            Self::Minus => {
                let kind = type_name(literal);
                Raised::type_error(format!("unsupported operand type(s) for -: 'float' and '{kind}'"))
            }
        }
    }
}

pub(super) fn wrong(name: &str, wanted: &str) -> Raised {
    Raised::type_error(format!("input '{name}' is not {wanted}"))
}
