//! What everybody reads who may inspect a container or its image.

use std::fmt;

use serde_json::Value;

use super::inspect::{items, text};

/// A text that everybody can read who may inspect a container or its image, and where it stands. It may hold a secret, so `Debug` does
/// not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Where it stands: `the variable `X``, `the label `x`` …
    pub place: String,
    /// The text.
    pub text: String,
    /// Whether it comes with the image, so that a new container has it too.
    pub from_image: bool,
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed").field("place", &self.place).field("from_image", &self.from_image).finish_non_exhaustive()
    }
}

/// Variables, labels, program and arguments, healthcheck, the options of the log's driver, and what was mounted from where.
pub(super) fn of_container(inspect: &Value) -> Vec<Exposed> {
    let exposed = |place: String, text: String| Exposed { place, text, from_image: false };
    let config = &inspect["Config"];
    let mut found = of_config(config, false);
    let words: Vec<String> = std::iter::once(text(&inspect["Path"])).chain(items(&inspect["Args"]).map(text)).collect();
    found.push(exposed("the command".to_owned(), words.join(" ")));
    let logging = inspect["HostConfig"]["LogConfig"]["Config"].as_object();
    found.extend(logging.into_iter().flatten().map(|(name, value)| exposed(format!("the log option `{name}`"), text(value))));
    found.extend(items(&inspect["Mounts"]).map(|mount| exposed("a mount's source".to_owned(), text(&mount["Source"]))));
    found.retain(|exposed| !exposed.text.is_empty());
    found
}

/// What an image brings along.
pub(super) fn of_image(image: &Value) -> Vec<Exposed> {
    of_config(&image["Config"], true)
}

/// The steps that an image was built in, build arguments among them.
pub(super) fn of_history(history: &Value) -> Vec<Exposed> {
    let step = |(number, step): (usize, &Value)| Exposed {
        place: format!("step {} of the image's history", number + 1),
        text: text(&step["CreatedBy"]),
        from_image: true,
    };
    items(history)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .enumerate()
        .map(step)
        .filter(|exposed| !exposed.text.is_empty())
        .collect()
}

fn of_config(config: &Value, from_image: bool) -> Vec<Exposed> {
    let of = if from_image { "the image's " } else { "the " };
    let exposed = |place: String, text: String| Exposed { place: format!("{of}{place}"), text, from_image };
    let mut found = Vec::new();
    for variable in items(&config["Env"]).filter_map(Value::as_str) {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        found.push(exposed(format!("variable `{name}`"), value.to_owned()));
    }
    for (name, value) in config["Labels"].as_object().into_iter().flatten() {
        found.push(exposed(format!("label `{name}`"), text(value)));
    }
    for (key, place) in [("Entrypoint", "entrypoint"), ("Cmd", "command line")] {
        let words: Vec<String> = items(&config[key]).map(text).collect();
        found.push(exposed(place.to_owned(), words.join(" ")));
    }
    let probe: Vec<String> = items(&config["Healthcheck"]["Test"]).map(text).collect();
    found.push(exposed("healthcheck".to_owned(), probe.join(" ")));
    found.retain(|exposed| !exposed.text.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_of_a_container_is_named_and_no_text_is_shown() {
        let inspect = json!({
            "Path": "python3", "Args": ["main.py", "s3cret"],
            "Config": {"Env": ["A=s3cret", "B"], "Labels": {"l": "s3cret"}, "Cmd": ["main.py"], "Healthcheck": {"Test": ["CMD", "s3cret"]}},
            "HostConfig": {"LogConfig": {"Config": {"env": "s3cret"}}},
            "Mounts": [{"Source": "/s3cret"}],
        });
        let found = of_container(&inspect);
        let places: Vec<_> = found.iter().filter(|one| one.text.contains("s3cret")).map(|one| one.place.as_str()).collect();
        let wanted =
            ["the variable `A`", "the label `l`", "the healthcheck", "the command", "the log option `env`", "a mount's source"];
        assert_eq!(places, wanted);
        assert!(!format!("{found:?}").contains("s3cret"));
    }

    #[test]
    fn steps_count_from_the_first() {
        let history = of_history(&json!([{"CreatedBy": "last"}, {"CreatedBy": "first"}]));
        assert_eq!((&*history[0].text, &*history[0].place), ("first", "step 1 of the image's history"));
    }
}
