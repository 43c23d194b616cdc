//! Pictures for tests, each made from its own name.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % end
    }

    pub(crate) fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[usize::try_from(self.below(from.len() as u64)).expect("small")]
    }
}

/// The PNG file of a name such as `rgba-13x9-5.png`: mode, size, seed.
pub(crate) fn png(name: &str) -> Vec<u8> {
    let parts: Vec<&str> = name.trim_end_matches(".png").split(['-', 'x']).collect();
    let [mode, width, height, seed] = parts.as_slice() else { panic!("no file, and no name to draw by: {name}") };
    let (width, height): (u32, u32) = (width.parse().expect("a width"), height.parse().expect("a height"));
    let mut dice = Dice(seed.parse().expect("a seed"));
    let channels = if *mode == "rgba" { 4 } else { 3 };
    let bytes: Vec<u8> = (0..width * height * channels).map(|_| dice.below(256) as u8).collect();
    let picture = match channels {
        4 => RgbaImage::from_raw(width, height, bytes).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
    };
    let mut out = Cursor::new(Vec::new());
    picture.expect("as many bytes").write_to(&mut out, ImageFormat::Png).expect("encodes");
    out.into_inner()
}
