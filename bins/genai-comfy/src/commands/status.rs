//! `genai-comfy status`.

use comfy_client::Device;
use console::json::comfy_v1::{self, Document, Status};
use report::Failure;
use settings::World;

use super::{client, failed};
use crate::cli::Cli;

pub(super) async fn run(world: &World, cli: &Cli) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    let stats = client.system_stats().await.map_err(failed)?;
    let queue = client.queue().await.map_err(failed)?;
    let features = client.features().await.map_err(failed)?;
    let device = |device: &Device| comfy_v1::Device {
        name: device.name.clone(),
        kind: device.kind.clone(),
        vram_total: device.vram_total,
        vram_free: device.vram_free,
    };
    Ok(Document::Status(Status {
        url: client.url().to_owned(),
        devices: stats.devices.iter().map(device).collect(),
        comfyui_version: stats.comfyui_version,
        python_version: stats.python_version,
        pytorch_version: stats.pytorch_version,
        os: stats.os,
        ram_total: stats.ram_total,
        ram_free: stats.ram_free,
        running: queue.running.len(),
        pending: queue.pending.len(),
        max_upload_size: features.get("max_upload_size").and_then(serde_json::Value::as_u64),
    }))
}
