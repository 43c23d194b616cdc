//! What an engine sends as a container's log, framed or a terminal's, in pieces of any size: the same lines, within bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (bool, u16, &[u8])| {
    let (tty, size, bytes) = input;
    let whole = docker_ops::fuzz_lines(bytes, tty, usize::MAX);
    let cut = docker_ops::fuzz_lines(bytes, tty, size.into());
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut, "the lines depend on where the stream is cut");
            let shown: usize = whole.iter().map(|(_, text)| text.len()).sum();
            assert!(shown <= bytes.len(), "nothing is invented");
        }
        (Err(_), Err(_)) => {}
        (whole, cut) => panic!("{whole:?} {cut:?}"),
    }
});
