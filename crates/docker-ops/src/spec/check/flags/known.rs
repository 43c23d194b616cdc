//! The flags of ComfyUI 0.3.64, and how its argparse reads a shortened one.

/// Their names, in order.
const ALL: &str = "\
    --async-offload --auto-launch --base-directory --bf16-text-enc --bf16-unet --bf16-vae --cache-classic --cache-lru
    --cache-none --comfy-api-base --cpu --cpu-vae --cuda-device --cuda-malloc --database-url --default-device
    --default-hashing-function --deterministic --directml --disable-all-custom-nodes --disable-api-nodes --disable-auto-launch
    --disable-cuda-malloc --disable-ipex-optimize --disable-metadata --disable-mmap --disable-smart-memory --disable-xformers
    --dont-print-server --dont-upcast-attention --enable-compress-response-body --enable-cors-header
    --extra-model-paths-config --fast --force-channels-last --force-fp16 --force-fp32 --force-non-blocking
    --force-upcast-attention --fp16-text-enc --fp16-unet --fp16-vae --fp32-text-enc --fp32-unet --fp32-vae --fp64-unet
    --fp8_e4m3fn-text-enc --fp8_e4m3fn-unet --fp8_e5m2-text-enc --fp8_e5m2-unet --fp8_e8m0fnu-unet --front-end-root
    --front-end-version --gpu-only --help --highvram --input-directory --listen --log-stdout --lowvram --max-upload-size
    --mmap-torch-files --multi-user --normalvram --novram --oneapi-device-selector --output-directory --port --preview-method
    --preview-size --quick-test-for-ci --reserve-vram --supports-fp8-compute --temp-directory --tls-certfile --tls-keyfile
    --use-flash-attention --use-pytorch-cross-attention --use-quad-cross-attention --use-sage-attention
    --use-split-cross-attention --user-directory --verbose --whitelist-custom-nodes --windows-standalone-build";

/// The flag that `word` means, and the value behind its `=`. A name may be shortened as long as one flag alone begins so. None for what
/// is no flag of ComfyUI, or may be several: ComfyUI does not start with it.
pub(super) fn read(word: &str) -> Option<(&'static str, Option<&str>)> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let mut meant = ALL.split_whitespace().filter(|flag| name.len() > 2 && flag.starts_with(name));
    let first = meant.next()?;
    (first == name || meant.next().is_none()).then_some((first, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_flag_is_the_one_that_alone_begins_so() {
        for (word, meant) in [
            ("--listen", Some(("--listen", None))),
            ("--list=0.0.0.0", Some(("--listen", Some("0.0.0.0")))),
            ("--disable-all", Some(("--disable-all-custom-nodes", None))),
            ("--disable-a", None),
            ("--cpu", Some(("--cpu", None))),
            ("--cp", None),
            ("--enable-cors=", Some(("--enable-cors-header", Some("")))),
            ("--", None),
            ("-listen", None),
            ("--listens", None),
        ] {
            assert_eq!(read(word), meant, "{word}");
        }
        assert!(ALL.split_whitespace().is_sorted(), "a whole name must come before those that it begins");
    }
}
