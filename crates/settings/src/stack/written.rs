//! `[stack]` and `[service.NAME.stack]`, as they are written.

use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr, time::Duration};

use docker_ops::{PullPolicy, Restart};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// The whole table. What is not written here is decided by the next weaker level.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stack {
    pub(super) project: Option<String>,
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) pull: Option<Word<PullPolicy>>,
    pub(super) command: Option<Vec<String>>,
    pub(super) flags: Option<Vec<String>>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) user: Option<String>,
    pub(super) replicas: Option<u32>,
    pub(super) port: Option<u16>,
    pub(super) address: Option<IpAddr>,
    pub(super) container_port: Option<u16>,
    pub(super) allow_public: Option<bool>,
    pub(super) comfy_path: Option<String>,
    pub(super) mounts: Mounts,
    pub(super) gpus: Option<Gpus>,
    pub(super) cdi: Option<Vec<String>>,
    pub(super) memory: Option<Size>,
    pub(super) shm: Option<Size>,
    pub(super) cpus: Option<f64>,
    pub(super) pids: Option<u32>,
    pub(super) restart: Option<Word<Restart>>,
    pub(super) stop_grace: Option<Length>,
    pub(super) capabilities: Option<Vec<String>>,
    pub(super) read_only_root: Option<bool>,
    pub(super) health: Health,
    pub(super) logs: Logs,
    pub(super) idle_unload_minutes: Option<u32>,
    pub(super) plugin: Plugin,
}

/// `[stack.build]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Build {
    pub(super) context: Option<String>,
    pub(super) dockerfile: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) args: BTreeMap<String, String>,
}

/// `[stack.mounts]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Mounts {
    pub(super) login: Option<Folder>,
    pub(super) models: Option<Folder>,
    pub(super) outputs: Option<Folder>,
    pub(super) custom_nodes: Option<Folder>,
    pub(super) input: Option<Folder>,
    pub(super) user: Option<Folder>,
    pub(super) extra: Option<Vec<Extra>>,
}

/// `[[stack.mounts.extra]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extra {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) read_only: Option<bool>,
}

/// `[stack.health]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Health {
    pub(super) probe: Option<Probe>,
    pub(super) python: Option<String>,
    pub(super) interval: Option<Length>,
    pub(super) timeout: Option<Length>,
    pub(super) retries: Option<u32>,
    pub(super) start_period: Option<Length>,
}

/// `[stack.logs]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Logs {
    pub(super) max_size: Option<Size>,
    pub(super) max_files: Option<u32>,
}

/// `[stack.plugin]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Plugin {
    pub(super) source: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) offline: Option<String>,
}

/// A folder of the host, or `false` for none.
#[derive(Debug, Clone)]
pub(super) enum Folder {
    Off,
    At(String),
}

/// `"all"`, a number, or a list of cards.
#[derive(Debug, Clone)]
pub(super) enum Gpus {
    All,
    Count(u32),
    Ids(Vec<String>),
}

/// `"python"`, `"host"`, or a program with its arguments.
#[derive(Debug, Clone)]
pub(super) enum Probe {
    Python,
    Host,
    Command(Vec<String>),
}

/// Bytes: a number, or one with a unit, such as `"48GiB"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) u64);

/// A time, such as `"30s"` or `"1m30s"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length(pub(super) Duration);

/// One of a few words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<T>(pub(super) T);

/// Names of units, and how many bytes each has. A single letter is what Docker means by it.
const UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
        let unit = text[at..].trim_start().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let bytes = text[..at].parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Size).ok_or_else(|| format!("`{}` is no size, such as `48GiB` or `512MiB`", text.escape_debug()))
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = text.parse::<jiff::SignedDuration>().ok().and_then(|length| length.try_into().ok());
        length.map(Length).ok_or_else(|| format!("`{}` is no time, such as `30s` or `1m30s`", text.escape_debug()))
    }
}

impl FromStr for Word<Restart> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Word(match (text, text.strip_prefix("on-failure:").map(str::parse)) {
            ("no", _) => Restart::No,
            ("always", _) => Restart::Always,
            ("unless-stopped", _) => Restart::UnlessStopped,
            ("on-failure", _) => Restart::OnFailure(None),
            (_, Some(Ok(count))) => Restart::OnFailure(Some(count)),
            _ => {
                let known = "`unless-stopped`, `always`, `on-failure`, `on-failure:3`, `no`";
                return Err(format!("`{}` is no rule for a restart: choose one of {known}", text.escape_debug()));
            }
        }))
    }
}

impl FromStr for Word<PullPolicy> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Word(match text {
            "missing" => PullPolicy::Missing,
            "never" => PullPolicy::Never,
            "always" => PullPolicy::Always,
            _ => {
                let shown = text.escape_debug();
                return Err(format!("`{shown}` is no rule for pulling: choose one of `missing`, `never`, `always`"));
            }
        }))
    }
}

/// What a value may be written as; what it is not is refused with `WHAT`.
trait Written: Sized {
    const WHAT: &str;

    fn from_text(text: &str) -> Result<Self, String>;

    fn from_number(_: u64) -> Option<Self> {
        None
    }

    fn from_list(_: Vec<String>) -> Option<Self> {
        None
    }

    fn from_switch(_: bool) -> Option<Self> {
        None
    }
}

impl Written for Size {
    const WHAT: &str = "a size, such as `48GiB`";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn from_number(number: u64) -> Option<Self> {
        Some(Size(number))
    }
}

impl Written for Length {
    const WHAT: &str = "a time, such as `30s`";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl<T> Written for Word<T>
where
    Word<T>: FromStr<Err = String>,
{
    const WHAT: &str = "a word";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl Written for Folder {
    const WHAT: &str = "a folder, or false for none";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Folder::At(text.to_owned()))
    }

    fn from_switch(on: bool) -> Option<Self> {
        (!on).then_some(Folder::Off)
    }
}

impl Written for Gpus {
    const WHAT: &str = "`all`, a number, or a list of UUIDs";

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Gpus::All);
        }
        Err(format!("`{}` is neither `all`, nor a number, nor a list such as `[\"GPU-…\"]`", text.escape_debug()))
    }

    fn from_number(number: u64) -> Option<Self> {
        u32::try_from(number).ok().map(Gpus::Count)
    }

    fn from_list(list: Vec<String>) -> Option<Self> {
        Some(Gpus::Ids(list))
    }
}

impl Written for Probe {
    const WHAT: &str = "`python`, `host`, or a list of a program and its arguments";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "python" => Ok(Probe::Python),
            "host" => Ok(Probe::Host),
            _ => Err(format!(
                "`{}` is no probe: choose `python`, `host`, or a list of a program and its arguments",
                text.escape_debug()
            )),
        }
    }

    fn from_list(list: Vec<String>) -> Option<Self> {
        Some(Probe::Command(list))
    }
}

/// Reads one [`Written`]; the errors carry their place in the file.
struct Reader<T>(std::marker::PhantomData<T>);

impl<'de, T: Written> Visitor<'de> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let read = u64::try_from(number).ok().and_then(T::from_number);
        read.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<T, E> {
        T::from_switch(on).ok_or_else(|| E::invalid_value(de::Unexpected::Bool(on), &self))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        T::from_list(list).ok_or_else(|| de::Error::invalid_type(de::Unexpected::Seq, &self))
    }
}

macro_rules! read_as_written {
    ($($name:ty),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Reader(std::marker::PhantomData))
            }
        }
    )*};
}

read_as_written!(Size, Length, Folder, Gpus, Probe, Word<Restart>, Word<PullPolicy>);
