//! Which Docker Engine is meant: what flags, environment and `genai.toml` say of it. `docker-ops` decides, as Docker's own command line does.

use std::path::Path;

use docker_ops::{Asked, Endpoint};
use serde::Deserialize;

use crate::{Flags, Origin, Setting, World};

/// `[engine]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    host: Option<String>,
    context: Option<String>,
}

/// What is said of the engine.
pub(crate) fn asked(flags: &Flags, world: &World, table: &Table) -> Asked {
    let var = |name| world.var(name).map(str::to_owned);
    let path = |name| world.var(name).map(|path| world.current_dir.join(path));
    let home = path("HOME");
    Asked {
        host_flag: flags.host.clone(),
        context_flag: flags.context.clone(),
        host: var("DOCKER_HOST"),
        context: var("DOCKER_CONTEXT"),
        host_setting: table.host.clone(),
        context_setting: table.context.clone(),
        config: path("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker"))),
        tls: ["DOCKER_TLS_VERIFY", "DOCKER_TLS"].iter().any(|name| world.var(name).is_some()),
        certificates: path("DOCKER_CERT_PATH"),
        api_version: var("DOCKER_API_VERSION"),
        runtime_dir: path("XDG_RUNTIME_DIR"),
        home,
    }
}

/// Host and context as a person may see them, each with its strongest origin.
pub(crate) fn describe(asked: &Asked, toml: &Path) -> [(&'static str, String, String); 2] {
    let strongest = |flag: (&Option<String>, _), variable: (&Option<String>, _), setting: &Option<String>, key: &str| {
        let levels = [
            (flag.0.clone(), Origin::Flag(flag.1)),
            (variable.0.clone(), Origin::Environment(variable.1)),
            (setting.clone(), Origin::File(toml.to_owned(), format!("engine.{key}"))),
        ];
        levels.into_iter().find_map(|(value, origin)| Some(Setting { value: value?, origin }))
    };
    let host = strongest((&asked.host_flag, "--host"), (&asked.host, "DOCKER_HOST"), &asked.host_setting, "host");
    let context =
        strongest((&asked.context_flag, "--context"), (&asked.context, "DOCKER_CONTEXT"), &asked.context_setting, "context");
    let said = |name, set: Option<Setting<String>>, shown: fn(String) -> String| match set {
        Some(set) => (name, shown(set.value), set.origin.to_string()),
        None => (name, "(none)".to_owned(), Origin::Default.to_string()),
    };
    // What can't be a host may hold a password.
    let harmless = |host: String| Endpoint::parse(&host).map_or("(not a usable host)".to_owned(), |_| host);
    [said("engine-host", host, harmless), said("engine-context", context, |name| name)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn flags_environment_and_file_each_in_its_place() {
        let project = tempfile::tempdir().unwrap();
        let told = |flags: &Flags, world: &World| {
            let settings = Settings::load(flags, world).unwrap();
            let lines = settings.describe().into_iter().filter(|one| one.name.starts_with("engine"));
            let lines: Vec<_> = lines.map(|one| format!("{}: {} ({})", one.name, one.value, one.origin)).collect();
            (settings.engine, lines.join("\n").replace(&project.path().display().to_string(), "PROJECT"))
        };
        let world = World::for_tests(project.path());
        let mut lines = vec![told(&Flags::default(), &world).1];
        std::fs::write(project.path().join("genai.toml"), "[engine]\nhost = \"ssh://box\"\n").unwrap();
        lines.push(told(&Flags::default(), &world).1);
        let world = world.with_env("DOCKER_HOST", "ssh://me:hunter2@box").with_env("HOME", "/h/ann").with_env("DOCKER_TLS", "1");
        let flags = Flags { context: Some("gpu".into()), ..Flags::default() };
        let (asked, text) = told(&flags, &world);
        lines.push(text);
        insta::assert_snapshot!(lines.join("\n"), @"
        engine-host: (none) (default)
        engine-context: (none) (default)
        engine-host: ssh://box (`engine.host` in `PROJECT/genai.toml`)
        engine-context: (none) (default)
        engine-host: (not a usable host) (environment variable `DOCKER_HOST`)
        engine-context: gpu (flag `--context`)
        ");
        assert_eq!(asked.config, Some("/h/ann/.docker".into()));
        assert!(asked.tls && asked.certificates.is_none());
        let world = world.with_env("DOCKER_CONFIG", "conf").with_env("DOCKER_CERT_PATH", "certs");
        let asked = told(&flags, &world).0;
        assert_eq!([asked.config, asked.certificates], ["conf", "certs"].map(|folder| Some(project.path().join(folder))));
    }
}
