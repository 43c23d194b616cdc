//! A server behind ComfyUI-Login: `COMFYUI_API_TOKEN=… cargo run -p comfy-client --example login -- http://127.0.0.1:8188`,
//! or with `COMFYUI_USERNAME` and `COMFYUI_PASSWORD` in place of the token.

use comfy_client::{Client, Config, Credential};

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example shows what happens, and reads the environment itself"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a URL")?;
    let credential = match std::env::var("COMFYUI_API_TOKEN") {
        Ok(token) => Credential::Bearer(token.into()),
        Err(_) => {
            Credential::Login { user: std::env::var("COMFYUI_USERNAME")?, password: std::env::var("COMFYUI_PASSWORD")?.into() }
        }
    };
    let client = Client::new(Config::new(&url)?.credential(credential))?;
    match client.health().await {
        Ok(health) => println!("let in; {} in the queue", health.queue_remaining),
        Err(error) if error.is_refused() => println!("refused: {error}\n{}", error.hints().join("\n")),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
