//! What is made of classes that were well described, badly, and by chance.

use super::names::tests::is_identifier;
use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::f64::consts::PI;

/// What is made of one class, without the prelude.
fn made(class: &Value) -> String {
    let code = ObjectInfo::from_value(&json!({"X": class})).unwrap().to_rust();
    code.strip_prefix(PRELUDE).unwrap().split_once("node! {").map_or("", |(_, class)| class).trim().to_owned()
}

#[test]
fn what_is_described_is_asked_for_and_told() {
    let class = json!({
        "display_name": "Make *x*", "category": "own/x", "description": "- Makes `x`.\n- See https://example.com", "output_node": true,
        "deprecated": true, "experimental": true,
        "input": {
            "required": {
                "model": ["MODEL", {"tooltip": "The model."}],
                "type": [["a", "b c", "a_"], {"default": "b c"}],
                "file": [["x.png"], {}],
                "seed": ["INT", {"default": 0, "min": 0, "max": u64::MAX}],
                "angle": ["FLOAT", {"default": PI, "max": 6.5}],
                "steps": ["INT", {"default": 20.0}],
                "text": ["STRING", {"multiline": true}],
                "parts": ["COMFY_DYNAMICCOMBO_V3", {}],
                "any": ["*"],
            },
            "optional": {"is on": ["BOOLEAN", {"default": true}], "new": ["INT,FLOAT"], "image": ["IMAGE,MASK"]},
        },
        "output": ["IMAGE", "*", ["a"], "INT"], "output_name": ["IMAGE", "IMAGE", "CHOICE", "node"], "output_tooltips": ["The picture."],
    });
    insta::assert_snapshot!(made(&class), @r#"
    /// Make \*x\*: `X`, in `own/x`.
        ///
        /// \- Makes \`x\`. - See `https://example.com`
        ///
        /// A workflow may end in it.
        ///
        /// The server calls it experimental.
        ///
        /// Its input `parts` has parts, which are given after `begin`.
        X = "X";
        #[deprecated = "the server calls this node deprecated"]
        needs {
            /// The model. Takes `MODEL`.
            model = "model": types::Model,
            /// Takes one of the values that the server offers.
            file = "file": types::Choice,
            /// Takes `STRING`.
            text = "text": types::Text,
            /// Takes `*`.
            any = "any": types::Any,
        }
        takes {
            /// Takes a choice, at first `b c`.
            type_ = "type": choices::Type = choices::Type::BC,
            /// Takes `INT` from `0` to `18446744073709551615`, at first `0`.
            seed = "seed": types::Int = 0_i64,
            /// Takes `FLOAT` up to `6.5`, at first `3.141592653589793`.
            angle = "angle": types::Float = f64::from_bits(0x400921fb54442d18),
            /// Takes `INT`, at first `20.0`.
            steps = "steps": types::Int = 20_i64,
            /// Takes `BOOLEAN`. May be left out.
            with_is_on = "is on": types::Boolean,
            /// Takes `INT,FLOAT`. May be left out.
            new_ = "new": types::IntOrFloat,
            /// Takes `IMAGE,MASK`. May be left out.
            image = "image": types::ImageOrMask,
        }
        gives {
            /// The picture. Gives `IMAGE`.
            image = 0: types::Image,
            /// Gives `*`.
            image2 = 1: types::Untyped,
            /// Gives a choice.
            choice = 2: types::Choice,
            /// Gives `INT`.
            node2 = 3: types::Int,
        }
    }
    "#);
}

#[test]
fn types_fit_where_the_server_lets_them() {
    let info = ObjectInfo::from_value(&json!({"X": {
        "input": {"required": {"a": ["IMAGE,MASK"], "b": ["INT,FLOAT"], "c": ["IMAGE"]}}, "output": ["MASK", "IMAGE,LATENT"]}}));
    let code = info.unwrap().to_rust();
    let types = code.split_once("pub mod types {").unwrap().1;
    insta::assert_snapshot!(types.split_once("\n}").unwrap().0, @"
    use comfy_client::Link;

    use super::Given;

    links! {
        /// From an output that may give anything.
        Untyped
        /// `IMAGE`.
        Image
        /// `IMAGE,LATENT`.
        ImageOrLatent
        /// `IMAGE,MASK`.
        ImageOrMask
        /// `MASK`.
        Mask
    }

    values! {
        /// Anything.
        Any: &str = Text, String = Text, i64 = Whole, f64 = Float, bool = Boolean;
        /// One of the values that the server offers.
        Choice: &str = Text, String = Text, i64 = Whole, f64 = Float, bool = Boolean;
        /// `BOOLEAN`.
        Boolean: bool = Boolean;
        /// `FLOAT`.
        Float: f32 = Float, f64 = Float, i32 = Float;
        /// `INT`.
        Int: i32 = Whole, i64 = Whole, u32 = Whole, u64 = Large;
        /// `INT,FLOAT`.
        IntOrFloat: i32 = Whole, i64 = Whole, u32 = Whole, u64 = Large, f32 = Float, f64 = Float;
        /// `STRING`.
        Text: &str = Text, String = Text;
    }

    fits! {
        Choice => Any;
        Untyped => Any, Choice, Boolean, Float, Image, ImageOrLatent, ImageOrMask, Int, IntOrFloat, Mask, Text;
        Boolean => Any;
        Float => Any, IntOrFloat;
        Image => Any, ImageOrLatent, ImageOrMask;
        ImageOrLatent => Any, Image, ImageOrMask;
        ImageOrMask => Any, Image, ImageOrLatent, Mask;
        Int => Any, IntOrFloat;
        IntOrFloat => Any, Float, Int;
        Mask => Any, ImageOrMask;
        Text => Any;
    }
    ");
}

#[test]
fn a_list_of_choices_is_named_by_its_input_or_where_that_is_not_enough_by_its_class() {
    let class = |list: Value| json!({"input": {"required": {"mode": [list, {}], "way": [["in", "out"]]}}});
    let info =
        ObjectInfo::from_value(&json!({"A": class(json!(["x", "y"])), "B": class(json!(["x", "z"])), "C": class(json!([1, 2]))}));
    let info = info.unwrap();
    let plan = Plan::of(&info);
    let names: Vec<&str> = plan.choices().into_keys().collect();
    assert_eq!(names, ["AMode", "BMode", "Way"]);
    assert_eq!(plan.input(info.class("C").unwrap().input("mode").unwrap()), "types::Choice");
}

#[test]
fn some_of_the_classes_are_taken_by_name() {
    let info = ObjectInfo::from_value(&json!({"KSampler": {}, "VAEDecode": {}, "String": {}})).unwrap();
    let only = info.only(["VAEDecode"]).unwrap();
    assert_eq!(only.classes().map(|(name, _)| name).collect::<Vec<_>>(), ["VAEDecode"]);
    let error = info.only(["KSamplr"]).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hints()[0].as_str()),
        ("there is no node class `KSamplr`", "nearest: `KSampler`")
    );
    assert!(info.to_rust().contains("\n    StringNode = \"String\";\n"), "a class may not hide what the code needs");
}

/// The names that the code defines, each with its scope. Every line must be of a shape that is written, and every brace closed.
fn names(code: &str) -> Vec<(String, String)> {
    let mut scopes: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for (nth, line) in code.strip_prefix(PRELUDE).unwrap().lines().map(str::trim_start).enumerate() {
        let word = line.split([' ', ':', ';']).next().unwrap();
        match line {
            "" | "use comfy_client::Link;" | "use super::Given;" => {}
            "}" => drop(scopes.pop().unwrap()),
            // One scope each, however many groups.
            "links! {" | "values! {" | "choices! {" => scopes.push(String::new()),
            "pub mod types {" | "pub mod choices {" => scopes.push(line.to_owned()),
            "needs {" | "takes {" => scopes.push("inputs".to_owned()),
            "needs {}" | "takes {}" | "gives {}" => {}
            "fits! {" | "gives {" => scopes.push(word.to_owned()),
            "node! {" => scopes.push(format!("node {nth}")),
            _ if line.starts_with("///") || line.starts_with("#[") => assert!(!line.contains('\r'), "{line:?}"),
            _ => {
                whole(line);
                assert!(is_identifier(word), "{line}");
                if line.ends_with(';') && scopes.len() == 1 {
                    names.push(("classes".to_owned(), word.to_owned()));
                } else if !scopes.contains(&"fits!".to_owned()) {
                    names.push((scopes.join("/"), word.to_owned()));
                }
                if line.ends_with(" {") {
                    scopes.push(word.to_owned());
                }
            }
        }
    }
    assert!(scopes.is_empty(), "{scopes:?}");
    names
}

/// No string literal stays open at the end of the line.
fn whole(line: &str) {
    let mut quotes = 0;
    let mut escaped = false;
    for letter in line.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quotes += 1,
            _ => assert!(letter == ' ' || !letter.is_control() && !letter.is_whitespace(), "{line:?}"),
        }
    }
    assert!(quotes % 2 == 0 && !escaped, "{line}");
}

fn any_text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "type", "Self", "IMAGE", "INT", "*", "COMBO", "a,b", "", "\"}\\", "\n/// x", "*/ //", "{", "\u{202e}",
    ]);
    prop_oneof![2 => odd.prop_map(str::to_owned), 3 => "\\PC{0,9}", 1 => any::<String>()]
}

fn any_input() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any_text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let kind = prop_oneof![any_text().prop_map(Value::from), prop::collection::vec(scalar.clone(), 0..4).prop_map(Value::from)];
    let options = prop::collection::hash_map(
        prop::sample::select(vec!["default", "min", "max", "tooltip", "options", "multiselect"]).prop_map(str::to_owned),
        scalar,
        0..4,
    );
    (kind, options).prop_map(|(kind, options)| json!([kind, options]))
}

fn any_class() -> impl Strategy<Value = Value> {
    let inputs =
        || prop::collection::vec((any_text(), any_input()), 0..5).prop_map(|inputs| Value::Object(inputs.into_iter().collect()));
    let texts = || prop::collection::vec(any_text(), 0..4);
    (inputs(), inputs(), texts(), texts(), any_text(), any::<bool>()).prop_map(|(required, optional, output, names, text, flag)| json!({
        "input": {"required": required, "optional": optional}, "output": output, "output_name": names, "output_tooltips": names,
        "display_name": text, "description": text, "category": text, "deprecated": flag, "output_node": flag,
    }))
}

proptest! {
    /// Every name is an identifier that its scope has once, and no text breaks out of its literal or its line.
    #[test]
    fn any_description_becomes_code(classes in prop::collection::vec((any_text(), any_class()), 0..4)) {
        let classes: serde_json::Map<String, Value> = classes.into_iter().collect();
        let code = ObjectInfo::from_value(&classes.into()).unwrap().to_rust();
        let mut seen = std::collections::HashSet::new();
        for name in names(&code) {
            prop_assert!(seen.insert(name.clone()), "{name:?} twice");
        }
    }
}
