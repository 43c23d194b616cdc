//! Why an engine could not start a container. It says so in a sentence only, so the sentence is read.

/// Why an engine could not start a container, and its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartFault {
    /// The host's port is taken.
    PortTaken(String),
    /// No driver gives the cards that were asked for: the toolkit is not there, or was installed after the engine was started.
    NoGpuDriver(String),
    /// The hook that hands over the cards failed: the driver is not loaded, or is of another version than its library.
    GpuHook(String),
    /// The program is not in the image.
    ProgramMissing(String),
    /// The program may not be run, or is a folder.
    ProgramRefused(String),
    /// The program is for another processor, or a script without its first line.
    ProgramForeign(String),
    /// The host's folder or file is not there.
    MountMissing(String),
    /// A file would be mounted over a folder, or a folder over a file.
    MountMismatch(String),
    /// The user or group is not in the image.
    UserMissing(String),
    /// The network is gone.
    NetworkMissing(String),
    /// The disk is full.
    NoSpace(String),
    /// Something was refused to the engine.
    NoPermission(String),
    /// Anything else.
    Other(String),
}

impl StartFault {
    /// None for an empty text.
    pub(super) fn read(error: &str) -> Option<Self> {
        let said = error.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
        // The order counts: the runtime wraps one reason into another, and the most telling words are asked for first.
        let fault: fn(String) -> Self = match () {
            () if error.trim().is_empty() => return None,
            () if has(&["port is already allocated", "address already in use", "ports are not available"]) => Self::PortTaken,
            () if has(&["could not select device driver", "unresolvable cdi devices", "unknown or invalid runtime"]) => {
                Self::NoGpuDriver
            }
            () if has(&["nvidia-container-cli", "nvidia-container-runtime", "libnvidia"]) => Self::GpuHook,
            () if has(&[
                "not a directory: unknown: are you trying to mount",
                "are you trying to mount a directory onto a file",
            ]) =>
            {
                Self::MountMismatch
            }
            () if has(&["bind source path does not exist", "error while creating mount source path"]) => Self::MountMissing,
            () if has(&["no space left on device"]) => Self::NoSpace,
            () if has(&["unable to find user", "unable to find group", "no matching entries in passwd file"]) => {
                Self::UserMissing
            }
            () if has(&["executable file not found"]) => Self::ProgramMissing,
            () if has(&["exec format error"]) => Self::ProgramForeign,
            () if said.contains("exec: ") && has(&["permission denied", "is a directory"]) => Self::ProgramRefused,
            () if said.contains("exec: ") && has(&["no such file or directory"]) => Self::ProgramMissing,
            () if said.contains("mount") && has(&["no such file or directory"]) => Self::MountMissing,
            () if said.contains("network") && said.contains("not found") => Self::NetworkMissing,
            () if has(&["permission denied", "operation not permitted"]) => Self::NoPermission,
            () => Self::Other,
        };
        Some(fault(error.trim().to_owned()))
    }

    /// The engine's own words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::PortTaken(words)
            | Self::NoGpuDriver(words)
            | Self::GpuHook(words)
            | Self::ProgramMissing(words)
            | Self::ProgramRefused(words)
            | Self::ProgramForeign(words)
            | Self::MountMissing(words)
            | Self::MountMismatch(words)
            | Self::UserMissing(words)
            | Self::NetworkMissing(words)
            | Self::NoSpace(words)
            | Self::NoPermission(words)
            | Self::Other(words) => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_from_the_engines_sentences() {
        let name = |error: &str| StartFault::read(error).map(|fault| format!("{fault:?}").split('(').next().unwrap().to_owned());
        let cases = [
            (
                "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:8188 failed: port is already allocated",
                "PortTaken",
            ),
            (
                "driver failed programming external connectivity on endpoint x: Error starting userland proxy: listen tcp4 127.0.0.1:8188: bind: address already in use",
                "PortTaken",
            ),
            ("could not select device driver \"\" with capabilities: [[gpu]]", "NoGpuDriver"),
            ("could not select device driver \"cdi\" with capabilities: []", "NoGpuDriver"),
            (
                "OCI runtime create failed: … nvidia-container-cli: initialization error: driver error: failed to process request: unknown",
                "GpuHook",
            ),
            ("OCI runtime create failed: … exec: \"python3\": executable file not found in $PATH: unknown", "ProgramMissing"),
            (
                "OCI runtime create failed: … exec: \"/start.sh\": stat /start.sh: no such file or directory: unknown",
                "ProgramMissing",
            ),
            ("OCI runtime create failed: … exec: \"/tmp\": permission denied: unknown", "ProgramRefused"),
            ("OCI runtime create failed: … exec /bin/x: exec format error", "ProgramForeign"),
            ("invalid mount config for type \"bind\": bind source path does not exist: /models", "MountMissing"),
            ("error while creating mount source path '/models': mkdir /models: read-only file system", "MountMissing"),
            (
                "… mounting \"/p/login\" to rootfs at \"/x\" caused: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?",
                "MountMismatch",
            ),
            ("unable to find user comfy: no matching entries in passwd file", "UserMissing"),
            ("network 0123abcd not found", "NetworkMissing"),
            ("mkdir /var/lib/docker/overlay2/x: no space left on device", "NoSpace"),
            ("something new", "Other"),
        ];
        for (error, wanted) in cases {
            assert_eq!(name(error).as_deref(), Some(wanted), "{error}");
        }
        assert_eq!(name("  "), None);
    }
}
