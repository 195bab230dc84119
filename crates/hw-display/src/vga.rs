//! The standard VGA: registers, window and memory as one device, without the bus it sits on.
//!
//! Accesses of the guest flow in by ports, by the window at A0000h and by the memory-mapped copy of the registers;
//! pictures flow out to whoever asks. Mirrors QEMU's `hw/display/vga.c` and the common half of `vga-pci.c`.
//!
//! Chained planes are plain memory, so the window then leads to memory directly ([`Window`] switches over with the
//! registers); so does the linear frame buffer, always.

use crate::spec::{self, dispi, mmio};
use crate::state::VgaState;
use crate::{edid, extension, mode3, render, timing, window};
use hw_core::{
    Device, DeviceCell, Display, IoWindow, ResetPhase, SavedState, StateError, Surface, TextScreen,
    VirtualClock,
};
use softmmu::{AccessRules, IoOps, IoResult, MemoryMap, MemoryRegion, RamBlock, RamError};
use std::sync::{Arc, Weak};

/// What a VGA is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VgaConfig {
    /// Memory in MiB: a power of two, 1 to 256.
    pub memory_mib: u32,
    /// The size that the monitor likes best, in pixels; none: there is no data sheet.
    pub preferred: Option<(u32, u32)>,
}

impl Default for VgaConfig {
    fn default() -> Self {
        Self {
            memory_mib: 16,
            preferred: Some((1280, 800)),
        }
    }
}

/// DISPI registers take words, at any address.
const WORDS: AccessRules = AccessRules {
    valid: (2, 2),
    impl_: (2, 2),
    unaligned: true,
    endian: softmmu::Endian::Little,
};
/// The window takes what comes; bytes are served one by one, lowest first.
const BYTES_OF_ANY: AccessRules = AccessRules {
    valid: (1, 8),
    impl_: (1, 8),
    unaligned: true,
    endian: softmmu::Endian::Little,
};

/// The window at A0000h as a region: the logic, and memory itself on top of its first half while that is the same.
struct Window {
    region: MemoryRegion,
    plain: MemoryRegion,
}

/// A standard VGA.
pub struct Vga {
    // Configuration.
    name: String,
    edid: Option<[u8; edid::SIZE]>,
    // Host glue.
    clock: VirtualClock,
    vram: RamBlock,
    frame_buffer: MemoryRegion,
    window: Window,
    // Volatile state; the contents of the memory are the machine's to save.
    state: DeviceCell<VgaState>,
}

/// Bytes of the window.
struct WindowOps(Weak<Vga>);

impl IoOps for WindowOps {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        let Some(vga) = self.0.upgrade() else {
            return Ok(u64::MAX);
        };
        let mut state = vga.state.lock();
        Ok((0..u64::from(size)).fold(0, |value, n| {
            let byte = window::read(&mut state, &vga.vram, offset + n);
            value | u64::from(byte) << (8 * n)
        }))
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        if let Some(vga) = self.0.upgrade() {
            let state = vga.state.lock();
            for n in 0..u64::from(size) {
                window::write(&state, &vga.vram, offset + n, (value >> (8 * n)) as u8);
            }
        }
        Ok(())
    }
}

impl Vga {
    /// A VGA called `name`, in the machine of `map`.
    ///
    /// # Errors
    /// If the host has not that much memory, or the size is none a VGA has.
    pub fn new(
        name: impl Into<String>,
        map: &MemoryMap,
        clock: &VirtualClock,
        config: VgaConfig,
    ) -> Result<Arc<Self>, RamError> {
        let name = name.into();
        let size = u64::from(config.memory_mib) << 20;
        if !config.memory_mib.is_power_of_two() || config.memory_mib > 256 {
            return Err(RamError::Size(size));
        }
        let vram = RamBlock::new(map, format!("{name}.vram"), size)?;
        let frame_buffer = MemoryRegion::ram(vram.clone());
        Ok(Arc::new_cyclic(|this: &Weak<Self>| {
            let ops = Arc::new(WindowOps(Weak::clone(this)));
            let region = MemoryRegion::container("vga-window", spec::WINDOW.1);
            let logic = MemoryRegion::io("vga-planes", spec::WINDOW.1, ops, BYTES_OF_ANY);
            let plain = MemoryRegion::alias("vga-chain4", &frame_buffer, 0, 0x1_0000);
            plain.set_enabled(false);
            region.add_subregion(0, &logic, 0);
            region.add_subregion(0, &plain, 1);
            Self {
                name,
                edid: config.preferred.map(|(width, height)| edid::block(width, height)),
                clock: clock.clone(),
                vram,
                frame_buffer,
                window: Window { region, plain },
                state: DeviceCell::default(),
            }
        }))
    }

    /// The memory, for the machine's list of what to save.
    pub fn vram(&self) -> &RamBlock {
        &self.vram
    }

    /// The linear frame buffer: BAR 0.
    pub fn frame_buffer(&self) -> &MemoryRegion {
        &self.frame_buffer
    }

    /// The window at A0000h, 128 KiB.
    pub fn window(&self) -> &MemoryRegion {
        &self.window.region
    }

    /// The ports: 3B0h to 3DFh, and those of DISPI.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        vec![
            IoWindow::new(
                "vga",
                spec::PORTS,
                AccessRules::BYTES,
                self,
                |d: &Self, offset, _| Ok(d.read_port((spec::PORTS.0 + offset) as u16).into()),
                |d, offset, _, value| {
                    d.write_port((spec::PORTS.0 + offset) as u16, value as u8);
                    Ok(())
                },
            ),
            IoWindow::new(
                "vbe",
                spec::DISPI_PORTS,
                WORDS,
                self,
                |d: &Self, offset, _| Ok(d.read_dispi_port(offset).into()),
                |d, offset, _, value| {
                    d.write_dispi_port(offset, value as u16);
                    Ok(())
                },
            ),
        ]
    }

    /// Registers in memory: BAR 2.
    pub fn mmio(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "vga-mmio",
            (0, mmio::SIZE),
            AccessRules::UP_TO_4,
            self,
            Self::read_mmio,
            Self::write_mmio,
        )
    }

    /// Leaves mode 3 with its font, palette and a cleared screen, as a VGA BIOS would.
    pub fn mode3(&self) {
        mode3::memory(&self.vram);
        self.change(|state| *state = mode3::registers());
    }

    /// Changes registers, then has the window follow.
    fn change<R>(&self, f: impl FnOnce(&mut VgaState) -> R) -> R {
        let (result, plain) = {
            let mut state = self.state.lock();
            let result = f(&mut state);
            (result, window::plain(&state, self.vram.size()))
        };
        self.move_window(plain);
        result
    }

    /// Has the window lead to memory at `plain`, or to the logic.
    fn move_window(&self, plain: Option<u64>) {
        let window = &self.window.plain;
        // Both calls do nothing if nothing changes: most register writes touch no memory map.
        if let Some(at) = plain {
            window.set_alias_offset(at);
        }
        window.set_enabled(plain.is_some());
    }

    fn read_port(&self, port: u16) -> u8 {
        let mut state = self.state.lock();
        // The clock is read under the guard, so that times never go backwards for the guest.
        let status = if port & 0x0f == 0x0a {
            timing::input_status(&state, self.clock.now_ns())
        } else {
            0
        };
        state.read_port(port, status)
    }

    fn write_port(&self, port: u16, value: u8) {
        self.change(|state| state.write_port(port, value));
    }

    fn read_dispi_port(&self, offset: u64) -> u16 {
        let state = self.state.lock();
        match offset {
            0 => state.dispi_index,
            _ => extension::read(&state, state.dispi_index, self.vram.size()),
        }
    }

    fn write_dispi_port(&self, offset: u64, value: u16) {
        if offset == 0 {
            self.state.lock().dispi_index = value;
        } else {
            let index = self.state.lock().dispi_index;
            self.write_dispi(index, value);
        }
    }

    fn write_dispi(&self, index: u16, value: u16) {
        let clear = self.change(|state| extension::write(state, index, value, self.vram.size()));
        // In pieces, so that a large picture needs no large buffer.
        let zeros = [0; 0x1_0000];
        let mut at = 0;
        while at < clear {
            let len = (clear - at).min(zeros.len() as u64);
            let _ = self.vram.write(at, &zeros[..len as usize]);
            at += len;
        }
    }

    /// A byte of the registers in memory, for those that have bytes.
    fn read_mmio_byte(&self, offset: u64) -> u8 {
        let order = || {
            let big = self.state.lock().big_endian;
            if big { mmio::BIG } else { mmio::LITTLE }
        };
        match offset {
            ..mmio::EDID_END => {
                let edid = self.edid.as_ref().and_then(|edid| edid.get(offset as usize));
                edid.copied().unwrap_or(0)
            }
            _ if (mmio::VGA.0..mmio::VGA.0 + mmio::VGA.1).contains(&offset) => {
                self.read_port((0x3c0 + offset - mmio::VGA.0) as u16)
            }
            _ if (mmio::DISPI.0..mmio::DISPI.0 + mmio::DISPI.1).contains(&offset) => {
                let at = offset - mmio::DISPI.0;
                let state = self.state.lock();
                extension::read(&state, (at / 2) as u16, self.vram.size()).to_le_bytes()[at as usize & 1]
            }
            _ if (mmio::EXTENSION.0..mmio::EXTENSION.0 + 4).contains(&offset) => {
                (mmio::EXTENSION.1 as u32).to_le_bytes()[offset as usize & 3]
            }
            _ if (mmio::EXTENSION.0 + 4..mmio::EXTENSION.0 + 8).contains(&offset) => {
                order().to_le_bytes()[offset as usize & 3]
            }
            _ => 0xff,
        }
    }

    fn read_mmio(&self, offset: u64, size: u32) -> IoResult<u64> {
        Ok((0..u64::from(size)).fold(0, |value, n| {
            value | u64::from(self.read_mmio_byte(offset + n)) << (8 * n)
        }))
    }

    fn write_mmio(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        match offset {
            _ if (mmio::VGA.0..mmio::VGA.0 + mmio::VGA.1).contains(&offset) => {
                for n in 0..u64::from(size) {
                    let port = (0x3c0 + offset + n - mmio::VGA.0) as u16;
                    self.write_port(port, (value >> (8 * n)) as u8);
                }
            }
            // Words, one or two of them.
            _ if (mmio::DISPI.0..mmio::DISPI.0 + mmio::DISPI.1).contains(&offset) && size >= 2 => {
                for n in 0..u64::from(size / 2) {
                    let index = ((offset - mmio::DISPI.0) / 2 + n) as u16;
                    self.write_dispi(index, (value >> (16 * n)) as u16);
                }
            }
            _ if offset == mmio::EXTENSION.0 + 4 && size == 4 => {
                let mut state = self.state.lock();
                match value as u32 {
                    mmio::BIG => state.big_endian = true,
                    mmio::LITTLE => state.big_endian = false,
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The registers, to draw from without keeping anyone waiting.
    fn registers(&self) -> (VgaState, i64) {
        let state = self.state.lock();
        (state.clone(), self.clock.now_ns())
    }
}

#[cfg(test)]
impl Vga {
    /// What a picture would be drawn of.
    pub(crate) fn registers_for_test(&self) -> VgaState {
        self.registers().0
    }
}

impl Display for Vga {
    fn draw(&self, surface: &mut Surface) {
        let (state, now) = self.registers();
        render::draw(&state, &self.vram, now, surface);
    }

    fn text(&self) -> Option<TextScreen> {
        let (state, now) = self.registers();
        render::text(&state, &self.vram, now)
    }
}

impl Device for Vga {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = VgaState::default(),
            ResetPhase::Hold => self.change(|_| ()),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VgaState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: VgaState = state.decode(VgaState::VERSION)?;
        if !state.is_sane() || u64::from(state.dispi[dispi::BANK]) << 16 >= self.vram.size() {
            return Err(StateError::Damaged("VGA registers out of range".to_owned()));
        }
        self.change(|own| *own = state);
        Ok(())
    }
}
