//! The registers at ports 3B0h to 3DFh.
//!
//! Bytes flow in and out; nothing here touches memory or time. Mirrors the register half of QEMU's
//! `hw/display/vga.c`.

use crate::extension;
use crate::spec::*;
use crate::state::VgaState;

/// What an undriven bus reads as.
const NOTHING: u8 = 0xff;

impl VgaState {
    /// The port in colour mode that `port` is now; none if the other half is selected.
    fn resolve(&self, port: u16) -> Option<u16> {
        let colour = self.misc & misc::COLOUR != 0;
        match port {
            0x3b0..=0x3bf => (!colour).then_some(port + 0x20),
            0x3d0..=0x3df => colour.then_some(port),
            _ => Some(port),
        }
    }

    /// Reads `port` (3B0h to 3DFh); `status` is input status 1.
    pub fn read_port(&mut self, port: u16, status: u8) -> u8 {
        let Some(port) = self.resolve(port) else {
            return NOTHING;
        };
        match port {
            port::ATTRIBUTE if self.attribute_data_next => 0,
            port::ATTRIBUTE => self.attribute_index,
            port::ATTRIBUTE_DATA => {
                let index = usize::from(self.attribute_index & 0x1f);
                self.attribute.get(index).copied().unwrap_or(0)
            }
            // Input status 0: a colour monitor is sensed; no interrupt of ours.
            port::MISC_WRITE => 0x10,
            port::SEQUENCER => self.sequencer_index,
            port::SEQUENCER_DATA => self.sequencer[usize::from(self.sequencer_index & 7)],
            port::DAC_MASK => self.dac.mask,
            port::DAC_READ if self.dac.reading => 3,
            port::DAC_READ => 0,
            port::DAC_WRITE => self.dac.write_index,
            port::DAC_DATA => self.read_dac(),
            port::FEATURE_READ => self.feature,
            port::MISC_READ => self.misc,
            port::GRAPHICS => self.graphics_index,
            port::GRAPHICS_DATA => self.graphics[usize::from(self.graphics_index & 15)],
            port::CRTC => self.crtc_index,
            port::CRTC_DATA => self.crtc.get(usize::from(self.crtc_index)).copied().unwrap_or(0),
            port::STATUS => {
                self.attribute_data_next = false;
                status
            }
            _ => NOTHING,
        }
    }

    /// Writes `port` (3B0h to 3DFh).
    pub fn write_port(&mut self, port: u16, value: u8) {
        let Some(port) = self.resolve(port) else {
            return;
        };
        match port {
            port::ATTRIBUTE => self.write_attribute(value),
            port::MISC_WRITE => self.misc = value & !0x10,
            port::SEQUENCER => self.sequencer_index = value & 7,
            port::SEQUENCER_DATA => {
                let index = usize::from(self.sequencer_index & 7);
                self.sequencer[index] = value & seq::BITS[index];
                extension::hold_registers(self);
            }
            port::DAC_MASK => self.dac.mask = value,
            port::DAC_READ => {
                self.dac.read_index = value;
                self.dac.component = 0;
                self.dac.reading = true;
            }
            port::DAC_WRITE => {
                self.dac.write_index = value;
                self.dac.component = 0;
                self.dac.reading = false;
            }
            port::DAC_DATA => self.write_dac(value),
            port::GRAPHICS => self.graphics_index = value & 15,
            port::GRAPHICS_DATA => {
                let index = usize::from(self.graphics_index & 15);
                self.graphics[index] = value & gfx::BITS[index];
                extension::hold_registers(self);
            }
            port::CRTC => self.crtc_index = value,
            port::CRTC_DATA => {
                self.write_crtc(value);
                extension::hold_registers(self);
            }
            port::STATUS => self.feature = value & 0x10,
            _ => {}
        }
    }

    fn write_attribute(&mut self, value: u8) {
        let data = self.attribute_data_next;
        self.attribute_data_next = !data;
        if !data {
            self.attribute_index = value & 0x3f;
            return;
        }
        let index = usize::from(self.attribute_index & 0x1f);
        let bits = match index {
            0..=0x0f => 0x3f,
            attr::MODE => 0xef,
            0x11 | attr::PLANES => 0x3f,
            attr::PANNING | attr::COLOUR_SELECT => 0x0f,
            _ => return,
        };
        self.attribute[index] = value & bits;
    }

    fn write_crtc(&mut self, value: u8) {
        let index = usize::from(self.crtc_index);
        let protected = self.crtc[crtc::V_RETRACE_END] & crtc::PROTECT != 0;
        let Some(register) = self.crtc.get_mut(index) else {
            return;
        };
        *register = match index {
            crtc::OVERFLOW if protected => *register & !crtc::LINE_COMPARE_8 | value & crtc::LINE_COMPARE_8,
            0..=7 if protected => return,
            _ => value,
        };
    }

    fn read_dac(&mut self) -> u8 {
        let dac = &mut self.dac;
        let value = dac.palette[usize::from(dac.read_index) * 3 + usize::from(dac.component)];
        dac.component += 1;
        if dac.component == 3 {
            dac.component = 0;
            dac.read_index = dac.read_index.wrapping_add(1);
        }
        value
    }

    /// A colour changes when its third component has come.
    fn write_dac(&mut self, value: u8) {
        let dac = &mut self.dac;
        let value = if dac.eight_bits { value } else { value & 0x3f };
        if let Some(latch) = dac.latch.get_mut(usize::from(dac.component)) {
            *latch = value;
            dac.component += 1;
            return;
        }
        let at = usize::from(dac.write_index) * 3;
        dac.palette[at..at + 3].copy_from_slice(&[dac.latch[0], dac.latch[1], value]);
        dac.component = 0;
        dac.write_index = dac.write_index.wrapping_add(1);
    }
}
