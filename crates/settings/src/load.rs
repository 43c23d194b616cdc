//! The one place where a setting is decided.

use std::path::{Component, Path, PathBuf};

use auth_core::LoginToken;
use token_sync::{Dialect, Reading, SourceFile, Target};
use zeroize::Zeroizing;

use crate::{Connection, Error, ErrorKind, Neighbour, Origin, Rules, Setting, World, engine, file, rules, stack::WrittenStack};

/// The name that means every service.
const ALL_SERVICES: &str = "all";

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--project`
    pub project: Option<PathBuf>,
    /// `--service`
    pub service: Option<String>,
    /// `--url`
    pub url: Option<String>,
    /// Every further `--url`, for commands that work with several servers.
    pub more_urls: Vec<String>,
    /// `--token-file`
    pub token_file: Option<PathBuf>,
    /// `--comfy-dir`
    pub comfy_dir: Option<PathBuf>,
    /// `--user`
    pub user: Option<String>,
    /// `--allow-plain-http`
    pub allow_plain_http: bool,
    /// `--ca-file`
    pub ca_file: Option<PathBuf>,
    /// `--proxy`
    pub proxy: Option<String>,
    /// `--unix-socket`
    pub unix_socket: Option<PathBuf>,
    /// `--host` of `genai-stack`
    pub host: Option<String>,
    /// `--context` of `genai-stack`
    pub context: Option<String>,
}

/// Every setting, decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's folder, absolute.
    pub project: Setting<PathBuf>,
    /// The service's name.
    pub service: Setting<String>,
    /// Where ComfyUI answers.
    pub url: Setting<String>,
    /// The login's user name, if anybody chose one.
    pub user: Option<Setting<String>>,
    /// ComfyUI's own folder, if it is known.
    pub comfy_dir: Option<Setting<PathBuf>>,
    /// Where the source of truth is.
    pub source: Setting<SourceFile>,
    /// Whether the project's other services use the same source of truth.
    pub shares_source: bool,
    /// Whether a token may go over plain http to another machine.
    pub allow_plain_http: Setting<bool>,
    /// How it is reached.
    pub connection: Connection,
    /// Which Docker Engine is meant.
    pub engine: docker_ops::Asked,
    /// A token that was given by flag, environment or `.env`, which is stronger than the source of truth.
    pub token: Option<Setting<LoginToken>>,
    /// The project's other services.
    pub neighbours: Vec<Neighbour>,
    /// What the project allows and demands.
    pub rules: Rules,
    /// Other places where the project says, or would say, a source of truth is.
    pub(crate) rivals: Vec<SourceFile>,
    /// What `[stack]` says of the service.
    pub(crate) written_stack: WrittenStack,
}

impl Settings {
    /// Where ComfyUI answers unless somebody says otherwise.
    pub const DEFAULT_URL: &str = "http://127.0.0.1:8188";
    /// The service's name unless somebody says otherwise.
    pub const DEFAULT_SERVICE: &str = "comfyui-qwen";
    /// The key of the token in `.env` files.
    pub const TOKEN_KEY: &str = "COMFYUI_API_TOKEN";

    /// Decides every setting.
    ///
    /// # Errors
    /// A file that can't be read or understood, a service that is not there, a value that can't be used: each with its origin.
    pub fn load(flags: &Flags, world: &World) -> Result<Self, Error> {
        if !flags.more_urls.is_empty() {
            let given = flags.more_urls.len() + 1;
            return Err(Error::new(ErrorKind::Url, format!("this command takes one `--url`, not {given}"))
                .hint("name one server; `genai-comfy batch` works with several"));
        }
        let project = project(flags, world);
        let root = &project.value;

        let toml = root.join(file::NAME);
        let file = file::read(&toml)?;
        let service = choose_service(flags, world, &file, &toml)?;
        let section = file.service.get(&service.value).cloned().unwrap_or_default();
        let levels =
            [(&section.connection, format!("service.{}.connection", service.value)), (&file.connection, "connection".to_owned())];
        let connection = Connection::read(flags, world, &toml, root, &levels)?;
        let written_stack = WrittenStack::of(&file, &service.value, &toml);
        let neighbours = Neighbour::of(&file, &service.value, root, world);
        let from_file = |key: &str, own: Option<String>, top: Option<String>| -> Option<(String, Origin)> {
            own.map(|value| (value, Origin::File(toml.clone(), format!("service.{}.{key}", service.value))))
                .or_else(|| top.map(|value| (value, Origin::File(toml.clone(), key.to_owned()))))
        };
        let dot_env = DotEnv::new(root);
        let by_env = |name: &'static str| world.var(name).map(|value| (value.to_owned(), Origin::Environment(name)));

        let url = first([
            flags.url.clone().map(|url| (url, Origin::Flag("--url"))),
            by_env("COMFYUI_URL"),
            from_file("url", section.url, file.url.clone()),
            dot_env.value("COMFYUI_URL"),
        ])
        .unwrap_or_else(|| Setting { value: Self::DEFAULT_URL.to_owned(), origin: Origin::Default });
        let user = first([
            flags.user.clone().map(|user| (user, Origin::Flag("--user"))),
            by_env("COMFYUI_USERNAME"),
            from_file("user", section.user, file.user.clone()),
            dot_env.value("COMFYUI_USERNAME"),
        ]);
        let path = |(path, origin): (String, Origin)| (PathBuf::from(path), origin);
        let comfy_dir = first([
            flags.comfy_dir.as_ref().map(|path| (world.current_dir.join(path), Origin::Flag("--comfy-dir"))),
            by_env("GENAI_COMFY_DIR").map(path),
            from_file("comfy_dir", section.comfy_dir, file.comfy_dir.clone()).map(path),
        ])
        .map(|setting| Setting { value: normal(&root.join(setting.value)), origin: setting.origin });
        let shares_source = section.source.is_none();
        let written = file.service.values().map(|service| &service.source).chain([&file.source]).flatten();
        let mut rivals: Vec<SourceFile> = written
            .map(String::as_str)
            .chain([SourceFile::DEFAULT])
            .map(|path| SourceFile::new(normal(&root.join(path))))
            .collect();
        let source =
            first([by_env("GENAI_SOURCE").map(path), from_file("source", section.source, file.source.clone()).map(path)])
                .unwrap_or_else(|| Setting { value: SourceFile::DEFAULT.into(), origin: Origin::Default });
        let source = Setting { value: SourceFile::new(normal(&root.join(source.value))), origin: source.origin };
        rivals.retain(|rival| *rival != source.value);
        rivals.sort_by(|one, other| one.path().cmp(other.path()));
        rivals.dedup();
        let rules = rules::read(&file, &toml, root, &source.value)?;
        // Where services share a source, its targets don't tell whose ComfyUI is meant.
        let ambiguous = file.service.len() > 1 && shares_source;
        let comfy_dir = comfy_dir.or_else(|| known_comfy_dir(&source.value, root).filter(|_| !ambiguous));
        let allow_plain_http = first([
            flags.allow_plain_http.then_some((true, Origin::Flag("--allow-plain-http"))),
            section
                .allow_plain_http
                .map(|allow| (allow, Origin::File(toml.clone(), format!("service.{}.allow_plain_http", service.value)))),
            file.allow_plain_http.map(|allow| (allow, Origin::File(toml.clone(), "allow_plain_http".to_owned()))),
        ])
        .unwrap_or(Setting { value: false, origin: Origin::Default });
        let token = choose_token(flags, world, &dot_env, &rules, shares_source)?;
        Ok(Self {
            project,
            service,
            url,
            user,
            comfy_dir,
            source,
            shares_source,
            neighbours,
            allow_plain_http,
            connection,
            engine: engine::asked(flags, world, &file.engine),
            token,
            rules,
            rivals,
            written_stack,
        })
    }

    /// The settings of every service that `flags` mean: with `--service all` each of `genai.toml`, in the order of their names;
    /// else one.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_each(flags: &Flags, world: &World) -> Result<Vec<Self>, Error> {
        let named = flags.service.as_deref().or_else(|| world.var("GENAI_SERVICE"));
        if named != Some(ALL_SERVICES) {
            return Self::load(flags, world).map(|settings| vec![settings]);
        }
        let file = file::read(&project(flags, world).value.join(file::NAME))?;
        let names: Vec<Option<String>> = match file.service.len() {
            0 => vec![None],
            _ => file.service.keys().cloned().map(Some).collect(),
        };
        let world = World {
            env: world.env.iter().filter(|(name, _)| *name != "GENAI_SERVICE").map(|(n, v)| (n.clone(), v.clone())).collect(),
            ..world.clone()
        };
        names.into_iter().map(|service| Self::load(&Flags { service, ..flags.clone() }, &world)).collect()
    }

    /// The settings of every service of the stack that `flags` mean: all of them, unless one is named.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_stack(flags: &Flags, world: &World) -> Result<Vec<Self>, Error> {
        let named = flags.service.is_some() || world.var("GENAI_SERVICE").is_some();
        let all = Flags { service: Some(ALL_SERVICES.to_owned()), ..flags.clone() };
        Self::load_each(if named { flags } else { &all }, world)
    }

    /// The settings of every server that `flags` mean for one piece of work: one for each `--url` where several are given, else
    /// as [`Settings::load_each`].
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_fleet(flags: &Flags, world: &World) -> Result<Vec<Self>, Error> {
        if flags.more_urls.is_empty() {
            return Self::load_each(flags, world);
        }
        let one = |url: &String| Flags { url: Some(url.clone()), more_urls: Vec::new(), ..flags.clone() };
        flags.url.iter().chain(&flags.more_urls).map(|url| Self::load(&one(url), world)).collect()
    }

    /// The configuration of the client that speaks to the service, without a credential.
    ///
    /// # Errors
    /// A URL that can't be one, or a connection that can't be made so, with its origin.
    pub fn client(&self, entropy: &crate::Entropy) -> Result<comfy_client::Config, Error> {
        let entropy = entropy.clone();
        let config = comfy_client::Config::new(&self.url.value)
            .map_err(|error| Error::new(ErrorKind::Url, format!("{error} (from {})", self.url.origin)).hints_of(error.hints()))?;
        self.connection.configure(config.ids(move || entropy.bytes()).allow_plain_http(self.allow_plain_http.value))
    }

    /// Where ComfyUI answers, without what a URL might hide: one that can't be used is not repeated.
    pub fn shown_url(&self) -> String {
        comfy_client::Config::new(&self.url.value)
            .map_or_else(|_| "(not a usable URL)".to_owned(), |config| config.url().to_owned())
    }

    /// The token that the project's `.env` holds now: a journey may have written it since the settings were loaded. None for a
    /// service with a source of truth of its own, whose token is not the project's.
    pub fn token_in_dot_env(&self) -> Option<Setting<LoginToken>> {
        self.shares_source.then(|| DotEnv::new(&self.project.value).token(&self.rules)).flatten()
    }

    /// `path` as a person would write it: relative to the project where it lies inside.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.project.value).unwrap_or(path).display().to_string()
    }
}

/// `path` with one spelling: no `.`, no `x/..`.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// The project's folder, absolute.
fn project(flags: &Flags, world: &World) -> Setting<PathBuf> {
    let chosen = first([
        flags.project.as_ref().map(|path| (path.clone(), Origin::Flag("--project"))),
        world.var("GENAI_PROJECT").map(|path| (PathBuf::from(path), Origin::Environment("GENAI_PROJECT"))),
    ])
    .unwrap_or_else(|| Setting { value: PathBuf::new(), origin: Origin::Default });
    Setting { value: normal(&world.current_dir.join(&chosen.value)), origin: chosen.origin }
}

/// The strongest of `candidates`, which stand from strong to weak.
fn first<T, const N: usize>(candidates: [Option<(T, Origin)>; N]) -> Option<Setting<T>> {
    candidates.into_iter().flatten().next().map(|(value, origin)| Setting { value, origin })
}

/// Whether `name` can stand in a path without leaving its folder.
fn is_service_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

fn choose_service(flags: &Flags, world: &World, file: &file::File, toml: &Path) -> Result<Setting<String>, Error> {
    let named = first([
        flags.service.clone().map(|name| (name, Origin::Flag("--service"))),
        world.var("GENAI_SERVICE").map(|name| (name.to_owned(), Origin::Environment("GENAI_SERVICE"))),
    ]);
    let named_badly =
        named.as_ref().map(|named| &named.value).filter(|name| *name != ALL_SERVICES).into_iter().chain(file.service.keys());
    if let Some(name) = named_badly.into_iter().find(|name| !is_service_name(name)) {
        return Err(Error::new(ErrorKind::Service, format!("`{}` can't be a service's name", name.escape_debug()))
            .hint("a name has small letters, digits, `-`, `_` and `.`, and starts with a letter or digit"));
    }
    let names = || file.service.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (named, file.service.len()) {
        (Some(named), _) if named.value == ALL_SERVICES => {
            Err(Error::new(ErrorKind::Service, format!("this command takes one service, not `{ALL_SERVICES}`"))
                .hint(format!("choose one of {}", names())))
        }
        (Some(named), known) if known > 0 && !file.service.contains_key(&named.value) => Err(Error::new(
            ErrorKind::Service,
            format!("there is no service `{}` in `{}` (from {})", named.value.escape_debug(), toml.display(), named.origin),
        )
        .hint(format!("choose one of {}", names()))),
        (Some(named), _) => Ok(named),
        (None, 0) => Ok(Setting { value: Settings::DEFAULT_SERVICE.to_owned(), origin: Origin::Default }),
        (None, 1) => {
            let name = file.service.keys().next().cloned().unwrap_or_default();
            Ok(Setting { origin: Origin::File(toml.to_owned(), format!("service.{name}")), value: name })
        }
        (None, _) => Err(Error::new(ErrorKind::Service, format!("`{}` has several services", toml.display()))
            .hint(format!("say which with `--service`: {}, or `{ALL_SERVICES}`", names()))),
    }
}

/// ComfyUI's folder as an earlier set-up left it in the source of truth: where the plugin's PASSWORD file lies in `login` beside
/// ComfyUI's `main.py`. A source that can't be read says nothing here: its check reports it.
fn known_comfy_dir(source: &SourceFile, root: &Path) -> Option<Setting<PathBuf>> {
    let known = source.load().ok().flatten()?;
    let paths = known.targets().iter().map(|entry| root.join(&entry.path)).filter(|path| path.ends_with("login/PASSWORD"));
    let folders = paths.filter_map(|path| Some(path.parent()?.parent()?.to_owned()));
    let mut folders = folders.filter(|folder| folder.join("main.py").is_file());
    let value = folders.next().filter(|_| folders.next().is_none())?;
    Some(Setting { value, origin: Origin::Source(source.path().to_owned()) })
}

/// The project's `.env`. One that can't be read says nothing here: the check of the targets reports it.
struct DotEnv(PathBuf);

impl DotEnv {
    fn new(root: &Path) -> Self {
        Self(root.join(".env"))
    }

    fn value(&self, key: &'static str) -> Option<(String, Origin)> {
        let bytes = Zeroizing::new(std::fs::read(&self.0).ok()?);
        let entries = Dialect::ComposeV2.read(&bytes, &token_sync::Surroundings::new()).ok()?;
        let value = entries.into_iter().rev().find(|entry| entry.key == key)?.value.filter(|value| !value.is_empty())?;
        Some((value, Origin::DotEnv(self.0.clone(), key)))
    }

    fn token(&self, rules: &Rules) -> Option<Setting<LoginToken>> {
        let target = Target::new(&self.0, Dialect::ComposeV2, Some(Settings::TOKEN_KEY)).ok()?;
        let target = if rules.links.value.contains(&self.0) { target.through_link() } else { target };
        let Reading::Token(value, _) = target.read() else { return None };
        Some(Setting { value, origin: Origin::DotEnv(self.0.clone(), Settings::TOKEN_KEY) })
    }
}

/// A token from outside the source of truth. `.env` is a target as well: what it holds is judged against the source there.
fn choose_token(
    flags: &Flags,
    world: &World,
    dot_env: &DotEnv,
    rules: &Rules,
    shares_source: bool,
) -> Result<Option<Setting<LoginToken>>, Error> {
    let from_file = |path: PathBuf, origin: Origin| {
        let path = world.current_dir.join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Error::new(ErrorKind::Token, format!("can't read the token file `{}` (from {origin}): {error}", path.display()))
                .hint("name a file whose first line is the token")
        })?;
        let text = Zeroizing::new(text);
        token(text.lines().next().unwrap_or_default(), origin)
    };
    if let Some(path) = &flags.token_file {
        return from_file(path.clone(), Origin::Flag("--token-file")).map(Some);
    }
    if let Some(line) = world.var("COMFYUI_API_TOKEN") {
        return token(line, Origin::Environment("COMFYUI_API_TOKEN")).map(Some);
    }
    if let Some(path) = world.var("COMFYUI_API_TOKEN_FILE") {
        return from_file(path.into(), Origin::Environment("COMFYUI_API_TOKEN_FILE")).map(Some);
    }
    Ok(dot_env.token(rules).filter(|_| shares_source))
}

fn token(line: &str, origin: Origin) -> Result<Setting<LoginToken>, Error> {
    match LoginToken::new(line) {
        Ok(value) => Ok(Setting { value, origin }),
        Err(error) => {
            Err(Error::new(ErrorKind::Token, format!("the token from {origin} can't be used: {error}")).hints_of(error.hints()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn from_strong_to_weak() {
        let project = project();
        let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
        let mut flags = Flags::default();
        let mut world = World::for_tests(project.path());
        let url = |flags: &Flags, world: &World| {
            let url = Settings::load(flags, world).unwrap().url;
            let origin = url.origin.to_string().replace(&project.path().display().to_string(), "PROJECT");
            format!("{} from {origin}", url.value)
        };
        let mut seen = vec![url(&flags, &world)];
        write(".env", "COMFYUI_URL='http://dotenv'\n");
        seen.push(url(&flags, &world));
        write("genai.toml", "url = \"http://top\"\n");
        seen.push(url(&flags, &world));
        write("genai.toml", "url = \"http://top\"\n[service.a]\nurl = \"http://own\"\n");
        seen.push(url(&flags, &world));
        world = world.with_env("COMFYUI_URL", "http://env");
        seen.push(url(&flags, &world));
        flags.url = Some("http://flag".to_owned());
        seen.push(url(&flags, &world));
        insta::assert_snapshot!(seen.join("\n"), @"
        http://127.0.0.1:8188 from default
        http://dotenv from `COMFYUI_URL` in `PROJECT/.env`
        http://top from `url` in `PROJECT/genai.toml`
        http://own from `service.a.url` in `PROJECT/genai.toml`
        http://env from environment variable `COMFYUI_URL`
        http://flag from flag `--url`
        ");
    }

    #[test]
    fn tokens_from_strong_to_weak() {
        let project = project();
        let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
        let mut world = World::for_tests(project.path());
        let token = |flags: &Flags, world: &World| {
            Settings::load(flags, world).unwrap().token.map(|token| token.value.expose().to_owned())
        };
        assert_eq!(token(&Flags::default(), &world), None);
        write(".env", "COMFYUI_API_TOKEN='dotenv'\n");
        assert_eq!(token(&Flags::default(), &world).as_deref(), Some("dotenv"));
        write("t", "from-file\nignored\n");
        world = world.with_env("COMFYUI_API_TOKEN_FILE", "t");
        assert_eq!(token(&Flags::default(), &world).as_deref(), Some("from-file"));
        world = world.with_env("COMFYUI_API_TOKEN", "from-env");
        assert_eq!(token(&Flags::default(), &world).as_deref(), Some("from-env"));
        let flags = Flags { token_file: Some("t".into()), ..Flags::default() };
        assert_eq!(token(&flags, &world).as_deref(), Some("from-file"));
    }

    #[test]
    fn one_file_has_one_spelling() {
        for (spelled, normal) in [("/a/./b", "/a/b"), ("/a/x/../b", "/a/b"), ("/../a", "/../a"), ("a/../../b", "../b")] {
            assert_eq!(super::normal(Path::new(spelled)), Path::new(normal), "{spelled}");
        }
    }

    #[test]
    fn a_services_name_stays_in_its_folder() {
        let project = project();
        let world = World::for_tests(project.path());
        for name in ["../x", "", "a/b", "A", "-a", ".hidden"] {
            let flags = Flags { service: Some(name.into()), ..Flags::default() };
            assert!(Settings::load(&flags, &world).is_err(), "{name}");
        }
    }

    #[test]
    fn all_services_in_the_order_of_their_names() {
        let project = project();
        let world = World::for_tests(project.path());
        let all = Flags { service: Some("all".into()), ..Flags::default() };
        let seen = |world: &World| {
            let each = Settings::load_each(&all, world).unwrap();
            each.iter().map(|one| format!("{} {} {}", one.service.value, one.url.value, one.shares_source)).collect::<Vec<_>>()
        };
        assert_eq!(seen(&world), ["comfyui-qwen http://127.0.0.1:8188 true"]);
        let toml = "url = \"http://top\"\n[service.video]\nsource = \"v.conf\"\n[service.qwen]\nurl = \"http://own\"\n";
        std::fs::write(project.path().join("genai.toml"), toml).unwrap();
        assert_eq!(seen(&world), ["qwen http://own true", "video http://top false"]);
        assert_eq!(seen(&world.clone().with_env("GENAI_SERVICE", "qwen")).len(), 2, "the flag beats the variable");
        assert!(Settings::load(&all, &world).unwrap_err().to_string().contains("takes one service"));
    }

    #[test]
    fn several_urls_are_several_servers_where_a_command_can_have_them() {
        let project = project();
        let world = World::for_tests(project.path());
        let flags = Flags { url: Some("http://a".into()), more_urls: vec!["http://b".into()], ..Flags::default() };
        let urls =
            |flags: &Flags| Settings::load_fleet(flags, &world).map(|each| each.into_iter().map(|one| one.url.value).collect());
        assert_eq!(urls(&flags), Ok(vec!["http://a".to_owned(), "http://b".to_owned()]));
        assert_eq!(urls(&Flags::default()), Ok(vec![Settings::DEFAULT_URL.to_owned()]));
        for wrong in [Settings::load(&flags, &world).map(|_| ()), Settings::load_each(&flags, &world).map(|_| ())] {
            assert_eq!(wrong.unwrap_err().to_string(), "this command takes one `--url`, not 2");
        }
        std::fs::write(project.path().join("genai.toml"), "[service.a]\n").unwrap();
        let all = Flags { service: Some("all".into()), ..flags };
        assert!(urls(&all).unwrap_err().to_string().contains("takes one service"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_origin() {
        let project = project();
        let world = World::for_tests(project.path());
        let message = |flags: &Flags, world: &World| {
            let error = Settings::load(flags, world).map(|_| ()).unwrap_err();
            let text = format!("{error} | {}", error.hints().join(" | "));
            text.replace(&project.path().display().to_string(), "PROJECT")
        };
        let mut seen = Vec::new();
        let toml = |text: &str| std::fs::write(project.path().join("genai.toml"), text).unwrap();
        toml("url = 5\n");
        seen.push(message(&Flags::default(), &world));
        toml("\nurk = \"x\"\n");
        seen.push(message(&Flags::default(), &world));
        toml("[service.a]\n[service.b]\n");
        seen.push(message(&Flags::default(), &world));
        seen.push(message(&Flags { service: Some("c".into()), ..Flags::default() }, &world));
        toml("");
        seen.push(message(&Flags { token_file: Some("absent".into()), ..Flags::default() }, &world));
        seen.push(message(&Flags::default(), &world.clone().with_env("COMFYUI_API_TOKEN", "two words")));
        insta::assert_snapshot!(seen.join("\n"), @"
        line 1 of `PROJECT/genai.toml`: invalid type: integer `5`, expected a string | 
        line 2 of `PROJECT/genai.toml`: unknown field `urk` | nearest: `url` | known here: `url`, `user`, `comfy_dir`, `source`, `allow_plain_http`, `connection`, `engine`, `targets`, `backups`, `policy`, `scan`, `stack`, `service`
        `PROJECT/genai.toml` has several services | say which with `--service`: `a`, `b`, or `all`
        there is no service `c` in `PROJECT/genai.toml` (from flag `--service`) | choose one of `a`, `b`
        can't read the token file `PROJECT/absent` (from flag `--token-file`): No such file or directory (os error 2) | name a file whose first line is the token
        the token from environment variable `COMFYUI_API_TOKEN` can't be used: byte 3 of the token can't stand in an HTTP header | a token is one line of visible ASCII without blanks
        ");
    }
}
