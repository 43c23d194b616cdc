//! Cards for containers: how they are asked for, what an engine can give, and whether a container got what was asked.
//!
//! An engine reads a request for cards at the *start* of a container, not at its creation, and Podman drops one without a word. So the
//! [`facts`](GpuFacts) are asked before, and the [`proof`](prove) is taken after.

use bollard::models::DeviceRequest;

use crate::Gpu;

mod facts;
pub(crate) use facts::Resource;
pub use facts::{GpuFacts, GpuTrouble, gpu_facts, gpu_trouble};

mod proof;
pub use proof::{GpuProof, prove};

mod toolkit;
pub use toolkit::Toolkit;

/// What libraries of the driver are put into the container: `compute` is CUDA, `utility` is NVML.
pub(crate) const CAPABILITIES: [&str; 3] = ["gpu", "compute", "utility"];

/// The requests in a container's `HostConfig` for these cards; `None` for no card.
///
/// Every request says a count or names its devices. One with neither, which is what a count of 0 comes to, is read as "all that the image
/// asks for" by Engine 20.10 and as "none" from 27.3 on; so none is made of `Count(0)` and of empty lists.
pub(crate) fn device_requests(gpu: &Gpu) -> Option<Vec<DeviceRequest>> {
    let capabilities = || Some(vec![CAPABILITIES.map(str::to_owned).to_vec()]);
    let nvidia = || DeviceRequest { driver: Some("nvidia".to_owned()), capabilities: capabilities(), ..DeviceRequest::default() };
    let request = match gpu {
        Gpu::None | Gpu::Count(0) => return None,
        Gpu::Ids(names) | Gpu::Cdi(names) if names.is_empty() => return None,
        Gpu::All => DeviceRequest { count: Some(-1), ..nvidia() },
        Gpu::Count(count) => DeviceRequest { count: Some((*count).into()), ..nvidia() },
        Gpu::Ids(ids) => DeviceRequest { device_ids: Some(ids.clone()), ..nvidia() },
        Gpu::Cdi(names) => {
            DeviceRequest { driver: Some("cdi".to_owned()), device_ids: Some(names.clone()), ..DeviceRequest::default() }
        }
    };
    Some(vec![request])
}

/// The same in the engine's JSON, for a `HostConfig` that is not made by this crate; `null` for no card.
#[must_use]
pub fn device_requests_json(gpu: &Gpu) -> serde_json::Value {
    device_requests(gpu).and_then(|requests| serde_json::to_value(requests).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(gpu: &Gpu) -> String {
        serde_json::to_string(&device_requests(gpu)).unwrap()
    }

    #[test]
    fn every_request_says_a_count_or_names_its_devices() {
        assert_eq!(json(&Gpu::All), r#"[{"Driver":"nvidia","Count":-1,"Capabilities":[["gpu","compute","utility"]]}]"#);
        assert_eq!(json(&Gpu::Count(2)), r#"[{"Driver":"nvidia","Count":2,"Capabilities":[["gpu","compute","utility"]]}]"#);
        assert_eq!(
            json(&Gpu::Ids(vec!["GPU-1".to_owned(), "MIG-2".to_owned()])),
            r#"[{"Driver":"nvidia","DeviceIDs":["GPU-1","MIG-2"],"Capabilities":[["gpu","compute","utility"]]}]"#
        );
        assert_eq!(
            json(&Gpu::Cdi(vec!["nvidia.com/gpu=0".to_owned()])),
            r#"[{"Driver":"cdi","DeviceIDs":["nvidia.com/gpu=0"]}]"#
        );
        for none in [Gpu::None, Gpu::Count(0), Gpu::Ids(Vec::new()), Gpu::Cdi(Vec::new())] {
            assert_eq!(json(&none), "null", "{none:?}");
        }
    }
}
