//! Samplers: steps that are told one by one, and a pattern in the end.

use std::sync::Arc;

use super::latent::given;
use crate::latent::{Latent, Paint};
use crate::nodes::{Call, Format, Node, Preview, Slot, Steps, Yield};
use crate::py::Raised;

pub(crate) struct KSampler;

impl Node for KSampler {
    fn class(&self) -> &'static str {
        "KSampler"
    }

    fn steps(&self, call: &Call<'_>) -> Option<Steps> {
        (float(call, "denoise") > 0.0).then(|| sampling(call.int("steps", 20).unwrap_or(1)))
    }

    fn preview(&self, call: &Call<'_>, value: u64) -> Option<Preview> {
        preview(value, self.steps(call)?, || self.latent(call))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        self.latent(call).map(given)
    }
}

impl KSampler {
    fn latent(&self, call: &Call<'_>) -> Result<Latent, Raised> {
        let names = ["model", "seed", "steps", "cfg", "sampler_name", "scheduler", "positive", "negative"];
        sampled(call, self.class(), &names, float(call, "denoise"))
    }
}

pub(crate) struct KSamplerAdvanced;

impl Node for KSamplerAdvanced {
    fn class(&self) -> &'static str {
        "KSamplerAdvanced"
    }

    fn steps(&self, call: &Call<'_>) -> Option<Steps> {
        let all = call.int("steps", 20).unwrap_or(1);
        let (start, end) = (call.int("start_at_step", 0).ok()?, call.int("end_at_step", all).ok()?.min(all));
        // Where nothing is left to do the latent goes through as it came.
        (start < end).then(|| sampling(end - start))
    }

    fn preview(&self, call: &Call<'_>, value: u64) -> Option<Preview> {
        preview(value, self.steps(call)?, || self.latent(call))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        self.latent(call).map(given)
    }
}

impl KSamplerAdvanced {
    /// As strong as the share of the steps that run. Noise that is left over is not simulated.
    fn latent(&self, call: &Call<'_>) -> Result<Latent, Raised> {
        let names = [
            "model",
            "add_noise",
            "noise_seed",
            "steps",
            "cfg",
            "sampler_name",
            "scheduler",
            "positive",
            "negative",
            "start_at_step",
            "end_at_step",
            "return_with_leftover_noise",
        ];
        let strength = self.steps(call).map_or(0.0, |steps| steps.count as f32 / call.int("steps", 20).unwrap_or(1) as f32);
        sampled(call, self.class(), &names, strength)
    }
}

fn sampling(count: u64) -> Steps {
    Steps { first: 1, count, max: count, sampling: true }
}

fn float(call: &Call<'_>, name: &str) -> f32 {
    match call.input(name) {
        Some(Slot::Literal(value)) => value.as_f64().unwrap_or(1.0) as f32,
        _ => 1.0,
    }
}

fn sampled(call: &Call<'_>, class: &str, names: &[&str], strength: f32) -> Result<Latent, Raised> {
    let over = call.latent("latent_image")?;
    let (batch, channels, height, width) = (over.batch, over.channels, over.height, over.width);
    let paint = Paint::Sampled { mark: call.mark(class, names)?, over: Arc::clone(over), strength };
    Ok(Latent { batch, channels, height, width, paint })
}

fn preview(value: u64, steps: Steps, latent: impl FnOnce() -> Result<Latent, Raised>) -> Option<Preview> {
    let image = latent().ok()?.preview(value as f32 / steps.max as f32);
    Some(Preview { format: Format::Jpeg, image })
}
