//! The work that every client is given, and the clock that all share.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// A job that takes longer has hung.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// One picture, of a color of its own so that nothing comes from a cache, in a folder of its own: ComfyUI lists the whole
/// folder for each picture's number. The name of the folder tells the job in the server's history.
pub fn one_image(run: &str, number: usize) -> Value {
    // Runs must not share colors, or a later one is served from the cache of an earlier one.
    let color = run.bytes().fold(number, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))) % 0xFF_FFFF;
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": color},
            "_meta": {"title": "Empty Image"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": name(run, number)},
            "_meta": {"title": "Save Image"}},
    })
}

/// What [`one_image`] writes into a job's workflow, to find it again.
pub fn name(run: &str, number: usize) -> String {
    format!("{run}/{number}/picture")
}

/// A picture in so many steps of a sampler, as most are made.
pub fn sampled(steps: u64, seed: u64) -> Value {
    json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINT}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a hill", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {"seed": seed, "steps": steps, "cfg": 7.0, "sampler_name": "euler",
            "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sampled"}},
    })
}

/// The checkpoint that the servers of this bench list.
pub const CHECKPOINT: &str = "bench.safetensors";

/// Microseconds since 1970, the same for all processes of this machine.
pub fn micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The value below which such a part of all lies.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (part * values.len() as f64).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The most memory that this process ever held, in bytes.
pub fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}
