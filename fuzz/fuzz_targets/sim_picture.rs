//! A file for the embedded ComfyUI's `LoadImage`: no picture, or one with pixels, and no more than memory is for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(pixels) = comfy_sim::fuzzing::picture(bytes) {
        assert!((1..=1 << 28).contains(&pixels), "{pixels} pixels");
    }
});
