//! The machine that the engine runs on, by its own words and by what this process sees.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    ask,
    inspect::{items, text},
};
use crate::{Engine, Error};

/// The machine that the engine runs on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// The operating system of the containers: `linux`.
    pub os: String,
    /// Its processor, in Go's words, such as `amd64`.
    pub architecture: String,
    /// Its memory in bytes.
    pub memory: Option<u64>,
    /// The engine's version.
    pub engine: String,
    /// What time it is there.
    pub time: Option<Timestamp>,
    /// When it was started; none where that can't be seen.
    pub booted: Option<Boot>,
    /// The runtimes that the engine knows.
    pub runtimes: Vec<String>,
    /// Folders where the engine looks for cards by the Container Device Interface.
    pub cdi_folders: Vec<String>,
    /// `systemd` or `cgroupfs`.
    pub cgroup_driver: String,
    /// Whether that machine is this one: what lies on this disk is then what its containers see.
    pub is_here: bool,
    /// Whether the driver of a card is loaded there; none where that can't be seen.
    pub has_gpu_driver: Option<bool>,
}

/// The start of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// When.
    pub at: Timestamp,
    /// For how long it has slept since. The clock that stamps the kernel's lines stood still meanwhile.
    pub asleep: SignedDuration,
}

impl Engine {
    /// What the engine says of the machine that it runs on.
    ///
    /// # Errors
    /// The engine doesn't answer, or refuses.
    pub async fn machine(&self) -> Result<Machine, Error> {
        let info = ask::json(self, "/info", "info").await?;
        let own = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        let is_here = is_here(&info, &own("hostname"), &own("osrelease"));
        let has_driver =
            || ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"].iter().any(|path| Path::new(path).exists());
        let mut machine = read(&info);
        if is_here {
            machine.booted = booted(machine.time, &std::fs::read_to_string("/proc/uptime").unwrap_or_default(), asleep());
        }
        Ok(Machine { is_here, has_gpu_driver: is_here.then(has_driver), ..machine })
    }
}

/// `/proc/uptime` begins with the seconds since the start, those asleep included.
fn booted(now: Option<Timestamp>, uptime: &str, asleep: Option<SignedDuration>) -> Option<Boot> {
    let up = SignedDuration::try_from_secs_f64(uptime.split_whitespace().next()?.parse().ok()?).ok()?;
    Some(Boot { at: now?.checked_sub(up).ok()?, asleep: asleep? })
}

/// One of two clocks goes on while this machine sleeps.
#[cfg(target_os = "linux")]
fn asleep() -> Option<SignedDuration> {
    use rustix::time::{ClockId, clock_gettime};
    let [awake, whole] = [ClockId::Monotonic, ClockId::Boottime].map(clock_gettime);
    let since = |time: rustix::time::Timespec| Some(SignedDuration::new(time.tv_sec, time.tv_nsec.try_into().ok()?));
    Some(since(whole)?.saturating_sub(since(awake)?).max(SignedDuration::ZERO))
}

#[cfg(not(target_os = "linux"))]
fn asleep() -> Option<SignedDuration> {
    None
}

/// An engine may sit in a machine of its own behind a local socket (Docker Desktop, Lima): then name or kernel differ from ours.
fn is_here(info: &Value, hostname: &str, kernel: &str) -> bool {
    let same = |key: &str, own: &str| !own.trim().is_empty() && info[key].as_str() == Some(own.trim());
    same("Name", hostname) && same("KernelVersion", kernel)
}

fn read(info: &Value) -> Machine {
    Machine {
        name: text(&info["Name"]),
        os: text(&info["OSType"]),
        architecture: in_gos_words(&text(&info["Architecture"])).to_owned(),
        memory: info["MemTotal"].as_u64(),
        engine: text(&info["ServerVersion"]),
        time: info["SystemTime"].as_str().and_then(|time| time.parse().ok()),
        runtimes: info["Runtimes"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        booted: None,
        cdi_folders: items(&info["CDISpecDirs"]).map(text).collect(),
        cgroup_driver: text(&info["CgroupDriver"]),
        is_here: false,
        has_gpu_driver: None,
    }
}

/// `/info` speaks the kernel's words, images speak Go's.
fn in_gos_words(kernel: &str) -> &str {
    match kernel {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" | "armv6l" => "arm",
        "i386" | "i686" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_machine_is_here_only_if_name_and_kernel_are_ours() {
        let info = json!({"Name": "box", "KernelVersion": "6.1.0"});
        assert!(is_here(&info, "box\n", "6.1.0\n"));
        assert!(!is_here(&info, "box\n", "6.6.12-linuxkit\n"));
        assert!(!is_here(&info, "docker-desktop\n", "6.1.0\n"));
        assert!(!is_here(&json!({}), "", ""), "what nobody says proves nothing");
    }

    #[test]
    fn the_start_of_the_machine() {
        let now = Timestamp::from_second(1000).ok();
        let asleep = Some(SignedDuration::from_hours(3));
        let at = Timestamp::from_millisecond(9500).unwrap();
        assert_eq!(booted(now, "990.5 7.00\n", asleep), asleep.map(|asleep| Boot { at, asleep }));
        assert_eq!((booted(None, "1 1", asleep), booted(now, "", asleep), booted(now, "nan", asleep)), (None, None, None));
        assert_eq!(booted(now, "990.5 7.00\n", None), None, "who may have slept has no clock to count by");
    }

    #[test]
    fn processors_are_named_as_images_name_them() {
        assert_eq!(read(&json!({"Architecture": "x86_64"})).architecture, "amd64");
        assert_eq!(read(&json!({"Architecture": "riscv64"})).architecture, "riscv64");
    }
}
