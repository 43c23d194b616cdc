//! What a server says of itself: health, system, node classes.

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::judge::not_comfy;
use crate::request::{Request, segment};
use crate::workflow::ClassInfo;

/// The cheapest sign of life.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// println!("{} prompts wait or run", client.health().await?.queue_remaining);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Prompts that wait or run, of everybody.
    pub queue_remaining: u64,
}

/// What `GET /system_stats` says. Sizes are in bytes; what the server left out is `None`.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// let stats = client.system_stats().await?;
/// println!("ComfyUI {}", stats.comfyui_version.as_deref().unwrap_or("of unknown age"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SystemStats {
    /// ComfyUI's version.
    pub comfyui_version: Option<String>,
    /// Python's version, with its build.
    pub python_version: Option<String>,
    /// PyTorch's version.
    pub pytorch_version: Option<String>,
    /// The operating system, in Python's words.
    pub os: Option<String>,
    /// Main memory of the machine.
    pub ram_total: Option<u64>,
    /// Main memory that is free.
    pub ram_free: Option<u64>,
    /// The command line that ComfyUI was started with.
    pub argv: Vec<String>,
    /// The devices that it computes on.
    pub devices: Vec<Device>,
    /// The whole answer.
    pub raw: Value,
}

/// A device that ComfyUI computes on. Sizes are in bytes.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// for device in client.system_stats().await?.devices {
///     if let (Some(free), Some(total)) = (device.vram_free, device.vram_total) {
///         println!("{}: {} of {} MiB free", device.name, free >> 20, total >> 20);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Device {
    /// Its name, such as `cuda:0 NVIDIA GeForce RTX 3090 : cudaMallocAsync`.
    pub name: String,
    /// Its type, such as `cuda` or `cpu`.
    pub kind: String,
    /// Its number, where it has one.
    pub index: Option<i64>,
    /// Its memory.
    pub vram_total: Option<u64>,
    /// Its memory that is free.
    pub vram_free: Option<u64>,
}

impl SystemStats {
    /// Whether this is a ComfyUI of that release, or a later one. One that does not tell its version is old.
    pub(crate) fn is_since(&self, release: [u64; 3]) -> bool {
        let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default();
        let mut parts = self.comfyui_version.as_deref().unwrap_or_default().trim_start_matches('v').split('.').map(number);
        std::array::from_fn(|_| parts.next().unwrap_or_default()) >= release
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn bytes(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(crate::wire::whole)
}

fn stats(raw: Value) -> Option<SystemStats> {
    let system = raw.get("system")?.as_object()?;
    let system = Value::Object(system.clone());
    let devices = raw.get("devices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(SystemStats {
        comfyui_version: text(&system, "comfyui_version"),
        python_version: text(&system, "python_version"),
        pytorch_version: text(&system, "pytorch_version"),
        os: text(&system, "os"),
        ram_total: bytes(&system, "ram_total"),
        ram_free: bytes(&system, "ram_free"),
        argv: system
            .get("argv")
            .and_then(Value::as_array)
            .map(|argv| argv.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        devices: devices
            .iter()
            .map(|device| Device {
                name: text(device, "name").unwrap_or_default(),
                kind: text(device, "type").unwrap_or_default(),
                index: device.get("index").and_then(Value::as_i64),
                vram_total: bytes(device, "vram_total"),
                vram_free: bytes(device, "vram_free"),
            })
            .collect(),
        raw,
    })
}

impl Client {
    /// Whether ComfyUI answers and lets us in (`GET /prompt`, the cheapest request that proves both).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// println!("{} in the queue", client.health().await?.queue_remaining);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused), [`ErrorKind::NotComfy`](crate::ErrorKind::NotComfy), or
    /// trouble on the way.
    pub async fn health(&self) -> Result<Health, Error> {
        let answer = self.transport().json(&Request::get("/prompt")).await?;
        answer
            .get("exec_info")
            .and_then(|info| info.get("queue_remaining"))
            .and_then(crate::wire::whole)
            .map(|queue_remaining| Health { queue_remaining })
            .ok_or_else(|| not_comfy(self.url(), "does not say how long its queue is").with_status(200))
    }

    /// Versions, memory and devices (`GET /system_stats`).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// for device in client.system_stats().await?.devices {
    ///     println!("{}: {:?} bytes free", device.name, device.vram_free);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn system_stats(&self) -> Result<SystemStats, Error> {
        let answer = self.transport().json(&Request::get("/system_stats")).await?;
        stats(answer).ok_or_else(|| not_comfy(self.url(), "does not describe its system").with_status(200))
    }

    /// The description of one node class (`GET /object_info/CLASS`); none where the server does not have it.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let loader = client.object_info_class("CheckpointLoaderSimple").await?;
    /// let models = loader.as_ref().and_then(|class| class.choices("ckpt_name"));
    /// # let _ = models;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`]; [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig) for a name that is empty, `.` or `..`.
    pub async fn object_info_class(&self, name: &str) -> Result<Option<ClassInfo>, Error> {
        let answer = self.transport().json(&Request::get(format!("/object_info/{}", segment("node class", name)?))).await?;
        let classes = answer.as_object().ok_or_else(|| not_comfy(self.url(), "does not describe its nodes").with_status(200))?;
        Ok(classes.get(name).map(ClassInfo::from_value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_of_every_shape_are_read_and_missing_ones_are_none() {
        let raw = json!({"system": {"comfyui_version": "0.3.64", "ram_total": 1e9, "argv": ["main.py"]},
            "devices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 5}]});
        let stats = stats(raw).unwrap();
        assert_eq!(stats.ram_total, Some(1_000_000_000));
        assert_eq!(stats.ram_free, None);
        assert_eq!(stats.devices[0].vram_total, Some(5));
        assert_eq!(stats.devices[0].index, None);
        assert!(super::stats(json!({"devices": []})).is_none());
    }

    #[test]
    fn a_version_says_whether_the_server_is_of_a_release_or_later() {
        let is_since =
            |version: Option<&str>| stats(json!({"system": {"comfyui_version": version}})).unwrap().is_since([0, 3, 60]);
        for new in ["0.3.60", "0.3.64", "v0.3.71-1-gabc", "0.4.0", "0.38.1", "1"] {
            assert!(is_since(Some(new)), "{new}");
        }
        for old in ["", "0.3.59", "0.3.6", "0.2.99", "0.3", "nightly", "v0.3.59-12-gabc"] {
            assert!(!is_since(Some(old)), "{old}");
        }
        assert!(!is_since(None));
    }
}
