//! JPEG, by the code that Pillow uses too, so that the pixels are the same. An MPO file is several of them, of which ComfyUI
//! takes the first.
//!
//! Two differences are left. Pillow's vector instructions clip a coefficient out of all bounds where the plain code here wraps
//! it around: damaged files have such, in the block where the damage is. And arithmetic coding, as rare as it is, stays black.

use std::io::{self, BufRead, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mozjpeg::{ColorSpace, Decompress};

use super::{Decoded, Fault, Frame, Transparency, check, exif};

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let head = Head::read(bytes)?;
    check(head.width, head.height)?;
    if !head.scanned {
        return Err(Fault::Broken("cannot load this image".to_owned()));
    }
    let orientation = exif::orientation(head.exif.as_deref(), head.xmp);
    let (samples, whole) = head.samples(bytes);
    let rgb = match head.layers {
        1 => samples.iter().flat_map(|grey| [*grey; 3]).collect(),
        3 => samples,
        _ => samples.chunks_exact(4).flat_map(from_inverted_cmyk).collect(),
    };
    let frame = Frame { width: head.width, height: head.height, rgb, alpha: None, transparency: Transparency::None };
    Ok(Decoded { frames: vec![frame], whole, orientation })
}

/// Pillow takes all CMYK to be inverted, as Adobe writes it.
fn from_inverted_cmyk(pixel: &[u8]) -> [u8; 3] {
    let white = pixel[3];
    let part = |at: usize| {
        let product = u32::from(255 - pixel[at]) * u32::from(white) + 128;
        white.saturating_sub((((product >> 8) + product) >> 8) as u8)
    };
    [part(0), part(1), part(2)]
}

/// What Pillow reads by itself, up to the first scan: it decides whether a file is a JPEG, and of which size and mode.
#[derive(Default)]
struct Head<'b> {
    width: usize,
    height: usize,
    layers: u8,
    exif: Option<Vec<u8>>,
    xmp: Option<&'b [u8]>,
    /// Whether there is a scan at all.
    scanned: bool,
}

impl<'b> Head<'b> {
    fn read(bytes: &'b [u8]) -> Result<Self, Fault> {
        let mut head = Self::default();
        // The file begins with a marker, and the first byte of the next one.
        let mut rest = &bytes[3..];
        while let Some((marker, after)) = rest.split_first() {
            rest = after;
            match marker {
                // The next byte may be that of a marker.
                0xFF => continue,
                0xC8 | 0xD0..=0xD9 | 0xF0..=0xFD | 0 => {}
                0xC0..=0xFE => {
                    let body = segment(&mut rest)?;
                    head.take(*marker, body)?;
                    if *marker == 0xDA {
                        head.scanned = true;
                        break;
                    }
                }
                _ => return Err(Fault::Unknown),
            }
            let junk = rest.iter().position(|byte| *byte == 0xFF).map_or(rest.len(), |at| at + 1);
            rest = &rest[junk..];
        }
        if head.width == 0 || head.height == 0 { Err(Fault::Unknown) } else { Ok(head) }
    }

    fn take(&mut self, marker: u8, body: &'b [u8]) -> Result<(), Fault> {
        match (marker, body) {
            (0xC4 | 0xCC | 0xDA | 0xDC | 0xDD | 0xDF, _) => {}
            (0xDB, _) => tables(body)?,
            (0xC0..=0xCF | 0xDE, [8, h0, h1, w0, w1, layers @ (1 | 3 | 4), listed @ ..]) if listed.len() % 3 == 0 => {
                (self.height, self.width) = (u16::from_be_bytes([*h0, *h1]).into(), u16::from_be_bytes([*w0, *w1]).into());
                self.layers = *layers;
            }
            (0xC0..=0xDE, _) => return Err(Fault::Unknown),
            (0xE1, _) => {
                if let Some(block) = body.strip_prefix(b"Exif\0\0") {
                    self.exif.get_or_insert_default().extend(block);
                } else if let Some(block) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    self.xmp = Some(block);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The samples of all pixels, row by row, as far as they can be read. The rest is grey where the data ends, and black
    /// from the first row on that the decoder gives up at. Also whether all of it was there.
    fn samples(&self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let (row, colors, none) = match self.layers {
            1 => (self.width, ColorSpace::JCS_GRAYSCALE, 0),
            3 => (self.width * 3, ColorSpace::JCS_RGB, 0),
            _ => (self.width * 4, ColorSpace::JCS_CMYK, 255),
        };
        let mut samples = vec![none; row * self.height];
        // The decoder unwinds from what it cannot read. Nothing but whole rows is seen of it afterwards.
        let mut beyond = false;
        let read = catch_unwind(AssertUnwindSafe(|| -> io::Result<()> {
            let file = bytes.chain(Beyond::new(&mut beyond));
            let decoder = Decompress::builder().from_reader(file)?;
            if decoder.size() != (self.width, self.height) {
                return Ok(());
            }
            let mut rows = decoder.to_colorspace(colors)?;
            for row in samples.chunks_exact_mut(row) {
                rows.read_scanlines_into(row)?;
            }
            Ok(())
        }));
        (samples, matches!(read, Ok(Ok(()))) && !beyond)
    }
}

/// The content of a segment that begins here.
fn segment<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], Fault> {
    let (length, after) = rest.split_first_chunk().ok_or(Fault::Unknown)?;
    let length = usize::from(u16::from_be_bytes(*length)).saturating_sub(2);
    let (body, after) = after.split_at_checked(length).ok_or_else(|| Fault::Broken("Truncated File Read".to_owned()))?;
    *rest = after;
    Ok(body)
}

/// Checks that the quantization tables are whole.
fn tables(mut body: &[u8]) -> Result<(), Fault> {
    while let Some((kind, after)) = body.split_first() {
        let length = if kind >> 4 == 0 { 64 } else { 128 };
        body = after.get(length..).ok_or(Fault::Unknown)?;
    }
    Ok(())
}

/// What comes after the file: the end of a JPEG, which Pillow adds where it is cut off, and then nothing, so that a decoder
/// that still wants more gives up.
struct Beyond<'a> {
    end: &'static [u8],
    asked: &'a mut bool,
}

impl<'a> Beyond<'a> {
    fn new(asked: &'a mut bool) -> Self {
        Self { end: &[0xFF, 0xD9], asked }
    }
}

impl Read for Beyond<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Beyond<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        *self.asked = true;
        if self.end.is_empty() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(self.end) }
    }

    fn consume(&mut self, count: usize) {
        self.end = &self.end[count..];
    }
}
