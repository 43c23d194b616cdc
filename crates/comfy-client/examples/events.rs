//! Follows a run step by step: `cargo run -p comfy-client --example events -- http://127.0.0.1:8188`.

use comfy_client::{Client, Config, Event, Graph};
use futures_util::StreamExt;

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a URL")?;
    let client = Client::new(Config::new(&url)?)?;
    let mut graph = Graph::new();
    let image = graph.node("EmptyImage").input("width", 64).input("height", 64).input("batch_size", 1).input("color", 255).add();
    graph.node("SaveImage").input("images", image.output(0)).input("filename_prefix", "example").add();
    let workflow = graph.build_for(&*client.object_info().await?)?;
    let mut events = client.submit(&workflow).await?.events();
    while let Some(event) = events.next().await {
        match event {
            Event::Progress { node, value, max } => println!("node {node}: {value} of {max}"),
            Event::Preview { image, .. } => println!("a picture of {} bytes", image.len()),
            Event::Finished { how } => println!("{how:?}"),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
