//! Picture files as Pillow reads them: which pixels, which transparency, which frames.
//!
//! Pillow has modes (palette, grey, colour, each with or without alpha) and converts between them; `ComfyUI` looks at the
//! mode to tell whether there is a mask. What leaves this module is the end of all that: [`Frame`].

mod exif;
mod gif;
mod jpeg;
mod plain;
mod png;
mod webp;

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, RgbImage, RgbaImage};

use crate::folders::Folders;
use crate::nodes::os_error;
use crate::py::{self, Raised};

/// Pillow refuses larger pictures.
const MAX_PIXELS: u64 = 178_956_970;

/// The most bytes of all frames of a file together, as pixels of four bytes.
const MAX_BYTES: usize = 1 << 30;

/// One picture of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// What `convert("RGB")` gives.
    pub(crate) rgb: Vec<u8>,
    /// The last channel of `convert("RGBA")`, if any pixel of it may be below 255.
    pub(crate) alpha: Option<Vec<u8>>,
    pub(crate) transparency: Transparency,
}

/// A pixel: red, green, blue, alpha.
type Rgba = [u8; 4];

impl Frame {
    fn new(width: usize, pixels: &[Rgba], transparency: Transparency) -> Self {
        Self {
            width,
            height: pixels.len() / width.max(1),
            rgb: pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
            alpha: (transparency != Transparency::None).then(|| pixels.iter().map(|pixel| pixel[3]).collect()),
            transparency,
        }
    }

    /// Whether `LoadImage` takes the alpha channel: it does not see a transparent colour outside of a palette.
    pub(crate) fn is_masked(&self) -> bool {
        matches!(self.transparency, Transparency::Index(_) | Transparency::Alpha | Transparency::Rgba)
    }
}

impl Frame {
    /// It as a picture to encode, with its transparency if there is one and it is wanted.
    pub(crate) fn image(&self, transparent: bool) -> DynamicImage {
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let (width, height) = (side(self.width), side(self.height));
        match self.alpha.as_ref().filter(|_| transparent) {
            None => RgbImage::from_raw(width, height, self.rgb.clone()).unwrap_or_default().into(),
            Some(alpha) => {
                let pixels = self.rgb.chunks_exact(3).zip(alpha).flat_map(|(rgb, alpha)| [rgb[0], rgb[1], rgb[2], *alpha]);
                RgbaImage::from_raw(width, height, pixels.collect()).unwrap_or_default().into()
            }
        }
    }
}

/// Where a picture's transparency comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transparency {
    None,
    /// One colour stands for it, and Pillow keeps it beside the pixels.
    Key([u8; 3]),
    /// The same in a picture of greys.
    GreyKey(u8),
    /// The same in one of black and white.
    BitKey,
    /// The one colour of a palette that is not seen at all.
    Index([u8; 3]),
    /// A channel beside grey, or a palette with alphas.
    Alpha,
    /// A channel beside colours.
    Rgba,
}

/// Why a file gives no picture.
#[derive(Debug)]
enum Fault {
    /// Pillow knows no format that looks like this.
    Unknown,
    /// So many pixels.
    Bomb(u64),
    Broken(String),
}

/// What is in a file of one kind: its frames as long as they have one size, and how they are turned.
struct Decoded {
    frames: Vec<Frame>,
    /// Whether the first frame is all there.
    whole: bool,
    /// The EXIF orientation, 1 to 8.
    orientation: u8,
}

/// The frames of the file that a node input names.
pub(crate) fn frames(folders: &Folders, name: &str) -> Result<Vec<Frame>, Raised> {
    let (path, bytes) = read(folders, name)?;
    let decoded = decode(&bytes).map_err(|fault| raised(fault, &path))?;
    Ok(decoded.frames.into_iter().map(|frame| exif::turned(frame, decoded.orientation)).collect())
}

/// The first frame of the file.
pub(crate) fn first(folders: &Folders, name: &str) -> Result<Frame, Raised> {
    frames(folders, name).map(|mut frames| frames.swap_remove(0))
}

/// A file as `Image.open` shows it outside of nodes: not turned, and nothing of what is cut off.
pub(crate) struct Opened {
    frame: Frame,
    whole: bool,
}

impl Opened {
    pub(crate) fn new(bytes: &[u8], path: &Path) -> Result<Self, Raised> {
        let mut decoded = decode(bytes).map_err(|fault| raised(fault, path))?;
        Ok(Self { frame: decoded.frames.swap_remove(0), whole: decoded.whole })
    }

    /// The picture, with its pixels.
    pub(crate) fn loaded(self) -> Result<Frame, Raised> {
        if self.whole { Ok(self.frame) } else { Err(Raised::new("OSError", "image file is truncated")) }
    }

    /// A black picture with the transparency of this one; opaque for a picture of another mode than RGBA, which need not be
    /// there but for its head.
    pub(crate) fn shadow(self) -> Result<Frame, Raised> {
        let frame = if self.frame.transparency == Transparency::Rgba { self.loaded()? } else { self.frame };
        let alpha = frame.alpha.filter(|_| frame.transparency == Transparency::Rgba);
        let opaque = || vec![255; frame.width * frame.height];
        Ok(Frame { rgb: vec![0; frame.rgb.len()], alpha: Some(alpha.unwrap_or_else(opaque)), ..frame })
    }
}

/// The file that a node input names, and what is in it.
pub(crate) fn read(folders: &Folders, name: &str) -> Result<(PathBuf, Vec<u8>), Raised> {
    let path = folders.named_input(name).ok_or_else(|| Raised::new("ValueError", "the path leaves its folder"))?;
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(os_error(&error, &path)),
    }
}

/// How many pixels the frames of these bytes have, if they are a picture.
#[cfg(feature = "fuzzing")]
pub(crate) fn pixels(bytes: &[u8]) -> Option<usize> {
    let decoded = decode(bytes).ok()?;
    let turned = decoded.frames.into_iter().map(|frame| exif::turned(frame, decoded.orientation));
    Some(turned.map(|frame| frame.width * frame.height).sum())
}

/// Never without a frame.
fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let decoded = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => png::decode(bytes),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::decode(bytes),
        [0xFF, 0xD8, 0xFF, ..] => jpeg::decode(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::decode(bytes),
        _ => plain::format(bytes).ok_or(Fault::Unknown).and_then(|format| plain::decode(bytes, format)),
    }?;
    if decoded.frames.is_empty() { Err(Fault::Unknown) } else { Ok(decoded) }
}

/// Checks a size before memory is taken for it.
fn check(width: usize, height: usize) -> Result<(), Fault> {
    let pixels = (width as u64).saturating_mul(height as u64);
    if pixels > MAX_PIXELS { Err(Fault::Bomb(pixels)) } else { Ok(()) }
}

/// Checks that one more frame of so many pixels fits.
fn check_frames(frames: &[Frame], pixels: usize) -> Result<(), Fault> {
    if (frames.len() + 1).saturating_mul(pixels * 4) <= MAX_BYTES {
        return Ok(());
    }
    Err(Fault::Broken(format!("more than {MAX_BYTES} bytes of frames")))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn broken(error: image::ImageError) -> Fault {
    Fault::Broken(error.to_string())
}

fn raised(fault: Fault, path: &Path) -> Raised {
    match fault {
        Fault::Unknown => {
            let shown = py::quote(&path.to_string_lossy());
            Raised::new("PIL.UnidentifiedImageError", format!("cannot identify image file {shown}"))
        }
        Fault::Bomb(pixels) => Raised::new(
            "PIL.Image.DecompressionBombError",
            format!("Image size ({pixels} pixels) exceeds limit of {MAX_PIXELS} pixels, could be decompression bomb DOS attack."),
        ),
        Fault::Broken(text) => Raised::new("OSError", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_picture_is_not_identified() {
        let raised = decode(b"this is no picture").map_err(|fault| raised(fault, Path::new("/in/broken.png"))).map(|_| ());
        assert_eq!(raised, Err(Raised::new("PIL.UnidentifiedImageError", "cannot identify image file '/in/broken.png'")));
    }

    proptest::proptest! {
        #[test]
        fn no_file_stops_the_server(kind in 0..9_usize, bytes: Vec<u8>) {
            let heads: [&[u8]; 9] = [
                b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xFF\xD8\xFF", b"RIFF\x20\0\0\0WEBP",
                b"BM", b"P6 3 3 255\n", b"\0\0\x01\0\x01\0", b"II*\0\x08\0\0\0", b"\0\0\x0A\0\0\0\0\0\0\0\0\0\x09\0\x09\0\x18\0",
            ];
            let _ = decode(&[heads[kind], &bytes].concat());
        }
    }
}
