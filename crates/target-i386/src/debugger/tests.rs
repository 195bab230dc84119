//! Which addresses are stops, and which accesses are watched. How engines keep to it is tested with them.

use super::*;
use crate::testbench::{Mode, TestBench};

#[test]
fn stops_by_address_and_offset() {
    let mut bench = TestBench::new(Mode::Long);
    bench.cpu.set_stops(&[0xffff_8000_0000_1234, 0x1040, 0x1040]);
    let debugger = &bench.cpu.debugger;
    assert!(debugger.is_stop(0x1040) && debugger.is_stop(0xffff_8000_0000_1234));
    assert!(!debugger.is_stop(0x2040) && !debugger.is_stop(0x1041));
    assert!(debugger.has_offset(0x2040) && !debugger.has_offset(0x2041));
    assert_eq!(debugger.next_offset(0x7000), Some(0x40));
    assert_eq!(debugger.next_offset(0x7040), Some(0x234));
    assert_eq!(debugger.next_offset(0x7234), None);
    assert!(debugger.covers(0x3f, 2) && !debugger.covers(0x41, 0x100));
    let generation = debugger.generation();
    bench.cpu.set_stops(&[0x1040, 0xffff_8000_0000_1234]);
    assert_eq!(bench.cpu.debugger.generation(), generation, "the same ones");
}

#[test]
#[rustfmt::skip]
fn accesses_that_fit() {
    use Access::{Fetch, Read, Write};
    for (kind, addr, len, access, expected) in [
        (WatchKind::Write, 0x1000, 1, Write, true), (WatchKind::Write, 0x1003, 1, Write, true),
        (WatchKind::Write, 0x1004, 1, Write, false), (WatchKind::Write, 0xfff, 1, Write, false),
        (WatchKind::Write, 0xff9, 8, Write, true), (WatchKind::Write, 0x1000, 1, Read, false),
        (WatchKind::Read, 0x1002, 8, Read, true), (WatchKind::Read, 0x1002, 8, Write, false),
        (WatchKind::Access, 0x1000, 4, Read, true), (WatchKind::Access, 0x1000, 4, Write, true),
        (WatchKind::Access, 0x1000, 4, Fetch, false), (WatchKind::Access, u64::MAX - 2, 8, Write, false),
    ] {
        let watch = Watch { addr: 0x1000, len: 4, kind };
        assert_eq!(watch.fits(addr, len, access), expected, "{kind:?} {addr:#x}+{len} {access:?}");
    }
    let pages = |addr, len| Watch { addr, len, kind: WatchKind::Read }.pages().collect::<Vec<_>>();
    assert_eq!(pages(0x1ffc, 8), [0x1000, 0x2000]);
    assert_eq!(pages(u64::MAX, 8), [!0xfff]);
}

/// A watched access of an instruction that then faults is made again with it, and counts then.
#[test]
fn faults_take_hits_back() {
    let mut bench = TestBench::new(Mode::Long);
    bench.cpu.set_watches(&[Watch {
        addr: 0x9000,
        len: 8,
        kind: WatchKind::Read,
    }]);
    // add rax, [rdi]; then div qword [rdi]: zero.
    bench.code(&[0x48, 0x03, 0x07, 0x48, 0xf7, 0x37]);
    bench.cpu.state.gpr[7] = 0x9000;
    assert_eq!(bench.run(10), crate::StopReason::Debug);
    assert_eq!(
        (bench.cpu.icount, bench.cpu.debugger.take_stop().is_some()),
        (1, true)
    );
    // #DE without a handler.
    assert_eq!(bench.run(10), crate::StopReason::Shutdown);
}
