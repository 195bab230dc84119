//! The device through its registers: what reads back, what the window's logic makes of a byte, saved state.

use crate::spec::*;
use crate::{Vga, VgaConfig};
use hw_core::testing::{Rig, TestClock, check_reset, check_saved_state};
use hw_core::{Display, IoWindow};
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion};
use std::sync::Arc;
use util_mainloop::BigLock;

/// A VGA on a clock, and the windows that tests drive.
pub(crate) fn rig() -> (Rig, Arc<Vga>) {
    let map = MemoryMap::new(Arc::new(BigLock::new()));
    let clock = TestClock::new();
    let config = VgaConfig {
        memory_mib: 1,
        ..VgaConfig::default()
    };
    let vga = Vga::new("vga", &map, &clock.clock(), config).expect("a megabyte");
    let mut windows = vga.windows();
    windows.push(vga.mmio());
    let rig = Rig {
        clock,
        device: Arc::clone(&vga) as _,
        windows,
        pins: None,
    };
    (rig, vga)
}

/// A machine that is nothing but a VGA.
pub(crate) struct Board {
    lock: Arc<BigLock>,
    memory: Arc<AddressSpace>,
    ports: Vec<IoWindow>,
    pub(crate) vga: Arc<Vga>,
    pub(crate) clock: TestClock,
}

impl Board {
    pub(crate) fn new() -> Self {
        let lock = Arc::new(BigLock::new());
        let map = MemoryMap::new(lock.clone());
        let clock = TestClock::new();
        let vga = Vga::new("vga", &map, &clock.clock(), VgaConfig::default()).expect("memory");
        let root = MemoryRegion::container("system", 1 << 32);
        root.add_subregion(WINDOW.0, vga.window(), 0);
        root.add_subregion(0xe000_0000, vga.frame_buffer(), 0);
        Self {
            memory: AddressSpace::new(&map, "memory", root),
            lock,
            ports: vga.windows(),
            vga,
            clock,
        }
    }

    pub(crate) fn out(&self, port: u16, value: u8) {
        let offset = u64::from(port) - PORTS.0;
        self.ports[0].ops.write(offset, 1, value.into()).expect("a port");
    }

    pub(crate) fn input(&self, port: u16) -> u8 {
        self.ports[0]
            .ops
            .read(u64::from(port) - PORTS.0, 1)
            .expect("a port") as u8
    }

    /// An indexed register.
    pub(crate) fn set(&self, port: u16, index: usize, value: u8) {
        self.out(port, index as u8);
        self.out(port + 1, value);
    }

    pub(crate) fn get(&self, port: u16, index: usize) -> u8 {
        self.out(port, index as u8);
        self.input(port + 1)
    }

    pub(crate) fn dispi(&self, index: usize, value: u16) {
        self.ports[1].ops.write(0, 2, index as u64).expect("a port");
        self.ports[1].ops.write(1, 2, value.into()).expect("a port");
    }

    pub(crate) fn get_dispi(&self, index: usize) -> u16 {
        self.ports[1].ops.write(0, 2, index as u64).expect("a port");
        self.ports[1].ops.read(1, 2).expect("a port") as u16
    }

    pub(crate) fn poke(&self, at: u64, value: u8) {
        let _held = self.lock.lock();
        self.memory
            .store(GuestPhys(at), 1, value.into())
            .expect("the window");
    }

    pub(crate) fn peek(&self, at: u64) -> u8 {
        let _held = self.lock.lock();
        self.memory.load(GuestPhys(at), 1).expect("the window") as u8
    }

    /// Mode 12h, as far as the window is concerned: four planes, 64 KiB at A0000h.
    pub(crate) fn planar(&self) {
        self.out(port::MISC_WRITE, 0xe3);
        self.set(port::SEQUENCER, seq::MEMORY, 0x06);
        self.set(port::SEQUENCER, seq::MAP_MASK, 0x0f);
        self.set(port::GRAPHICS, gfx::MISC, 0x05);
        self.set(port::GRAPHICS, gfx::BIT_MASK, 0xff);
        self.set(port::GRAPHICS, gfx::COLOUR_CARE, 0x0f);
    }

    /// The four planes of a byte.
    fn planes(&self, offset: u64) -> [u8; 4] {
        self.vga
            .vram()
            .load::<u32>(offset * 4)
            .expect("memory")
            .to_le_bytes()
    }
}

#[test]
fn registers_read_back_the_bits_they_have() {
    let board = Board::new();
    board.out(port::MISC_WRITE, 0x67);
    #[rustfmt::skip]
    let cases = [
        (port::SEQUENCER, seq::CLOCKING, 0xff, 0x3d),
        (port::SEQUENCER, seq::MAP_MASK, 0xff, 0x0f),
        (port::SEQUENCER, seq::MEMORY, 0xff, 0x0e),
        (port::GRAPHICS, gfx::ROTATE, 0xff, 0x1f),
        (port::GRAPHICS, gfx::MODE, 0xff, 0x7b),
        (port::GRAPHICS, gfx::BIT_MASK, 0xa5, 0xa5),
        (port::CRTC, crtc::OFFSET, 0x28, 0x28),
        (port::CRTC, crtc::LINE_COMPARE, 0x5a, 0x5a),
    ];
    for (port, index, value, expected) in cases {
        board.set(port, index, value);
        assert_eq!(board.get(port, index), expected, "{port:#x} {index:#x}");
    }
    assert_eq!(board.input(port::MISC_READ), 0x67);
    assert_eq!(board.get(port::CRTC, 0x40), 0, "there is no such register");
}

#[test]
fn protected_registers_keep_all_but_one_bit() {
    let board = Board::new();
    board.out(port::MISC_WRITE, 0x67);
    board.set(port::CRTC, crtc::H_TOTAL, 0x5f);
    board.set(port::CRTC, crtc::OVERFLOW, 0x1f);
    board.set(port::CRTC, crtc::V_RETRACE_END, 0x8e);
    board.set(port::CRTC, crtc::H_TOTAL, 0);
    board.set(port::CRTC, crtc::OVERFLOW, 0);
    assert_eq!(board.get(port::CRTC, crtc::H_TOTAL), 0x5f);
    assert_eq!(board.get(port::CRTC, crtc::OVERFLOW), 0x0f);
}

#[test]
fn the_crtc_moves_with_the_miscellaneous_register() {
    let board = Board::new();
    assert_eq!(board.input(port::CRTC), 0xff);
    board.set(0x3b4, crtc::OFFSET, 7);
    board.out(port::MISC_WRITE, 1);
    assert_eq!(board.get(port::CRTC, crtc::OFFSET), 7);
    assert_eq!(board.input(0x3b5), 0xff);
}

#[test]
fn attributes_take_index_and_data_by_turns() {
    let board = Board::new();
    board.out(port::MISC_WRITE, 1);
    board.input(port::STATUS);
    board.out(port::ATTRIBUTE, 0x03);
    board.out(port::ATTRIBUTE, 0xff);
    board.out(port::ATTRIBUTE, 0x23);
    board.input(port::STATUS);
    assert_eq!(board.input(port::ATTRIBUTE_DATA), 0x3f);
    board.out(port::ATTRIBUTE, 0x04);
    assert_eq!(
        board.input(port::ATTRIBUTE_DATA),
        0,
        "the status was read, so this was an index"
    );
}

#[test]
fn colours_go_in_and_out_by_components() {
    let board = Board::new();
    board.out(port::DAC_WRITE, 0xff);
    for value in [0xff, 2, 3, 4, 5, 6] {
        board.out(port::DAC_DATA, value);
    }
    assert_eq!(board.input(port::DAC_WRITE), 1, "behind colour 255 comes 0");
    assert_eq!(board.input(port::DAC_READ), 0);
    board.out(port::DAC_READ, 0xff);
    assert_eq!(board.input(port::DAC_READ), 3);
    let read: Vec<u8> = (0..6).map(|_| board.input(port::DAC_DATA)).collect();
    assert_eq!(read, [0x3f, 2, 3, 4, 5, 6]);
}

/// Write modes, from latches 0F, F0, 33, CC: registers (set/reset, its enable, rotate and function, mode, bit mask,
/// map mask), byte written, planes after it.
#[test]
fn write_modes() {
    #[rustfmt::skip]
    let cases: &[([u8; 6], u8, [u8; 4])] = &[
        // Mode 0: data, masks, rotation.
        ([0x0, 0x0, 0x00, 0x0, 0xff, 0xf], 0x5a, [0x5a, 0x5a, 0x5a, 0x5a]),
        ([0x0, 0x0, 0x00, 0x0, 0xff, 0x5], 0x5a, [0x5a, 0xf0, 0x5a, 0xcc]),
        ([0x0, 0x0, 0x00, 0x0, 0xf0, 0xf], 0x5a, [0x5f, 0x50, 0x53, 0x5c]),
        ([0x0, 0x0, 0x04, 0x0, 0xff, 0xf], 0x5b, [0xb5, 0xb5, 0xb5, 0xb5]),
        // Functions: and, or, xor.
        ([0x0, 0x0, 0x08, 0x0, 0xff, 0xf], 0x3c, [0x0c, 0x30, 0x30, 0x0c]),
        ([0x0, 0x0, 0x10, 0x0, 0xff, 0xf], 0x3c, [0x3f, 0xfc, 0x3f, 0xfc]),
        ([0x0, 0x0, 0x18, 0x0, 0xff, 0xf], 0x3c, [0x33, 0xcc, 0x0f, 0xf0]),
        // Set/reset in planes 0 and 1, data in the others.
        ([0x1, 0x3, 0x00, 0x0, 0xff, 0xf], 0x5a, [0xff, 0x00, 0x5a, 0x5a]),
        // Mode 1: the latches.
        ([0xf, 0xf, 0x00, 0x1, 0x00, 0xf], 0x5a, [0x0f, 0xf0, 0x33, 0xcc]),
        // Mode 2: a colour through the bit mask.
        ([0x0, 0x0, 0x00, 0x2, 0xff, 0xf], 0x06, [0x00, 0xff, 0xff, 0x00]),
        ([0x0, 0x0, 0x00, 0x2, 0x0f, 0xf], 0x09, [0x0f, 0xf0, 0x30, 0xcf]),
        // Mode 3: set/reset through data and bit mask.
        ([0x5, 0x0, 0x00, 0x3, 0xff, 0xf], 0xf0, [0xff, 0x00, 0xf3, 0x0c]),
        ([0x5, 0x0, 0x04, 0x3, 0x3f, 0xf], 0xf0, [0x0f, 0xf0, 0x3f, 0xc0]),
    ];
    let board = Board::new();
    for (registers, value, expected) in cases {
        board.planar();
        board.vga.vram().store::<u32>(4 * 7, 0xcc33_f00f).expect("memory");
        board.peek(0xa_0007);
        let [set_reset, enable, rotate, mode, bit_mask, map_mask] = *registers;
        board.set(port::GRAPHICS, gfx::SET_RESET, set_reset);
        board.set(port::GRAPHICS, gfx::ENABLE_SET_RESET, enable);
        board.set(port::GRAPHICS, gfx::ROTATE, rotate);
        board.set(port::GRAPHICS, gfx::MODE, mode);
        board.set(port::GRAPHICS, gfx::BIT_MASK, bit_mask);
        board.set(port::SEQUENCER, seq::MAP_MASK, map_mask);
        board.poke(0xa_0007, *value);
        assert_eq!(board.planes(7), *expected, "{registers:x?} {value:#x}");
    }
}

#[test]
fn read_modes() {
    let board = Board::new();
    board.planar();
    board.vga.vram().store::<u32>(0, 0xcc33_f00f).expect("memory");
    for (plane, expected) in [0x0f, 0xf0, 0x33, 0xcc].into_iter().enumerate() {
        board.set(port::GRAPHICS, gfx::READ_MAP, plane as u8);
        assert_eq!(board.peek(0xa_0000), expected);
    }
    board.set(port::GRAPHICS, gfx::MODE, 0x08);
    // Which dots have the colour, with planes that do not matter.
    for (colour, care, expected) in [
        (0x9, 0xf, 0x0c),
        (0x1, 0x1, 0x0f),
        (0x0, 0x0, 0xff),
        (0xa, 0xf, 0xc0),
    ] {
        board.set(port::GRAPHICS, gfx::COLOUR_COMPARE, colour);
        board.set(port::GRAPHICS, gfx::COLOUR_CARE, care);
        assert_eq!(board.peek(0xa_0000), expected, "{colour:x} of {care:x}");
    }
}

#[test]
fn text_memory_is_odd_and_even_planes() {
    let board = Board::new();
    board.vga.mode3();
    board.poke(0xb_8002, b'x');
    board.poke(0xb_8003, 0x1e);
    assert_eq!(board.planes(1)[..2], [b'x', 0x1e]);
    assert_eq!(board.peek(0xb_8003), 0x1e);
    assert_eq!(board.peek(0xa_0000), 0xff, "the window is 32 KiB at B8000h");
}

#[test]
fn chained_planes_are_memory_with_banks() {
    let board = Board::new();
    for (register, value) in [
        (dispi::X, 640),
        (dispi::Y, 480),
        (dispi::BPP, 8),
        (dispi::ENABLE, 0x41),
    ] {
        board.dispi(register, value);
    }
    board.dispi(dispi::BANK, 2);
    board.poke(0xa_1234, 0x77);
    assert_eq!(board.peek(0xe002_1234), 0x77, "the linear frame buffer has it");
    // Without a plane the logic is asked again.
    board.dispi(dispi::ENABLE, 0);
    board.set(port::SEQUENCER, seq::MAP_MASK, 0x0e);
    board.poke(0xa_0000, 0x11);
    board.poke(0xa_0001, 0x22);
    assert_eq!([board.peek(0xe000_0000), board.peek(0xe000_0001)], [0, 0x22]);
}

#[test]
fn extension_registers_are_brought_into_range() {
    let board = Board::new();
    assert_eq!(board.get_dispi(dispi::ID), 0xb0c5);
    assert_eq!(board.get_dispi(dispi::MEMORY.into()), 256);
    board.dispi(dispi::ID, 0x1234);
    assert_eq!(board.get_dispi(dispi::ID), 0xb0c5);
    board.dispi(dispi::ENABLE, dispi::CAPABILITIES);
    let most = [dispi::X, dispi::Y, dispi::BPP].map(|register| board.get_dispi(register));
    assert_eq!(most, [16_000, 12_000, 32]);
    board.dispi(dispi::X, 1027);
    board.dispi(dispi::Y, 768);
    board.dispi(dispi::BPP, 32);
    board.dispi(dispi::ENABLE, 0x41);
    let size = [dispi::X, dispi::VIRTUAL_WIDTH, dispi::VIRTUAL_HEIGHT].map(|r| board.get_dispi(r));
    assert_eq!(size, [1024, 1024, 4096]);
    board.dispi(dispi::Y_OFFSET, 0xffff);
    assert_eq!(board.get_dispi(dispi::Y_OFFSET), 4096 - 768);
    board.dispi(dispi::VIRTUAL_WIDTH, 2048);
    assert_eq!(board.get_dispi(dispi::VIRTUAL_HEIGHT), 2048);
}

#[test]
fn enabling_clears_unless_told_not_to() {
    let board = Board::new();
    for (switches, expected) in [(0x41, 0), (0xc1, 0x55)] {
        board.dispi(dispi::ENABLE, 0);
        board.vga.vram().store::<u8>(640 * 400, 0x55).expect("memory");
        board.dispi(dispi::X, 640);
        board.dispi(dispi::Y, 480);
        board.dispi(dispi::BPP, 8);
        board.dispi(dispi::ENABLE, switches);
        assert_eq!(board.vga.vram().load::<u8>(640 * 400), Some(expected));
    }
}

#[test]
fn registers_in_memory() {
    let board = Board::new();
    let mmio = board.vga.mmio().ops;
    let read = |at, size| mmio.read(at, size).expect("a register");
    assert_eq!(read(0, 4), 0xffff_ff00, "EDID begins");
    assert_eq!(read(0x500, 2), 0xb0c5);
    assert_eq!([read(0x600, 4), read(0x604, 4)], [8, 0x1e1e_1e1e]);
    mmio.write(0x604, 4, 0xbebe_bebe).expect("a register");
    assert_eq!(read(0x604, 4), 0xbebe_bebe);
    mmio.write(0x502, 2, 800).expect("a register");
    assert_eq!(board.get_dispi(dispi::X), 800);
    // 3C4h and 3C5h as one word.
    mmio.write(0x404, 2, 0x0b02).expect("a register");
    assert_eq!(board.get(port::SEQUENCER, seq::MAP_MASK), 0x0b);
}

#[test]
fn the_retrace_comes_seventy_times_a_second() {
    let board = Board::new();
    board.vga.mode3();
    let mut edges = 0;
    let mut before = 0;
    for _ in 0..100_000 {
        board.clock.advance(10_000);
        let now = board.input(port::STATUS) & status::VERTICAL_RETRACE;
        edges += usize::from(now != 0 && before == 0);
        before = now;
    }
    assert_eq!(edges, 70);
}

#[test]
fn the_status_tells_where_the_beam_is() {
    let board = Board::new();
    board.vga.mode3();
    assert_eq!(board.input(port::STATUS), 0, "the first dot");
    // 720 of 900 dots of 28.322 MHz, and the line after 400 lines.
    board.clock.advance_to(25_500);
    assert_eq!(board.input(port::STATUS), status::BLANK);
    board.clock.advance_to(31_800);
    assert_eq!(board.input(port::STATUS), 0);
    board.clock.advance_to(412 * 31_778 + 1000);
    assert_eq!(
        board.input(port::STATUS),
        status::BLANK | status::VERTICAL_RETRACE
    );
}

#[test]
fn state_is_saved_and_reset() {
    let (_, used) = rig();
    used.mode3();
    check_saved_state(&*used, &*rig().1);
    check_reset(&*used, || used.mode3());
}

#[test]
fn a_restored_window_leads_where_it_did() {
    let (a, b) = (Board::new(), Board::new());
    for (register, value) in [
        (dispi::X, 640),
        (dispi::Y, 480),
        (dispi::BPP, 8),
        (dispi::ENABLE, 0x41),
    ] {
        a.dispi(register, value);
    }
    a.dispi(dispi::BANK, 3);
    hw_core::Device::load(&*b.vga, &hw_core::Device::save(&*a.vga)).expect("own state");
    b.poke(0xa_0005, 9);
    assert_eq!(b.vga.vram().load::<u8>(0x3_0005), Some(9));
    assert_eq!(b.vga.text(), None);
}
