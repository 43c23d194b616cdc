//! A project in a temporary folder and a server for it, for the checks' own tests.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf};

use auth_core::{BcryptHash, LoginToken, Password, SourceOfTruth};
use comfy_sim::{Login, Server};
use report::Finding;
use settings::{Flags, Settings, World};
use token_sync::{Caller, Plan, Workspace};

use crate::subject::Subject;

pub(crate) struct Project {
    folder: tempfile::TempDir,
    url: Option<String>,
    env: Option<(String, String)>,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: None, env: None }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.env = Some((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn set_url(&mut self, url: &str) {
        self.url = Some(url.to_owned());
    }

    pub(crate) fn world(&self) -> World {
        let world = World::for_tests(self.folder.path());
        self.env.iter().fold(world, |world, (name, value)| world.with_env(name, value))
    }

    pub(crate) fn settings(&self) -> Settings {
        let flags = Flags { url: self.url.clone(), comfy_dir: Some("ComfyUI".into()), ..Flags::default() };
        Settings::load(&flags, &self.world()).unwrap()
    }

    /// Writes a source of truth for `password`, at a cost that keeps tests quick. The salt starts with a letter, so that a bare
    /// spelling in `.env` is eaten by interpolation.
    pub(crate) fn save(&self, password: &str) {
        let settings = self.settings();
        let password = Password::new(password).unwrap();
        let token = LoginToken::from(BcryptHash::of(&password, 4, [0x45; 16]).unwrap());
        let source = SourceOfTruth::new(Some(password), token, "ann", "2026-01-02T03:04:05Z", settings.customary_targets());
        self.apply(Plan::default().with_source(&settings.source.value, &source).unwrap());
    }

    /// Writes the targets that the source names.
    pub(crate) fn sync(&self) {
        let settings = self.settings();
        let source = settings.source.value.load().unwrap().unwrap();
        for target in settings.targets(&source).unwrap() {
            let _ = std::fs::remove_file(target.path());
        }
        self.apply(Plan::make(source.token(), "ann", &settings.targets(&source).unwrap()).unwrap());
    }

    fn apply(&self, plan: Plan) {
        let caller = Caller::new("test", "2026-01-02T03:04:05Z", [0; 16]);
        let applied = Workspace::open(&self.at(".secrets"), &caller).unwrap().apply(plan).unwrap();
        assert!(applied.unfinished.is_none());
    }

    pub(crate) fn source(&self) -> String {
        std::fs::read_to_string(self.settings().source.value.path()).unwrap()
    }

    pub(crate) fn write_source(&self, text: &str) {
        std::fs::write(self.settings().source.value.path(), text).unwrap();
    }

    pub(crate) fn token(&self) -> String {
        self.settings().source.value.load().unwrap().unwrap().token().expose().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.at(name), content).unwrap();
    }

    pub(crate) fn set_modes(&self, folder: u32, file: u32) {
        let set = |path: PathBuf, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        set(self.at(".secrets/comfyui_auth_tokens.conf"), file);
        set(self.at(".secrets"), folder);
    }

    /// Starts the embedded ComfyUI with the plugin's login.
    pub(crate) async fn serve(&mut self) -> Server {
        self.start(Login::Plugin).await
    }

    /// Starts it as ComfyUI starts when the plugin fails to load: without any login.
    pub(crate) async fn serve_open(&mut self) -> Server {
        self.start(Login::Off).await
    }

    /// Starts it with the plugin's login at an address, as a restart does.
    pub(crate) async fn serve_at(&self, listen: SocketAddr) -> Server {
        Server::builder().comfy_dir(self.at("ComfyUI")).login(Login::Plugin).listen(listen).spawn().await.unwrap()
    }

    async fn start(&mut self, login: Login) -> Server {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::builder().comfy_dir(self.at("ComfyUI")).login(login).listen(listen).spawn().await.unwrap();
        self.url = Some(server.url());
        server
    }
}

/// What the check of that id finds.
pub(crate) async fn finding(id: &str, project: &Project) -> Finding {
    let (settings, world) = (project.settings(), project.world());
    let subject = Subject::new(&settings, &world).unwrap();
    let check = super::all().find(|check| check.id.0 == id).unwrap();
    check.run(&subject).await
}

/// How that check ends.
pub(crate) async fn outcome(id: &str, project: &Project) -> &'static str {
    finding(id, project).await.outcome.name()
}
