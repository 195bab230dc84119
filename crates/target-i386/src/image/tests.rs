//! A vCPU that became another one does what that one does.

use super::*;
use crate::testbench::{DATA, Mode, TestBench};

/// Fills a table in steps of a page and more, so that the TLB's sets and victims fill: `add [rbx], eax; add ebx,
/// 0x1008; and ebx, 0xfffff8; or ebx, 0x10000; inc eax; jmp back`.
const WALK: &[u8] = &[
    0x01, 0x03, 0x81, 0xc3, 0x08, 0x10, 0x00, 0x00, 0x81, 0xe3, 0xf8, 0xff, 0x7f, 0x00, 0x81, 0xcb, 0x00,
    0x00, 0x01, 0x00, 0xff, 0xc0, 0xeb, 0xe8,
];

fn bench(mode: Mode) -> TestBench {
    let mut bench = TestBench::new(mode);
    bench.cpu.state.gpr[3] = DATA + 0x7000;
    bench.code(WALK);
    bench
}

#[test]
fn runs_on_as_the_other() {
    for mode in [Mode::Protected32, Mode::Long, Mode::LongUser] {
        let (mut first, mut second) = (bench(mode), bench(mode));
        first.run(40_001);
        second.run(7);
        first.cpu.signals.nmi();
        first.cpu.signals.sipi(0x12);
        second.cpu.signals.init();
        first.cpu.debug_hits = 2;
        let image = first.cpu.image();
        image.check().unwrap();
        assert_eq!(first.cpu.image(), image, "saving changes nothing");
        second.cpu.restore(&image);
        assert_eq!(second.cpu.image(), image, "{mode:?}");
        assert_eq!(
            second.cpu.signals.pending() & LATCHED,
            request::NMI | request::SIPI
        );
        for bench in [&mut first, &mut second] {
            bench.cpu.signals.take(LATCHED);
            bench.cpu.debug_hits = 0;
            bench.run(30_000);
        }
        assert_eq!(second.cpu.image(), first.cpu.image(), "{mode:?}");
        assert_ne!(second.cpu.image(), image);
    }
}

#[test]
fn impossible_images() {
    let mut good = bench(Mode::Long);
    good.run(100);
    let good = good.cpu.image();
    type Change = fn(&mut VcpuImage);
    let wrong: [(&str, Change); 7] = [
        ("registers that do not exist", |i| i.state.gpr[20] = 1),
        ("privilege level", |i| i.state.cpl = 4),
        ("top of the x87 stack", |i| i.state.fpu.top = 8),
        ("XCR0", |i| i.state.fpu.xcr0 = 1 << 9),
        ("requests", |i| i.requests = request::EXIT),
        ("TLB entry", |i| i.tlb.entries[0].0 = 4),
        ("TLB entry", |i| i.tlb.entries[0].6 = 63),
    ];
    for (expected, change) in wrong {
        let mut image = good.clone();
        change(&mut image);
        assert_eq!(image.check(), Err(BadImage(expected)));
    }
}
