//! A workflow whose wrong links do not compile: `cargo run -p comfy-client --example typed_nodes`.
//!
//! `nodes.rs` was made from `object_info.json`, which a server answers to `GET /object_info`:
//!
//! ```sh
//! cd crates/comfy-client/examples/typed_nodes
//! cargo run -p genai-comfy -- nodes codegen --object-info object_info.json --output nodes.rs
//! ```
//!
//! The server here is the embedded one, which computes image nodes and pretends to run models.

pub mod nodes;

use std::{error::Error, path::PathBuf, time::Duration};

use comfy_client::{Client, Config, Graph, Outcome, Workflow};
use comfy_sim::Server;
use nodes::choices::{SamplerName, Scheduler};
use nodes::{CLIPTextEncode, CheckpointLoaderSimple, EmptyLatentImage, ImageScale, KSampler, SaveImage, VAEDecode};

fn portrait(prompt: &str) -> Result<Workflow, comfy_client::Error> {
    let mut graph = Graph::new();
    let loader = CheckpointLoaderSimple::new("sd15.safetensors").add_to(&mut graph);
    let positive = CLIPTextEncode::new(prompt, loader.clip()).titled("Positive").add_to(&mut graph);
    let negative = CLIPTextEncode::new("blurry", loader.clip()).titled("Negative").add_to(&mut graph);
    let empty = EmptyLatentImage::new().width(64).height(96).add_to(&mut graph);
    let sampled = KSampler::new(loader.model(), positive.conditioning(), negative.conditioning(), empty.latent())
        .seed(42)
        .steps(4)
        .sampler_name(SamplerName::Dpmpp2m)
        .scheduler(Scheduler::Karras)
        .add_to(&mut graph);
    let image = VAEDecode::new(sampled.latent(), loader.vae()).add_to(&mut graph);
    let wide = ImageScale::new(image.image()).width(128).height(192).add_to(&mut graph);
    // `SaveImage::new(sampled.latent())` does not compile: it takes an image.
    SaveImage::new(wide.image()).filename_prefix("portrait").add_to(&mut graph);
    graph.build()
}

/// The pictures that the workflow makes, in `folder`.
async fn pictures(client: &Client, folder: &std::path::Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let job = client.submit(&portrait("a lake at dawn")?).await?;
    let Outcome::Succeeded(run) = job.wait(Duration::from_secs(60)).await? else { return Err("no picture".into()) };
    let mut pictures = Vec::new();
    for output in &run.outputs {
        pictures.push(client.download(&output.file, folder).await?.path);
    }
    Ok(pictures)
}

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let server = Server::builder().comfy_dir(folder.path()).checkpoint("sd15.safetensors").spawn().await?;
    let client = Client::new(Config::new(&server.url())?)?;
    for picture in pictures(&client, folder.path()).await? {
        println!("made {} of {} bytes", picture.display(), std::fs::metadata(&picture)?.len());
    }
    server.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodes::types;

    #[test]
    fn the_code_is_what_the_description_makes() {
        let info = comfy_client::ObjectInfo::from_json(include_str!("object_info.json")).unwrap();
        let (made, kept) = (info.to_rust(), include_str!("nodes.rs"));
        assert!(made == kept, "`nodes.rs` is not what is made now: make it anew with `genai-comfy nodes codegen`");
    }

    #[test]
    fn the_workflow_is_what_the_server_takes() {
        let workflow = portrait("a lake").unwrap();
        let info = comfy_client::ObjectInfo::from_json(include_str!("object_info.json")).unwrap();
        assert_eq!(workflow.validate(&info), []);
        let expected = serde_json::json!({"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0],
            "seed": 42, "steps": 4, "cfg": 8.0, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1.0});
        assert_eq!(workflow.nodes()["5"]["inputs"], expected);
        assert_eq!(workflow.find("Negative").unwrap(), "3");
    }

    #[tokio::test]
    async fn the_embedded_server_runs_it() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::builder().comfy_dir(folder.path()).checkpoint("sd15.safetensors").spawn().await.unwrap();
        let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
        assert_eq!(pictures(&client, folder.path()).await.unwrap().len(), 1);
        server.shutdown().await;
    }

    /// Whether one type may be given where the other is taken: what is told by `A: Into<B>`, without asking for it.
    struct Fits<A, B>(std::marker::PhantomData<(A, B)>);
    trait Otherwise {
        const FITS: bool = false;
    }
    impl<A, B> Otherwise for Fits<A, B> {}
    impl<A: Into<B>, B> Fits<A, B> {
        const FITS: bool = true;
    }

    #[test]
    fn a_link_of_another_type_does_not_compile() {
        for (fits, expected) in [
            (Fits::<types::Image, types::Image>::FITS, true),
            (Fits::<types::Latent, types::Image>::FITS, false),
            (Fits::<types::Untyped, types::Image>::FITS, true),
            (Fits::<types::Image, types::Any>::FITS, true),
            (Fits::<comfy_client::Link, types::Image>::FITS, false),
            (Fits::<i32, types::Int>::FITS, true),
            (Fits::<i32, types::Text>::FITS, false),
            (Fits::<&str, SamplerName>::FITS, false),
            (Fits::<&str, types::Choice>::FITS, true),
        ] {
            assert_eq!(fits, expected);
        }
    }
}
