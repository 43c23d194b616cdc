//! PNG, and APNG with Pillow's way of putting frames together.

use std::io::Cursor;

use png::{BitDepth, BlendOp, ColorType, Decoder, DisposeOp, FrameControl, Info, Limits};

use super::{Decoded, Fault, Frame, MAX_BYTES, Rgba, Transparency, check, check_frames, exif};

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    head(bytes)?;
    let decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_BYTES });
    let mut reader = decoder.read_info().map_err(|_| Fault::Unknown)?;
    let layout = Layout::of(reader.info());
    check(layout.width, layout.height)?;
    // Pillow counts a default picture before the animation as a frame of its own.
    let mut control = reader.info().frame_control;
    let count =
        reader.info().animation_control.map_or(1, |animation| animation.num_frames as usize + usize::from(control.is_none()));
    let mut packed = vec![0; reader.output_buffer_size().ok_or(Fault::Unknown)?];

    // What is damaged or missing stays black: ComfyUI asks Pillow to load what there is.
    let whole = reader.next_frame(&mut packed).is_ok();
    let mut canvas = Canvas { pixels: layout.unpacked(&packed, layout.width, layout.height), width: layout.width, before: None };
    let mut frames = vec![layout.frame(&canvas.pixels)];
    while frames.len() < count {
        check_frames(&frames, canvas.pixels.len())?;
        canvas.dispose(control.as_ref(), layout.empty());
        let Ok(next) = reader.next_frame_info().copied() else { break };
        if reader.next_frame(&mut packed).is_err() {
            break;
        }
        let pixels = layout.unpacked(&packed, next.width as usize, next.height as usize);
        canvas.draw(&next, &pixels, |pixel| layout.rgba(pixel)[3]);
        control = Some(next);
        frames.push(layout.frame(&canvas.pixels));
    }
    let info = reader.info();
    let xmp = info.utf8_text.iter().find(|text| text.keyword == "XML:com.adobe.xmp").and_then(|text| text.get_text().ok());
    Ok(Decoded {
        frames,
        whole,
        orientation: exif::orientation(info.exif_metadata.as_deref(), xmp.as_deref().map(str::as_bytes)),
    })
}

/// Checks that the file is whole up to its pixels: Pillow tells a file that ends in the middle of a chunk from others.
fn head(bytes: &[u8]) -> Result<(), Fault> {
    let cut = || Fault::Broken("Truncated File Read".to_owned());
    let mut rest = &bytes[8..];
    loop {
        let (length, after) = rest.split_first_chunk().ok_or(Fault::Unknown)?;
        let (kind, after) = after.split_first_chunk::<4>().ok_or_else(cut)?;
        if kind == b"IDAT" {
            return Ok(());
        }
        let after = after.get(u32::from_be_bytes(*length) as usize..).ok_or_else(cut)?;
        // The checksum.
        rest = after.get(4..).ok_or(Fault::Unknown)?;
    }
}

/// The frames so far, one upon the other. Its pixels are those of the file: in a picture with palette the first of the
/// four bytes is the index.
struct Canvas {
    pixels: Vec<Rgba>,
    width: usize,
    /// As it was before the last frame; `None` where Pillow took that for the canvas itself.
    before: Option<Vec<Rgba>>,
}

impl Canvas {
    /// Takes the last frame away again, as it asked for.
    fn dispose(&mut self, last: Option<&FrameControl>, empty: Rgba) {
        let first = self.before.is_none();
        match last.map(|last| (last, last.dispose_op)) {
            Some((last, DisposeOp::Previous)) if !first => {
                let before = self.before.take().unwrap_or_default();
                let rows = self.rows(last);
                for row in rows {
                    if let Some(source) = before.get(row.clone()) {
                        self.pixels[row].copy_from_slice(source);
                    }
                }
            }
            // Before the first frame there was nothing.
            Some((last, DisposeOp::Background | DisposeOp::Previous)) => {
                for row in self.rows(last) {
                    self.pixels[row].fill(empty);
                }
            }
            _ => {}
        }
        self.before = Some(self.pixels.clone());
    }

    fn draw(&mut self, control: &FrameControl, pixels: &[Rgba], alpha: impl Fn(Rgba) -> u8) {
        for (row, source) in self.rows(control).into_iter().zip(pixels.chunks_exact(control.width as usize)) {
            for (to, from) in self.pixels[row].iter_mut().zip(source) {
                *to = match control.blend_op {
                    BlendOp::Source => *from,
                    BlendOp::Over => mixed(*to, *from, alpha(*from)),
                };
            }
        }
        if control.blend_op == BlendOp::Over {
            // Pillow pastes onto its copy and goes on with that: what was before is lost.
            self.before = Some(self.pixels.clone());
        }
    }

    /// The places of a frame, row by row. The decoder has checked that it lies on the canvas.
    fn rows(&self, control: &FrameControl) -> Vec<std::ops::Range<usize>> {
        let (x, y) = (control.x_offset as usize, control.y_offset as usize);
        let start = move |row: usize| (y + row) * self.width + x;
        (0..control.height as usize).map(|row| start(row)..start(row) + control.width as usize).collect()
    }
}

/// Pillow's paste with a mask: each byte on its own, the alpha channel too.
pub(super) fn mixed(under: Rgba, over: Rgba, alpha: u8) -> Rgba {
    let alpha = u32::from(alpha);
    std::array::from_fn(|at| {
        let sum = u32::from(under[at]) * (255 - alpha) + u32::from(over[at]) * alpha + 128;
        (((sum >> 8) + sum) >> 8) as u8
    })
}

/// How the bytes of a file become pixels.
struct Layout {
    width: usize,
    height: usize,
    color: ColorType,
    bits: usize,
    palette: Vec<Rgba>,
    /// The transparent colour of a picture without palette.
    key: Option<[u8; 3]>,
}

impl Layout {
    fn of(info: &Info<'_>) -> Self {
        let listed = info.palette.iter().flat_map(|palette| palette.chunks_exact(3));
        let mut palette: Vec<Rgba> = listed.map(|color| [color[0], color[1], color[2], 255]).collect();
        palette.resize(256, [0, 0, 0, 255]);
        let transparent = info.trns.as_deref();
        let key = match (info.color_type, transparent) {
            (ColorType::Indexed, Some(alphas)) => {
                palette.iter_mut().zip(alphas).for_each(|(color, alpha)| color[3] = *alpha);
                None
            }
            (ColorType::Grayscale, Some(&[grey])) if info.bit_depth == BitDepth::One => Some([grey * 255; 3]),
            // Of two bytes Pillow compares the lower one with a pixel of eight bits.
            (ColorType::Grayscale, Some(&([grey] | [_, grey]))) => Some([grey; 3]),
            (ColorType::Rgb, Some(&([r, g, b] | [_, r, _, g, _, b]))) => Some([r, g, b]),
            _ => None,
        };
        let (width, height) = (info.width as usize, info.height as usize);
        Self { width, height, color: info.color_type, bits: info.bit_depth as usize, palette, key }
    }

    /// The pixels of a frame of this size from its packed rows.
    fn unpacked(&self, packed: &[u8], width: usize, height: usize) -> Vec<Rgba> {
        let samples = self.color.samples();
        let line = (width * samples * self.bits).div_ceil(8);
        let mut pixels = Vec::with_capacity(width * height);
        for row in packed.chunks_exact(line.max(1)).take(height) {
            pixels.extend((0..width).map(|x| {
                let sample = |at: usize| self.sample(row, x * samples + at);
                match self.color {
                    ColorType::Grayscale => [sample(0), sample(0), sample(0), 255],
                    ColorType::GrayscaleAlpha => [sample(0), sample(0), sample(0), sample(1)],
                    ColorType::Indexed => [sample(0), 0, 0, 0],
                    ColorType::Rgb => [sample(0), sample(1), sample(2), 255],
                    ColorType::Rgba => [sample(0), sample(1), sample(2), sample(3)],
                }
            }));
        }
        pixels
    }

    /// One sample in eight bits: of 16-bit colours the higher byte, of a 16-bit grey what is left above 255.
    fn sample(&self, row: &[u8], at: usize) -> u8 {
        match self.bits {
            8 => row[at],
            16 if self.color == ColorType::Grayscale && row[at * 2] > 0 => 255,
            16 if self.color == ColorType::Grayscale => row[at * 2 + 1],
            16 => row[at * 2],
            bits => {
                let mask = (1 << bits) - 1;
                let value = row[at * bits / 8] >> (8 - bits - at * bits % 8) & mask;
                if self.color == ColorType::Indexed { value } else { value * (255 / mask) }
            }
        }
    }

    fn empty(&self) -> Rgba {
        if self.color == ColorType::Rgba || self.color == ColorType::GrayscaleAlpha { [0; 4] } else { [0, 0, 0, 255] }
    }

    /// A pixel of the file as colour and alpha.
    fn rgba(&self, pixel: Rgba) -> Rgba {
        let [r, g, b, _] = pixel;
        match self.color {
            ColorType::Indexed => self.palette[usize::from(r)],
            _ if self.key == Some([r, g, b]) => [r, g, b, 0],
            _ => pixel,
        }
    }

    /// What is transparent in the palette.
    fn listed(&self) -> Transparency {
        let mut seen = self.palette.iter().filter(|color| color[3] < 255);
        match (seen.next(), seen.next()) {
            (None, _) => Transparency::None,
            (Some([r, g, b, 0]), None) => Transparency::Index([*r, *g, *b]),
            _ => Transparency::Alpha,
        }
    }

    fn frame(&self, pixels: &[Rgba]) -> Frame {
        let transparency = match self.color {
            ColorType::Rgba => Transparency::Rgba,
            // Of 16 bits Pillow makes colours at once.
            ColorType::GrayscaleAlpha if self.bits == 16 => Transparency::Rgba,
            ColorType::GrayscaleAlpha => Transparency::Alpha,
            ColorType::Indexed => self.listed(),
            ColorType::Grayscale if self.key.is_some() && self.bits == 1 => Transparency::BitKey,
            ColorType::Grayscale => self.key.map_or(Transparency::None, |[grey, ..]| Transparency::GreyKey(grey)),
            ColorType::Rgb => self.key.map_or(Transparency::None, Transparency::Key),
        };
        let pixels: Vec<Rgba> = pixels.iter().map(|pixel| self.rgba(*pixel)).collect();
        Frame::new(self.width, &pixels, transparency)
    }
}
