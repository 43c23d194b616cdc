//! Makes one image by a workflow that every ComfyUI can run, and looks at every pixel of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use comfy_client::{Client, Event, Outcome, StoredFile, UploadOptions, Workflow};
use futures_util::StreamExt;
use report::Sink;
use serde_json::json;
use tokio::time::Instant;

/// The picture that is sent: ours, 192 × 128 pixels.
const SAMPLE: &[u8] = include_bytes!("../assets/sample.png");
/// How long the run may take: the nodes need no model, but a busy server may have others before it.
const DEADLINE: Duration = Duration::from_secs(120);

/// An image that was made, fetched and compared.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) prompt_id: String,
    pub(crate) name: String,
    pub(crate) bytes: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) saved: Option<PathBuf>,
    pub(crate) steps_seen: u64,
    pub(crate) took: Duration,
}

/// Uploads the sample, runs LoadImage → ImageInvert → SaveImage, follows it over the WebSocket, fetches the result (into
/// `save_to`, if given) and compares it with the sample. `tag` makes the run's file names its own.
pub(crate) async fn image(client: &Client, tag: &str, save_to: Option<&Path>, sink: &Sink) -> Result<Made, String> {
    let chain = |error: comfy_client::Error| crate::answers::chain(&error);
    let began = Instant::now();
    let upload = UploadOptions::default().subfolder("genai-auth").overwrite(true);
    let sent = client.upload_image("sample.png", SAMPLE.to_vec(), &upload).await.map_err(chain)?;
    let workflow = workflow(&sent, tag)?;
    let total = workflow.nodes().len() as u64;
    let job = client.submit(&workflow).await.map_err(chain)?;
    let prompt_id = job.prompt_id().to_owned();

    let mut events = job.events();
    let follow = async {
        let mut done = 0;
        while let Some(event) = events.next().await {
            let what = match &event {
                Event::NodeStarted { node, .. } => {
                    workflow.nodes().get(node).and_then(|node| node["class_type"].as_str()).unwrap_or("a node").to_owned()
                }
                Event::Finished { .. } => break,
                _ => continue,
            };
            sink.send(report::Event::Progress { done, total, what });
            done += 1;
        }
        done
    };
    let (steps_seen, outcome) = tokio::join!(follow, job.wait(DEADLINE));
    let run = match outcome.map_err(chain)? {
        Outcome::Succeeded(run) => run,
        other => return Err(describe(&other)),
    };
    let output = run.outputs.first().ok_or_else(|| format!("the run `{prompt_id}` succeeded and names no output"))?;
    let (bytes, saved) = match save_to {
        Some(folder) => {
            let saved = client.download(&output.file, folder).await.map_err(chain)?;
            let bytes =
                tokio::fs::read(&saved.path).await.map_err(|error| format!("can't read `{}`: {error}", saved.path.display()))?;
            (bytes, Some(saved.path))
        }
        None => (client.view(&output.file).await.map_err(chain)?.to_vec(), None),
    };
    let (width, height) = compare(&bytes)?;
    Ok(Made {
        prompt_id,
        name: output.file.name.clone(),
        bytes: bytes.len(),
        width,
        height,
        saved,
        steps_seen,
        took: began.elapsed(),
    })
}

/// A run that did not succeed, in words.
fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) => format!(
            "the run `{}` failed at node `{}`: {}",
            failure.prompt_id, failure.error.node_type, failure.error.exception_message
        ),
        Outcome::Stalled(stall) => format!("the run `{}` did not end within {} s", stall.prompt_id, DEADLINE.as_secs()),
        other => format!("the run ended as {:?}", other.ending()),
    }
}

fn workflow(sample: &StoredFile, tag: &str) -> Result<Workflow, String> {
    let name = if sample.subfolder.is_empty() { sample.name.clone() } else { format!("{}/{}", sample.subfolder, sample.name) };
    let graph = json!({
        "1": { "class_type": "LoadImage", "inputs": { "image": name } },
        "2": { "class_type": "ImageInvert", "inputs": { "image": ["1", 0] } },
        "3": { "class_type": "SaveImage", "inputs": { "images": ["2", 0], "filename_prefix": format!("genai-auth/{tag}") } },
    });
    Workflow::from_value(graph).map_err(|error| crate::answers::chain(&error))
}

/// Whether `bytes` are the sample inverted, pixel by pixel; its width and height. ComfyUI computes in 32-bit floats and cuts
/// to whole numbers, so that a value may come out one less than 255 minus the sample's.
fn compare(bytes: &[u8]) -> Result<(u32, u32), String> {
    let decode = |what: &str, bytes: &[u8]| {
        image::load_from_memory(bytes).map(|image| image.to_rgb8()).map_err(|error| format!("{what} can't be decoded: {error}"))
    };
    let (sample, result) = (decode("the sample", SAMPLE)?, decode("the output", bytes)?);
    if sample.dimensions() != result.dimensions() {
        return Err(format!("the output has {:?} pixels instead of {:?}", result.dimensions(), sample.dimensions()));
    }
    let wrong = sample
        .pixels()
        .zip(result.pixels())
        .filter(|(before, after)| before.0.iter().zip(after.0).any(|(before, after)| (255 - before).abs_diff(after) > 1));
    match wrong.count() {
        0 => Ok(result.dimensions()),
        wrong => Err(format!("{wrong} pixels of the output are not the sample's inverted")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn png(change: impl Fn(&mut image::RgbImage)) -> Vec<u8> {
        let mut image = image::load_from_memory(SAMPLE).unwrap().to_rgb8();
        change(&mut image);
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn only_the_inverted_sample_passes() {
        let invert =
            |image: &mut image::RgbImage| image.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| 255 - value));
        assert_eq!(compare(&png(invert)).unwrap(), (192, 128));
        assert!(compare(SAMPLE).unwrap_err().contains("not the sample's inverted"));
        let one_wrong = png(|image| {
            invert(image);
            image.get_pixel_mut(5, 5).0[0] ^= 0x40;
        });
        assert!(compare(&one_wrong).unwrap_err().starts_with("1 pixels"));
        assert!(compare(b"<html>").unwrap_err().contains("can't be decoded"));
        assert!(compare(&png(|image| *image = image::RgbImage::new(1, 1))).unwrap_err().contains("(1, 1)"));
    }
}
