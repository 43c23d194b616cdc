//! The labels and names by which Compose recognises what belongs to a project.
//!
//! `docker compose ps`, `logs`, `stop` and `down` choose containers by the project's name and the *presence* of a config hash. The
//! hash itself is Compose's own and differs between its versions, so ours says that it is ours: a later `docker compose up` takes
//! the container over by making it anew, once.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::StackSpec;

/// The project's name.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
/// The service's name.
pub(crate) const SERVICE: &str = "com.docker.compose.service";
/// Which of the service's containers it is, from 1.
pub(crate) const NUMBER: &str = "com.docker.compose.container-number";
/// Whether it was made for one command only.
pub(crate) const ONE_OFF: &str = "com.docker.compose.oneoff";
/// What it was made of, as a hash.
pub(crate) const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// The project's folder.
pub(crate) const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Which network of the project it is.
pub(crate) const NETWORK: &str = "com.docker.compose.network";
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
const IMAGE: &str = "com.docker.compose.image";
const VERSION: &str = "com.docker.compose.version";

/// The key of the only network, as Compose calls one that nobody named.
pub(crate) const DEFAULT_NETWORK: &str = "default";
/// What made it, where Compose writes its version.
const MAKER: &str = concat!("genai-stack ", env!("CARGO_PKG_VERSION"));

/// The name of a service's container.
pub(crate) fn container_name(project: &str, service: &str) -> String {
    format!("{project}-{service}-1")
}

/// Of the container of `service`, without its hash; the spec's own labels among them.
pub(crate) fn container(
    spec: &StackSpec,
    service: &str,
    own: &BTreeMap<String, String>,
    image_id: &str,
) -> BTreeMap<String, String> {
    let folder = spec.working_dir.display();
    let compose = [
        (PROJECT, spec.project.clone()),
        (SERVICE, service.to_owned()),
        (NUMBER, "1".to_owned()),
        (ONE_OFF, "False".to_owned()),
        (VERSION, MAKER.to_owned()),
        (WORKING_DIR, folder.to_string()),
        (CONFIG_FILES, format!("{folder}/genai.toml")),
        (DEPENDS_ON, String::new()),
        (IMAGE, image_id.to_owned()),
    ];
    own.clone().into_iter().chain(compose.map(|(key, value)| (key.to_owned(), value))).collect()
}

/// Of the project's network.
pub(crate) fn network(spec: &StackSpec) -> BTreeMap<String, String> {
    [
        (PROJECT, spec.project.clone()),
        (NETWORK, DEFAULT_NETWORK.to_owned()),
        (VERSION, MAKER.to_owned()),
        (WORKING_DIR, spec.working_dir.display().to_string()),
        (CONFIG_HASH, hash(&Value::from(spec.network()))),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Whether we made what carries this hash. Compose writes the same labels with a hash of its own.
pub(crate) fn is_ours(config_hash: Option<&str>) -> bool {
    config_hash.is_some_and(|hash| hash.starts_with(OURS))
}

/// How each hash of ours begins.
const OURS: &str = "genai-stack:";

/// `genai-stack:` and the SHA-256 of `made_of` as JSON with sorted keys. Never Compose's own hash.
pub(crate) fn hash(made_of: &Value) -> String {
    format!("{OURS}{}", HEXLOWER.encode(&Sha256::digest(sorted(made_of).to_string())))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            fields.into_iter().collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_that_compose_writes() {
        let spec = StackSpec { project: "genai".into(), working_dir: "/project/genai".into(), services: BTreeMap::new() };
        let own = BTreeMap::from([("team".to_owned(), "art".to_owned()), (PROJECT.to_owned(), "stolen".to_owned())]);
        let text =
            |labels: BTreeMap<String, String>| labels.iter().map(|(key, value)| format!("{key}={value}\n")).collect::<String>();
        let labels = text(container(&spec, "comfyui", &own, "sha256:1a2b")).replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(labels, @"
        com.docker.compose.container-number=1
        com.docker.compose.depends_on=
        com.docker.compose.image=sha256:1a2b
        com.docker.compose.oneoff=False
        com.docker.compose.project=genai
        com.docker.compose.project.config_files=/project/genai/genai.toml
        com.docker.compose.project.working_dir=/project/genai
        com.docker.compose.service=comfyui
        com.docker.compose.version=genai-stack VERSION
        team=art
        ");
        assert!(text(network(&spec)).contains("com.docker.compose.network=default\n"));
    }

    #[test]
    fn the_hash_minds_what_it_is_made_of_and_not_its_order() {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(hash(&json(r#"{"a":1,"b":{"c":2,"d":3}}"#)), hash(&json(r#"{"b":{"d":3,"c":2},"a":1}"#)));
        assert_ne!(hash(&json(r#"{"a":1}"#)), hash(&json(r#"{"a":2}"#)));
        assert!(is_ours(Some(&hash(&json("1")))));
        assert!(!is_ours(Some("0a1b2c")) && !is_ours(None));
    }
}
