//! Port I/O: permission map, widths, string forms and their counts (traps 18, 38).

use crate::machine::{End, Machine, TSS, gp};
use parking_lot::Mutex;
use softmmu::{AccessRules, IoOps, IoResult, MemoryRegion};
use std::sync::Arc;
use target_i386::state::gpr;
use target_i386::testbench::{Mode, selector};

/// A device that remembers writes and counts reads.
#[derive(Default)]
struct Recorder {
    log: Mutex<Vec<(u64, u32, u64)>>,
}

impl IoOps for Recorder {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        let mut log = self.log.lock();
        log.push((offset, size, u64::MAX));
        Ok(0x1111_1111 * log.len() as u64)
    }
    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        self.log.lock().push((offset, size, value));
        Ok(())
    }
}

fn machine(mode: Mode) -> (Machine, Arc<Recorder>) {
    let m = Machine::new(mode);
    let device = Arc::new(Recorder::default());
    let region = MemoryRegion::io("recorder", 16, device.clone(), AccessRules::UP_TO_4);
    m.bench.ports.add_subregion(0x100, &region, 0);
    (m, device)
}

#[test]
fn widths_and_registers() {
    let (mut m, device) = machine(Mode::Protected32);
    *m.reg(gpr::RAX) = 0x8765_4321;
    *m.reg(gpr::RDX) = 0x104;
    // out dx, al; out dx, ax; out dx, eax; in al, dx; in ax, dx; in eax, dx
    assert_eq!(m.run(&[0xee, 0x66, 0xef, 0xef]), End::Done);
    assert_eq!(
        *device.log.lock(),
        [(4, 1, 0x21), (4, 2, 0x4321), (4, 4, 0x8765_4321)]
    );
    assert_eq!(m.run(&[0xec]), End::Done);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 0x8765_4344);
    assert_eq!(m.run(&[0x66, 0xed]), End::Done);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 0x8765_5555);
    assert_eq!(m.run(&[0xed]), End::Done);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 0x6666_6666);
    // Nobody there: ones.
    assert_eq!(m.run(&[0xe5, 0x80]), End::Done);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 0xffff_ffff);
}

#[test]
#[rustfmt::skip]
fn permission() {
    // (mode, IOPL, map bytes from port 100h on, code, expected)
    for (mode, iopl, map, code, expected) in [
        (Mode::LongUser, 3, [0xff, 0xff], &[0xee][..],   End::Done),
        (Mode::LongUser, 0, [0xff, 0xff], &[0xee],       gp(0)),
        (Mode::LongUser, 0, [0xef, 0xff], &[0xee],       End::Done),   // port 104h
        (Mode::LongUser, 0, [0xef, 0xff], &[0x66, 0xef], gp(0)),       // and 105h
        (Mode::LongUser, 0, [0x0f, 0xff], &[0xef],       End::Done),
        (Mode::Long,     0, [0xff, 0xff], &[0xee],       End::Done),
    ] {
        let (mut m, device) = machine(mode);
        m.bench.cpu.state.flags.set(iopl << 12);
        m.bench.put(TSS + 104 + 0x20, &map);
        *m.reg(gpr::RDX) = 0x104;
        assert_eq!(m.run(code), expected, "{mode:?} iopl {iopl} {map:x?} {code:x?}");
        assert_eq!(device.log.lock().is_empty(), expected != End::Done);
    }
    // A map beyond the limit refuses.
    let (mut m, _) = machine(Mode::LongUser);
    m.bench.cpu.state.tr.limit = 104 + 0x20;
    *m.reg(gpr::RDX) = 0x104;
    assert_eq!(m.run(&[0xee]), gp(0));
}

#[test]
fn repeated_strings_count_and_advance() {
    let (mut m, device) = machine(Mode::Protected32);
    (*m.reg(gpr::RDX), *m.reg(gpr::RDI), *m.reg(gpr::RCX)) = (0x100, 0x9_0000, 3);
    // rep insd
    m.bench.code(&[0xf3, 0x6d, 0xeb, 0xfe]);
    m.bench.run(2);
    assert_eq!(
        (m.bench.cpu.state.gpr[gpr::RCX], m.bench.cpu.state.gpr[gpr::RDI]),
        (1, 0x9_0008)
    );
    m.bench.run(1);
    assert_eq!(m.bench.cpu.icount, 3);
    assert_eq!(m.bench.cpu.state.rip, target_i386::testbench::CODE + 2);
    assert_eq!(
        m.bench.get::<12>(0x9_0000),
        [
            0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22, 0x33, 0x33, 0x33, 0x33
        ]
    );
    // rep outsb backwards, and with a zero count
    m.bench.cpu.state.flags.set(target_i386::flags::bit::DF);
    (*m.reg(gpr::RSI), *m.reg(gpr::RCX)) = (0x9_0008, 2);
    device.log.lock().clear();
    assert_eq!(m.run(&[0xf3, 0x6e]), End::Done);
    assert_eq!(*device.log.lock(), [(0, 1, 0x33), (0, 1, 0x22)]);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RSI], 0x9_0006);
    assert_eq!(m.run(&[0xf3, 0x6e]), End::Done);
    assert_eq!(device.log.lock().len(), 2);
}

#[test]
fn ins_checks_memory_before_it_reads_the_port() {
    let (mut m, device) = machine(Mode::Protected32);
    m.descriptor(0x80, 0x0040_9300_0000_ffff);
    let segment = m.bench.segment(0x80);
    m.bench.cpu.set_segment(0, segment);
    (*m.reg(gpr::RDX), *m.reg(gpr::RDI), *m.reg(gpr::RCX)) = (0x100, 0xfff8, 5);
    assert_eq!(m.run(&[0xf3, 0x6d]), gp(0));
    assert_eq!(device.log.lock().len(), 2, "the third would be beyond the limit");
    assert_eq!(
        (m.bench.cpu.state.gpr[gpr::RCX], m.bench.cpu.state.gpr[gpr::RDI]),
        (3, 0x1_0000)
    );
    assert_eq!(m.stacked(1), target_i386::testbench::CODE, "RIP at the prefix");
    assert_eq!(selector::DATA, 0x10);
}

#[test]
fn io_breakpoints_need_de() {
    for (de, expected) in [(true, End::Exception(1, None)), (false, End::Done)] {
        let (mut m, _) = machine(Mode::Protected32);
        m.bench.cpu.state.dr.addr[1] = 0x104;
        m.bench.cpu.state.dr.dr7 = 0x400 | 4 | 2 << 20;
        if de {
            m.bench.cpu.state.cr4 |= 8;
        }
        m.bench.cpu.refresh_mode();
        *m.reg(gpr::RDX) = 0x104;
        assert_eq!(m.run(&[0xee]), expected, "{de}");
    }
}
