//! How the server is reached: whose certificates are trusted beside the system's, and what the connection goes through.

use std::path::{Path, PathBuf};

use comfy_client::{Config, Secret};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Flags, Origin, Setting, World, file};

/// How a server is reached that can't simply be dialled. The environment's usual proxies are not read: a token goes where ours say.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A PEM file with certificates that are trusted beside the system's.
    pub ca_file: Option<Setting<PathBuf>>,
    /// The proxy's address.
    pub proxy: Option<Setting<String>>,
    /// Who we are at the proxy.
    pub proxy_user: Option<Setting<String>>,
    /// With which password.
    pub proxy_password: Option<Setting<Secret>>,
    /// The Unix socket that takes the place of the network.
    pub unix_socket: Option<Setting<PathBuf>>,
}

impl Connection {
    /// Decides them. `levels` are the tables of `genai.toml` with their names, from strong to weak.
    pub(crate) fn read(
        flags: &Flags,
        world: &World,
        toml: &Path,
        root: &Path,
        levels: &[(&file::Connection, String)],
    ) -> Result<Self, Error> {
        let by_env = |name: &'static str| world.var(name).map(|value| (value.to_owned(), Origin::Environment(name)));
        let written = |key: &str, of: fn(&file::Connection) -> &Option<String>| {
            levels
                .iter()
                .find_map(|(table, name)| Some((of(table).clone()?, Origin::File(toml.to_owned(), format!("{name}.{key}")))))
        };
        let set = |(value, origin): (String, Origin)| Setting { value, origin };
        // What a person names on the command line or in the environment is meant from where that person is.
        let path = |flag: &Option<PathBuf>, name, env, key, of| {
            let here = flag.clone().map(|path| (path, Origin::Flag(name)));
            let here = here.or_else(|| by_env(env).map(|(path, origin)| (path.into(), origin)));
            here.map(|(path, origin)| Setting { value: world.current_dir.join(path), origin })
                .or_else(|| written(key, of).map(|(path, origin)| Setting { value: root.join(path), origin }))
        };
        let password = match by_env("COMFYUI_PROXY_PASSWORD") {
            Some((password, origin)) => Some(Setting { value: Secret::new(password), origin }),
            None => {
                let file =
                    path(&None, "", "COMFYUI_PROXY_PASSWORD_FILE", "proxy_password_file", |table| &table.proxy_password_file);
                file.map(first_line).transpose()?
            }
        };
        Ok(Self {
            ca_file: path(&flags.ca_file, "--ca-file", "COMFYUI_CA_FILE", "ca_file", |table| &table.ca_file),
            proxy: flags
                .proxy
                .clone()
                .map(|url| (url, Origin::Flag("--proxy")))
                .or_else(|| by_env("COMFYUI_PROXY"))
                .or_else(|| written("proxy", |table| &table.proxy))
                .map(set),
            proxy_user: by_env("COMFYUI_PROXY_USER").or_else(|| written("proxy_user", |table| &table.proxy_user)).map(set),
            proxy_password: password,
            unix_socket: path(&flags.unix_socket, "--unix-socket", "COMFYUI_UNIX_SOCKET", "unix_socket", |table| {
                &table.unix_socket
            }),
        })
    }

    /// Each of them as a person may see it.
    pub(crate) fn describe(&self) -> [(&'static str, String, String); 5] {
        let Self { ca_file, proxy, proxy_user, proxy_password, unix_socket } = self;
        // What can't be an address may hold a password.
        let address =
            |url: &String| Config::new(url).map_or_else(|_| "(not a usable URL)".to_owned(), |url| url.url().to_owned());
        let path = |path: &PathBuf| path.display().to_string();
        [
            said("ca-file", ca_file, path),
            said("proxy", proxy, address),
            said("proxy-user", proxy_user, String::clone),
            said("proxy-password", proxy_password, |_| "(set)".to_owned()),
            said("unix-socket", unix_socket, path),
        ]
    }

    /// `config`, with this connection.
    pub(crate) fn configure(&self, mut config: Config) -> Result<Config, Error> {
        let wrong = |what: String, error: &comfy_client::Error, origin: &Origin| {
            Error::new(ErrorKind::Connection, format!("{what}: {error} (from {origin})")).hints_of(error.hints())
        };
        if let Some(Setting { value, origin }) = &self.ca_file {
            let shown = value.display();
            let pem = std::fs::read_to_string(value).map_err(|error| {
                Error::new(ErrorKind::Connection, format!("can't read the certificates `{shown}` (from {origin}): {error}"))
                    .hint("name a PEM file with the certificate of your authority")
            })?;
            config = config.root_certificates(&pem).map_err(|error| wrong(format!("`{shown}`"), &error, origin))?;
        }
        if let Some(Setting { value, origin }) = &self.proxy {
            config = config.proxy(value).map_err(|error| wrong("the proxy".to_owned(), &error, origin))?;
            match (&self.proxy_user, &self.proxy_password) {
                (Some(user), Some(password)) => config = config.proxy_login(&user.value, password.value.clone()),
                (None, None) => {}
                (Some(set), None) => return Err(half(&set.origin, "COMFYUI_PROXY_PASSWORD` or `COMFYUI_PROXY_PASSWORD_FILE")),
                (None, Some(set)) => return Err(half(&set.origin, "COMFYUI_PROXY_USER")),
            }
        }
        Ok(match &self.unix_socket {
            Some(path) => config.unix_socket(&path.value),
            None => config,
        })
    }
}

fn said<T>(name: &'static str, set: &Option<Setting<T>>, shown: impl Fn(&T) -> String) -> (&'static str, String, String) {
    match set {
        Some(set) => (name, shown(&set.value), set.origin.to_string()),
        None => (name, "(none)".to_owned(), Origin::Default.to_string()),
    }
}

fn half(origin: &Origin, missing: &str) -> Error {
    Error::new(ErrorKind::Connection, format!("the proxy's login is only half there (from {origin})"))
        .hint(format!("set `{missing}` too"))
}

fn first_line(file: Setting<PathBuf>) -> Result<Setting<Secret>, Error> {
    let Setting { value, origin } = file;
    let text = std::fs::read_to_string(&value).map(Zeroizing::new).map_err(|error| {
        Error::new(
            ErrorKind::Connection,
            format!("can't read the proxy's password `{}` (from {origin}): {error}", value.display()),
        )
        .hint("name a file whose first line is the password")
    })?;
    Ok(Setting { value: Secret::new(text.lines().next().unwrap_or_default()), origin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn told(project: &Path, flags: &Flags, world: &World) -> String {
        let settings = Settings::load(flags, world).unwrap();
        let lines = settings.connection.describe().map(|(name, value, origin)| format!("{name}: {value} ({origin})"));
        lines.join("\n").replace(&project.display().to_string(), "PROJECT")
    }

    #[test]
    fn from_strong_to_weak_and_the_password_is_not_shown() {
        let project = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
        write("pw", "hunter2\nmore\n");
        write(
            "genai.toml",
            "[connection]\nca_file = \"ca.pem\"\nproxy = \"http://proxy:1\"\nproxy_user = \"me\"\nproxy_password_file = \"pw\"\n\
             [service.a.connection]\nproxy = \"http://own:2\"\n",
        );
        let world = World::for_tests(project.path());
        insta::assert_snapshot!(told(project.path(), &Flags::default(), &world), @"
        ca-file: PROJECT/ca.pem (`connection.ca_file` in `PROJECT/genai.toml`)
        proxy: http://own:2 (`service.a.connection.proxy` in `PROJECT/genai.toml`)
        proxy-user: me (`connection.proxy_user` in `PROJECT/genai.toml`)
        proxy-password: (set) (`connection.proxy_password_file` in `PROJECT/genai.toml`)
        unix-socket: (none) (default)
        ");
        let flags = Flags {
            ca_file: Some("flag.pem".into()),
            proxy: Some("http://me:hunter2@proxy".into()),
            unix_socket: Some("run/comfy.sock".into()),
            ..Flags::default()
        };
        let world = world.with_env("COMFYUI_CA_FILE", "env.pem").with_env("COMFYUI_PROXY_PASSWORD", "hunter3");
        let world = world.with_env("COMFYUI_PROXY_USER", "you");
        let strong = told(project.path(), &flags, &world);
        assert!(!strong.contains("hunter"), "{strong}");
        insta::assert_snapshot!(strong, @"
        ca-file: PROJECT/flag.pem (flag `--ca-file`)
        proxy: (not a usable URL) (flag `--proxy`)
        proxy-user: you (environment variable `COMFYUI_PROXY_USER`)
        proxy-password: (set) (environment variable `COMFYUI_PROXY_PASSWORD`)
        unix-socket: PROJECT/run/comfy.sock (flag `--unix-socket`)
        ");
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_origin_and_without_the_password() {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("key.pem"), "hunter2").unwrap();
        let said = |flags: Flags, vars: &[(&str, &str)]| {
            let world = vars.iter().fold(World::for_tests(project.path()), |world, (name, value)| world.with_env(name, value));
            let error = Settings::load(&flags, &world).and_then(|settings| settings.client(&world.entropy)).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter"), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Connection);
            format!("{error}").replace(&project.path().display().to_string(), "PROJECT")
        };
        let proxy = |url: &str| Flags { proxy: Some(url.into()), ..Flags::default() };
        let errors = [
            said(Flags { ca_file: Some("absent.pem".into()), ..Flags::default() }, &[]),
            said(Flags { ca_file: Some("key.pem".into()), ..Flags::default() }, &[]),
            said(proxy("http://me:hunter2@proxy"), &[]),
            said(proxy("http://proxy"), &[("COMFYUI_PROXY_PASSWORD", "hunter2")]),
            said(proxy("http://proxy"), &[("COMFYUI_PROXY_PASSWORD_FILE", "absent")]),
        ];
        insta::assert_snapshot!(errors.join("\n"), @"
        can't read the certificates `PROJECT/absent.pem` (from flag `--ca-file`): No such file or directory (os error 2)
        `PROJECT/key.pem`: there is no certificate among the root certificates (from flag `--ca-file`)
        the proxy: `http://…@proxy` holds a user name or a password (from flag `--proxy`)
        the proxy's login is only half there (from environment variable `COMFYUI_PROXY_PASSWORD`)
        can't read the proxy's password `PROJECT/absent` (from environment variable `COMFYUI_PROXY_PASSWORD_FILE`): No such file or directory (os error 2)
        ");
    }
}
