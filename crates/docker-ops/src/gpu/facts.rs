//! What an engine can give, before a container is made.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::toolkit::Toolkit;
use crate::{Engine, Error, Gpu, ask};

/// What an engine says of itself that decides about cards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GpuFacts {
    /// It is Podman's, which takes requests for cards and drops them.
    pub podman: bool,
    /// The engine's version, such as `20.10.24`.
    pub version: String,
    /// The runtimes that it knows, such as `runc` and `nvidia`.
    pub runtimes: Vec<String>,
    /// The one it takes when none is named.
    pub default_runtime: String,
    /// Where it reads descriptions of the Container Device Interface; none when it has no such driver.
    pub cdi_folders: Vec<String>,
    /// The names of the Container Device Interface that it found; `None` where it doesn't say, which is before API 1.50.
    pub cdi_devices: Option<Vec<String>>,
    /// What the node offers to Swarm services, as kind and value, such as `GPU` and `GPU-…`.
    pub generic_resources: Vec<(String, String)>,
    /// When the engine's process started, in seconds since 1970; `None` if it can't be known, as with an engine elsewhere.
    pub started: Option<u64>,
}

impl GpuFacts {
    /// The runtime of NVIDIA's toolkit is known.
    #[must_use]
    pub fn has_nvidia_runtime(&self) -> bool {
        self.runtimes.iter().any(|name| name == "nvidia")
    }
}

/// Why an engine will not give these cards.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GpuTrouble {
    /// Podman's API drops every request for cards without a word, by name too. Only its own command hands them over.
    PodmanDropsRequests,
    /// NVIDIA's toolkit is not installed on the engine's machine.
    NoToolkit,
    /// The toolkit came after the engine's start, and the engine looks for it only then: the engine must be restarted.
    EngineOlderThanToolkit,
    /// The engine has no driver for the Container Device Interface, or it is switched off.
    NoCdi,
    /// The engine found no device of these names.
    UnknownCdiDevices(Vec<String>),
}

/// Asks the engine.
///
/// # Errors
/// What befalls a connection.
pub async fn gpu_facts(engine: &Engine) -> Result<GpuFacts, Error> {
    let info: Info = ask::get(engine, "/info").await?;
    let podman = engine.negotiated().server.as_deref().is_some_and(|server| server.starts_with("Libpod"));
    let mut facts = info.into_facts(podman);
    facts.started = super::toolkit::started(engine.endpoint()).await;
    Ok(facts)
}

/// Why the engine will not give these cards, as far as can be known before a start. `toolkit` is what was seen on the engine's machine,
/// or `None` if that is another machine.
#[must_use]
pub fn gpu_trouble(gpu: &Gpu, facts: &GpuFacts, toolkit: Option<&Toolkit>) -> Option<GpuTrouble> {
    match gpu {
        Gpu::None => None,
        _ if facts.podman => Some(GpuTrouble::PodmanDropsRequests),
        Gpu::Cdi(_) if facts.cdi_folders.is_empty() => Some(GpuTrouble::NoCdi),
        Gpu::Cdi(names) => {
            let known = facts.cdi_devices.as_ref()?;
            let unknown: Vec<String> = names.iter().filter(|name| !known.contains(name)).cloned().collect();
            (!unknown.is_empty()).then_some(GpuTrouble::UnknownCdiDevices(unknown))
        }
        // Newer engines resolve NVIDIA's cards by the Container Device Interface first.
        _ if facts.cdi_devices.iter().flatten().any(|name| name.starts_with("nvidia.com/gpu=")) => None,
        _ => match (toolkit?.installed, facts.started) {
            (None, _) => Some(GpuTrouble::NoToolkit),
            (Some(installed), Some(started)) if installed > started => Some(GpuTrouble::EngineOlderThanToolkit),
            _ => None,
        },
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    server_version: String,
    #[serde(default)]
    runtimes: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    default_runtime: String,
    #[serde(rename = "CDISpecDirs")]
    cdi_spec_dirs: Option<Vec<String>>,
    discovered_devices: Option<Vec<Device>>,
    generic_resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Device {
    source: String,
    #[serde(rename = "ID")]
    id: String,
}

/// A resource that a node offers or a task was given.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Resource {
    named_resource_spec: Option<Spec<String>>,
    discrete_resource_spec: Option<Spec<i64>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec<V> {
    kind: String,
    value: V,
}

impl Resource {
    /// Its kind, and its name or number.
    pub(crate) fn into_pair(self) -> Option<(String, String)> {
        match (self.named_resource_spec, self.discrete_resource_spec) {
            (Some(named), _) => Some((named.kind, named.value)),
            (None, Some(discrete)) => Some((discrete.kind, discrete.value.to_string())),
            (None, None) => None,
        }
    }
}

impl Info {
    fn into_facts(self, podman: bool) -> GpuFacts {
        let cdi = |device: Device| (device.source == "cdi").then_some(device.id);
        GpuFacts {
            podman,
            version: self.server_version,
            runtimes: self.runtimes.into_keys().collect(),
            default_runtime: self.default_runtime,
            cdi_folders: self.cdi_spec_dirs.unwrap_or_default(),
            cdi_devices: self.discovered_devices.map(|devices| devices.into_iter().filter_map(cdi).collect()),
            generic_resources: self.generic_resources.unwrap_or_default().into_iter().filter_map(Resource::into_pair).collect(),
            started: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(json: &str) -> GpuFacts {
        serde_json::from_str::<Info>(json).unwrap().into_facts(false)
    }

    fn toolkit(installed: Option<u64>) -> Toolkit {
        Toolkit { hook: installed.map(|_| "/usr/bin/nvidia-container-runtime-hook".into()), installed }
    }

    #[test]
    fn an_old_and_a_new_engine_are_read() {
        let old = facts(
            r#"{"ServerVersion":"20.10.24","Runtimes":{"nvidia":{"path":"x"},"runc":{"path":"runc"}},"DefaultRuntime":"runc",
            "GenericResources":[{"NamedResourceSpec":{"Kind":"GPU","Value":"GPU-a"}},{"DiscreteResourceSpec":{"Kind":"SSD","Value":3}}]}"#,
        );
        assert!(old.has_nvidia_runtime() && old.cdi_folders.is_empty() && old.cdi_devices.is_none());
        assert_eq!(old.generic_resources, [("GPU".into(), "GPU-a".into()), ("SSD".into(), "3".into())]);
        let new = facts(
            r#"{"ServerVersion":"28.2.2","CDISpecDirs":["/etc/cdi"],"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=0"}]}"#,
        );
        assert_eq!(new.cdi_devices, Some(vec!["nvidia.com/gpu=0".to_owned()]));
    }

    #[test]
    fn what_will_fail_at_the_start_is_known_before() {
        let old = GpuFacts { started: Some(100), ..facts(r#"{"ServerVersion":"20.10.24"}"#) };
        let new = facts(r#"{"CDISpecDirs":["/etc/cdi"],"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=0"}]}"#);
        let podman = GpuFacts { podman: true, ..GpuFacts::default() };
        let cdi = |name: &str| Gpu::Cdi(vec![name.to_owned()]);
        let (absent, before, after) = (toolkit(None), toolkit(Some(99)), toolkit(Some(101)));
        for (gpu, facts, toolkit, trouble) in [
            (Gpu::None, &old, Some(&absent), None),
            (Gpu::Count(1), &old, Some(&absent), Some(GpuTrouble::NoToolkit)),
            (Gpu::Count(1), &old, Some(&before), None),
            (Gpu::Count(1), &old, Some(&after), Some(GpuTrouble::EngineOlderThanToolkit)),
            (Gpu::Count(1), &old, None, None),
            (Gpu::Count(1), &new, Some(&absent), None),
            (cdi("nvidia.com/gpu=0"), &old, Some(&before), Some(GpuTrouble::NoCdi)),
            (cdi("nvidia.com/gpu=0"), &new, None, None),
            (cdi("nvidia.com/gpu=7"), &new, None, Some(GpuTrouble::UnknownCdiDevices(vec!["nvidia.com/gpu=7".to_owned()]))),
            (Gpu::All, &podman, Some(&before), Some(GpuTrouble::PodmanDropsRequests)),
            (cdi("nvidia.com/gpu=all"), &podman, Some(&before), Some(GpuTrouble::PodmanDropsRequests)),
            (Gpu::None, &podman, None, None),
        ] {
            assert_eq!(gpu_trouble(&gpu, facts, toolkit), trouble, "{gpu:?} {toolkit:?}");
        }
    }
}
