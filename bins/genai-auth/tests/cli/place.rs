//! A folder of its own for each run of the binary, with a made-up environment.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

pub(crate) struct Place(tempfile::TempDir);

/// What a run said and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// A ComfyUI folder as `setup` wants to see it, with the plugin's files in it.
    pub(crate) fn comfyui(&self) {
        for file in [
            "main.py",
            "custom_nodes/ComfyUI-Login/__init__.py",
            "custom_nodes/ComfyUI-Login/password.py",
            "custom_nodes/ComfyUI-Login/login.html",
        ] {
            self.write(&format!("ComfyUI/{file}"), "");
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the test runs the binary that it tests")]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_genai-auth"));
        command.args(args).current_dir(self.0.path()).env_clear();
        command
    }

    /// The same from a copy of the binary in this place, which another user can reach.
    #[expect(clippy::disallowed_methods, reason = "the test runs the binary that it tests")]
    pub(crate) fn command_of_a_copy(&self, args: &[&str]) -> Command {
        let copy = self.at("genai-auth");
        std::fs::copy(env!("CARGO_BIN_EXE_genai-auth"), &copy).unwrap();
        let mut command = Command::new(copy);
        command.args(args).current_dir(self.0.path()).env_clear();
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.ran(&self.command(args).output().unwrap())
    }

    pub(crate) fn ran(&self, output: &Output) -> Ran {
        let text =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&self.0.path().display().to_string(), "[PLACE]");
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Ran {
    /// The report that was printed.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no report ({error}): {}{}", self.out, self.err))
    }

    /// How a check ended, by its last finding.
    pub(crate) fn outcome(&self, check: &str) -> String {
        let report = self.report();
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().rev().find(|finding| finding["check"] == check);
        found.map_or_else(|| "absent".to_owned(), |finding| finding["outcome"].as_str().unwrap().to_owned())
    }
}
