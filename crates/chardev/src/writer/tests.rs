//! Order and completeness when the host is slow, and the end of it.

use super::*;
use crate::testing::Bench;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
}

/// Everything that is in the pipe now.
fn drain(fd: &OwnedFd) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 65536]);
    while let Ok(got @ 1..) = rustix::io::read(fd, &mut buffer) {
        all.extend(&buffer[..got]);
    }
    all
}

#[test]
fn in_order_and_complete_through_a_full_pipe() {
    let mut bench = Bench::new();
    let (reader, out) = pipe();
    let writer = Writer::new(&bench.context.main_loop, Arc::new(out));
    // 1 MiB into a pipe that holds 64 KiB, from two directions: late output and new output.
    let all: Vec<u8> = (0..1u32 << 18).flat_map(u32::to_le_bytes).collect();
    let mut got = Vec::new();
    for (index, chunk) in all.chunks(1000).enumerate() {
        writer.write(chunk);
        if index % 50 == 0 {
            got.extend(drain(&reader));
            bench.settle();
        }
    }
    while got.len() < all.len() {
        got.extend(drain(&reader));
        bench.settle();
    }
    assert!(got == all);
    // Nothing left, nothing watched.
    assert!(
        !bench
            .main_loop
            .run_once(&mut (), util_mainloop::Timeout::ZERO)
            .unwrap()
    );
}

#[test]
fn a_reader_that_leaves_ends_the_output_not_the_loop() {
    let mut bench = Bench::new();
    let (reader, out) = pipe();
    let writer = Writer::new(&bench.context.main_loop, Arc::new(out));
    writer.write(&vec![7; 200_000]);
    drop(reader);
    bench.settle();
    writer.write(b"more");
    writer.flush();
    bench.settle();
}

#[test]
fn more_than_the_limit_waits_for_the_reader() {
    let bench = Bench::new();
    let (reader, out) = pipe();
    let writer = Writer::new(&bench.context.main_loop, Arc::new(out));
    let total = LIMIT + 300_000;
    let reading = std::thread::spawn(move || {
        let (mut got, mut buffer) = (0, [0; 65536]);
        while got < total {
            let mut set = [PollFd::new(&reader, PollFlags::IN)];
            poll(&mut set, None).unwrap();
            got += rustix::io::read(&reader, &mut buffer).unwrap_or(0);
        }
        got
    });
    for chunk in vec![0; total].chunks(100_000) {
        writer.write(chunk);
    }
    drop(writer); // flushes
    assert_eq!(reading.join().unwrap(), total);
}
