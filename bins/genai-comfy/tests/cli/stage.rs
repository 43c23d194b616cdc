//! An embedded ComfyUI within the test's own process, and commands that speak to it.

use std::{path::Path, process::Command};

use comfy_sim::{Builder, Server};

/// A server, the runtime that it lives on, and a folder for the commands.
pub(crate) struct Stage {
    runtime: tokio::runtime::Runtime,
    server: Option<Server>,
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(build: impl FnOnce(Builder, &Path) -> Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let builder = build(Server::builder().comfy_dir(folder.path().join("ComfyUI")), folder.path());
        let server = runtime.block_on(builder.spawn()).unwrap();
        Self { runtime, server: Some(server), folder }
    }

    pub(crate) fn url(&self) -> String {
        self.server.as_ref().unwrap().url()
    }

    pub(crate) fn faults(&self) -> &comfy_sim::Faults {
        self.server.as_ref().unwrap().faults()
    }

    /// Cases as data that meet this server.
    pub(crate) fn cases(&self) -> trycmd::TestCases {
        let cases = trycmd::TestCases::new();
        let unset =
            ["COMFYUI_API_TOKEN", "COMFYUI_API_TOKEN_FILE", "COMFYUI_USERNAME", "GENAI_PROJECT", "GENAI_SERVICE", "GENAI_SOURCE"];
        for name in unset {
            cases.env(name, "");
        }
        cases.env("COMFYUI_URL", self.url()).insert_var("[URL]", self.url()).unwrap();
        cases
    }

    /// A command in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        command(self.folder.path(), &self.url(), args)
    }

    /// Puts a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.runtime.block_on(self.server.take().unwrap().shutdown());
    }
}

#[expect(clippy::disallowed_methods, reason = "the test runs the binary that it tests")]
pub(crate) fn command(folder: &Path, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_genai-comfy"));
    command.args(args).current_dir(folder).env_clear().env("COMFYUI_URL", url);
    command
}

/// How it exited, and what it said on standard output and standard error.
pub(crate) fn said(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The same surroundings, for a line of a shell in place of the command.
#[expect(clippy::disallowed_methods, reason = "a shell sets the limit under which the command runs")]
pub(crate) fn shell(line: &str, like: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]).env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(like.get_current_dir().unwrap());
    shell
}
