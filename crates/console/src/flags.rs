//! The flags that mean the same in every binary.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Shared options")]
pub struct Shared {
    /// The project's folder: holds genai.toml, .env and .secrets [default: the current folder]
    #[arg(long, value_name = "DIR", global = true)]
    pub project: Option<PathBuf>,
    /// The service of genai.toml that is meant
    #[arg(long, value_name = "NAME", global = true)]
    pub service: Option<String>,
    /// Where ComfyUI answers [default: http://127.0.0.1:8188]
    #[arg(long, value_name = "URL", global = true)]
    pub url: Vec<String>,
    /// A file whose first line is the token
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
    /// Let the token go over plain http to another machine than this one
    #[arg(long, global = true)]
    pub allow_plain_http: bool,
    /// A PEM file with certificates to trust beside the system's, for a server of your own authority
    #[arg(long, value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// The proxy that leads to the server; its user and password come from the settings, never from here
    #[arg(long, value_name = "URL", global = true)]
    pub proxy: Option<String>,
    /// The Unix socket on which the server answers, in place of the network
    #[arg(long, value_name = "PATH", global = true)]
    pub unix_socket: Option<PathBuf>,
    /// What to print: text for people, one JSON document for programs
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
    /// When to use color
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", global = true)]
    pub color: ColorFlag,
    /// How to write the log, which goes to standard error
    #[arg(long, value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
    /// Log more; twice for everything
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Print the result only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// What to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document with a published schema.
    Json,
    /// For code scanning services: what is not well, as SARIF 2.1.0.
    Sarif,
}

/// When to use color.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorFlag {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to write the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Shared {
    /// What these flags say to the settings.
    pub fn settings(&self) -> settings::Flags {
        settings::Flags {
            project: self.project.clone(),
            service: self.service.clone(),
            url: self.url.first().cloned(),
            more_urls: self.url.iter().skip(1).cloned().collect(),
            token_file: self.token_file.clone(),
            allow_plain_http: self.allow_plain_http,
            ca_file: self.ca_file.clone(),
            proxy: self.proxy.clone(),
            unix_socket: self.unix_socket.clone(),
            ..settings::Flags::default()
        }
    }
}

impl From<ColorFlag> for anstream::ColorChoice {
    fn from(flag: ColorFlag) -> Self {
        match flag {
            ColorFlag::Auto => Self::Auto,
            ColorFlag::Always => Self::Always,
            ColorFlag::Never => Self::Never,
        }
    }
}
