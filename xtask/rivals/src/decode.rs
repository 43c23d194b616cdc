//! How many text messages a second are decoded, on one core.

use std::hint::black_box;
use std::time::Instant;

use comfyui_client::meta::ComfyEvent;
use serde_json::{Value, json};

use crate::work;

const ROUNDS: usize = 15;
const PER_ROUND: usize = 400;

pub fn measure(frames: &[String]) -> Value {
    let bytes: usize = frames.iter().map(String::len).sum();
    let ours = rate(frames, |frame| {
        black_box(comfy_client::wire::decode_text(frame));
    });
    // What its stream does with each message.
    let theirs = rate(frames, |frame| {
        let value: Value = serde_json::from_slice(frame.as_bytes()).unwrap_or_default();
        black_box(serde_json::from_value::<ComfyEvent>(value.clone()).is_ok());
    });
    json!({"frames": frames.len(), "bytes": bytes, "ours": ours, "comfyui-client 0.4.0": theirs})
}

/// Messages a second, as the median of some rounds.
fn rate(frames: &[String], decode: impl Fn(&str)) -> f64 {
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let from = Instant::now();
            for _ in 0..PER_ROUND {
                frames.iter().for_each(|frame| decode(frame));
            }
            (PER_ROUND * frames.len()) as f64 / from.elapsed().as_secs_f64()
        })
        .collect();
    work::quantile(&mut rates, 0.5)
}
