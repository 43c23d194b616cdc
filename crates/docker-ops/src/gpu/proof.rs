//! Whether a container holds the cards that were asked for.

use bollard::models::DeviceRequest;
use serde::Deserialize;

use super::device_requests;
use crate::{Engine, Error, Gpu, ask};

/// What a container's inspection says about its cards.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GpuProof {
    /// It holds exactly the request that was made.
    AsAsked,
    /// The engine took the request and dropped it without a word, as Podman does: the container has no card.
    Dropped,
    /// It holds another request; both in the engine's JSON.
    Differs {
        /// What was asked for.
        asked: String,
        /// What it holds.
        held: String,
    },
}

/// Compares what was asked for with what the container, by name or id, holds.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), and what befalls a connection.
pub async fn prove(engine: &Engine, container: &str, gpu: &Gpu) -> Result<GpuProof, Error> {
    let held: Inspected = ask::get(engine, &format!("/containers/{container}/json")).await?;
    Ok(compare(gpu, held.host_config.device_requests.unwrap_or_default()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    host_config: HostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    device_requests: Option<Vec<DeviceRequest>>,
}

fn compare(gpu: &Gpu, held: Vec<DeviceRequest>) -> GpuProof {
    let asked: Vec<DeviceRequest> = device_requests(gpu).unwrap_or_default();
    let (asked, held) = (asked.into_iter().map(plain).collect::<Vec<_>>(), held.into_iter().map(plain).collect::<Vec<_>>());
    if asked == held {
        return GpuProof::AsAsked;
    }
    if held.is_empty() {
        return GpuProof::Dropped;
    }
    let json = |requests: &[DeviceRequest]| serde_json::to_string(requests).unwrap_or_default();
    GpuProof::Differs { asked: json(&asked), held: json(&held) }
}

/// An engine writes out what a request left unsaid: a count of 0, empty lists, empty options.
fn plain(request: DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver.filter(|driver| !driver.is_empty()),
        count: request.count.filter(|count| *count != 0),
        device_ids: request.device_ids.filter(|ids| !ids.is_empty()),
        capabilities: request.capabilities.filter(|lists| !lists.is_empty()),
        options: request.options.filter(|options| !options.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(json: &str) -> Vec<DeviceRequest> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_an_engine_writes_out_is_no_difference_and_another_count_is() {
        let written =
            r#"[{"Driver":"nvidia","Count":1,"DeviceIDs":[],"Capabilities":[["gpu","compute","utility"]],"Options":{}}]"#;
        assert_eq!(compare(&Gpu::Count(1), held(written)), GpuProof::AsAsked);
        assert!(matches!(compare(&Gpu::Count(2), held(written)), GpuProof::Differs { .. }));
        assert!(matches!(compare(&Gpu::None, held(written)), GpuProof::Differs { .. }));
    }

    #[test]
    fn a_dropped_request_is_no_card_at_all() {
        assert_eq!(compare(&Gpu::All, Vec::new()), GpuProof::Dropped);
        assert_eq!(compare(&Gpu::None, Vec::new()), GpuProof::AsAsked);
    }
}
