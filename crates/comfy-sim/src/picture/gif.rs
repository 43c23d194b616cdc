//! GIF, with Pillow's way of putting frames together: the first one keeps its palette, the later ones are colours.

use std::io::Read;
use std::num::NonZeroU64;

use gif::{DecodeOptions, DisposalMethod, MemoryLimit};

use super::png::mixed;
use super::{Decoded, Fault, Frame, MAX_BYTES, Rgba, Transparency, check, check_frames};

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let mut options = DecodeOptions::new();
    options.set_memory_limit(MemoryLimit::Bytes(NonZeroU64::MIN.saturating_add(MAX_BYTES as u64)));
    options.allow_unknown_blocks(true);
    let mut decoder = options.read_info(whole_blocks(bytes).chain(NO_BLOCK)).map_err(|_| Fault::Unknown)?;
    let global = decoder.global_palette().and_then(colors);
    let background = decoder.bg_color().unwrap_or(0);
    let (mut width, mut height) = (usize::from(decoder.width()), usize::from(decoder.height()));

    let mut frames: Vec<Frame> = Vec::new();
    let mut all = false;
    let mut canvas: Vec<Rgba> = Vec::new();
    let mut disposal = DisposalMethod::Any;
    let mut dispose: Option<(Area, Vec<Rgba>)> = None;
    let mut transparency = Transparency::None;
    while let Ok(Some(frame)) = decoder.next_frame_info() {
        let frame = frame.clone();
        let area = Area::of(&frame);
        if frames.is_empty() {
            (width, height) = (width.max(area.x + area.width), height.max(area.y + area.height));
        } else if area.x + area.width > width || area.y + area.height > height {
            // The canvas grows, and ComfyUI leaves out frames of another size than the first.
            break;
        }
        check(width, height)?;
        check_frames(&frames, width * height)?;
        let mut indices = vec![frame.transparent.unwrap_or(0); area.width * area.height];
        let whole = lines(&frame).all(|y| {
            let mut line = vec![0; area.width];
            let read = matches!(decoder.fill_buffer(&mut line), Ok(true));
            if read {
                indices[y * area.width..][..area.width].copy_from_slice(&line);
            }
            read
        });
        let palette = match frame.palette.as_deref() {
            // At its second try, for what is there of a frame, Pillow has lost the palette of a transparent one.
            _ if frames.is_empty() && !whole && frame.transparent.is_some() => None,
            None => global.clone(),
            Some(palette) => colors(palette),
        };
        let color = |index: u8| match &palette {
            Some(palette) => palette.get(usize::from(index)).copied().unwrap_or([0, 0, 0, 255]),
            None => [index, index, index, 255],
        };
        let seen = |index: u8| if frame.transparent == Some(index) { clear(color(index)) } else { color(index) };
        if frame.dispose != DisposalMethod::Any {
            disposal = frame.dispose;
        }

        if frames.is_empty() {
            transparency = match (frame.transparent, &palette) {
                (None, _) => Transparency::None,
                (Some(index), None) => Transparency::GreyKey(index),
                (Some(index), Some(_)) => Transparency::Index(shown(color(index))),
            };
            canvas = vec![seen(frame.transparent.unwrap_or(0)); width * height];
        } else if let Some((area, pixels)) = dispose.take() {
            area.put(&mut canvas, width, &pixels);
        }
        let fill = |pixel: Rgba| (area, vec![pixel; area.width * area.height]);
        // What was transparent at first is so in Pillow's own palette only, until the second frame.
        let first = frames.is_empty();
        dispose = match disposal {
            DisposalMethod::Background => Some(fill(match frame.transparent {
                Some(index) => clear(listed(palette.as_deref(), index)),
                None => listed(palette.as_deref(), u8::try_from(background).unwrap_or(0)),
            })),
            DisposalMethod::Previous if first => frame.transparent.map(|index| fill(clear(color(index)))),
            DisposalMethod::Previous => Some((area, area.cut(&canvas, width))),
            DisposalMethod::Any | DisposalMethod::Keep => None,
        };
        let pixels: Vec<Rgba> = indices.into_iter().map(seen).collect();
        area.draw(&mut canvas, width, &pixels, first);
        all |= whole && frames.is_empty();
        frames.push(Frame::new(width, &canvas, transparency));
        // A frame that is cut off shows the lines that are there, and is the last.
        if !whole {
            break;
        }
    }
    Ok(Decoded { frames, whole: all, orientation: 1 })
}

/// The end of a frame's data.
const NO_BLOCK: &[u8] = &[0];

/// The file up to a block of data that is cut off: Pillow reads nothing of such a one.
fn whole_blocks(bytes: &[u8]) -> &[u8] {
    let table = |flags: Option<&u8>| flags.filter(|flags| **flags & 128 > 0).map_or(0, |flags| 6 << (flags & 7));
    let mut at = 13 + table(bytes.get(10));
    loop {
        at += match bytes.get(at) {
            Some(b'!') => 2,
            Some(b',') => 11 + table(bytes.get(at + 9)),
            _ => return bytes,
        };
        while let Some(length) = bytes.get(at).filter(|length| **length > 0) {
            let end = at + 1 + usize::from(*length);
            if end > bytes.len() {
                return &bytes[..at];
            }
            at = end;
        }
        at += 1;
    }
}

/// The lines of a frame in the order of the file.
fn lines(frame: &gif::Frame<'_>) -> impl Iterator<Item = usize> + use<> {
    let height = usize::from(frame.height);
    let passes: &[(usize, usize)] = if frame.interlaced { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
    passes.iter().flat_map(move |(first, step)| (*first..height).step_by(*step))
}

/// The colours of a palette, unless it is the ramp of greys, which Pillow takes for no palette.
fn colors(palette: &[u8]) -> Option<Vec<Rgba>> {
    let colors: Vec<Rgba> = palette.chunks_exact(3).map(|color| [color[0], color[1], color[2], 255]).collect();
    let ramp = colors.iter().enumerate().all(|(at, [r, g, b, _])| [*r, *g, *b].iter().all(|part| usize::from(*part) == at));
    (!ramp).then_some(colors)
}

/// The colour of an index; beyond the palette the first one.
fn listed(palette: Option<&[Rgba]>, index: u8) -> Rgba {
    match palette {
        Some(palette) => palette.get(usize::from(index)).or(palette.first()).copied().unwrap_or_default(),
        None => [index, index, index, 255],
    }
}

fn shown([r, g, b, _]: Rgba) -> [u8; 3] {
    [r, g, b]
}

fn clear([r, g, b, _]: Rgba) -> Rgba {
    [r, g, b, 0]
}

/// The part of the canvas that a frame covers.
#[derive(Clone, Copy)]
struct Area {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Area {
    fn of(frame: &gif::Frame<'_>) -> Self {
        let [x, y, width, height] = [frame.left, frame.top, frame.width, frame.height].map(usize::from);
        Self { x, y, width, height }
    }

    fn rows(self, across: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (self.y..self.y + self.height).map(move |y| y * across + self.x..y * across + self.x + self.width)
    }

    fn cut(self, canvas: &[Rgba], across: usize) -> Vec<Rgba> {
        self.rows(across).flat_map(|row| canvas[row].iter().copied()).collect()
    }

    fn put(self, canvas: &mut [Rgba], across: usize, pixels: &[Rgba]) {
        for (row, source) in self.rows(across).zip(pixels.chunks_exact(self.width.max(1))) {
            canvas[row].copy_from_slice(source);
        }
    }

    /// Draws the pixels, of which the first frame keeps the transparent ones too.
    fn draw(self, canvas: &mut [Rgba], across: usize, pixels: &[Rgba], all: bool) {
        for (row, source) in self.rows(across).zip(pixels.chunks_exact(self.width.max(1))) {
            for (to, from) in canvas[row].iter_mut().zip(source) {
                *to = if all { *from } else { mixed(*to, *from, from[3]) };
            }
        }
    }
}
