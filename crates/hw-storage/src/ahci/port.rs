//! A port: its registers, the commands it issues, the frames it receives (AHCI 1.3.1, 3.3, 5.3 and 6.2).
//!
//! Software fills slots and sets bits in CI; the port hands one command after the other to the drive. A queued command
//! is taken at once and its end told by a set-device-bits frame; any other one keeps the drive busy until its own
//! register or PIO setup frame. After an error nothing is issued until software has stopped the port.

use super::drive::{Drive, Request};
use super::spec::*;
use super::table::{Cursor, Header};
use crate::ata::TaskFile;
use crate::ata::spec::status;
use hw_core::{Disk, DiskOp, Dma};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is done after the state is left.
pub(super) enum Act {
    /// A request.
    Submit(Arc<dyn Disk>, u64, DiskOp),
    /// Nothing that is in flight matters any more.
    Forget(Arc<dyn Disk>),
}

/// What a port needs of its controller.
pub(super) struct Context<'a> {
    pub dma: &'a Dma,
    pub acts: &'a mut Vec<Act>,
}

/// The registers; what is saved of a port beside its drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registers {
    pub list: u64,
    pub received: u64,
    pub interrupts: u32,
    pub enabled: u32,
    pub cmd: u32,
    pub tfd: u32,
    pub signature: u32,
    pub status: u32,
    pub control: u32,
    pub error: u32,
    pub active: u32,
    pub issue: u32,
    /// The last command that was issued.
    pub last: u8,
    /// An error stopped it, until ST is cleared.
    pub halted: bool,
    /// The drive's first frame waits until frames are received.
    pub greeting: bool,
}

/// A port.
pub(super) struct Port {
    pub regs: Registers,
    pub drive: Option<Drive>,
}

fn low(word: u64, value: u32) -> u64 {
    word & !0xffff_ffff | u64::from(value)
}

fn high(word: u64, value: u32) -> u64 {
    word & 0xffff_ffff | u64::from(value) << 32
}

impl Port {
    /// After power on, without a drive.
    pub fn new() -> Self {
        Self {
            regs: Registers {
                list: 0,
                received: 0,
                interrupts: 0,
                enabled: 0,
                cmd: cmd::SUD | cmd::POD,
                tfd: TFD_NONE,
                signature: u32::MAX,
                status: 0,
                control: 0,
                error: 0,
                active: 0,
                issue: 0,
                last: SLOTS as u8 - 1,
                halted: false,
                greeting: false,
            },
            drive: None,
        }
    }

    /// Reset of the controller: addresses stay if it was software's. What is in flight has to be forgotten besides.
    pub fn reset(&mut self, hard: bool) {
        let (list, received) = (self.regs.list, self.regs.received);
        self.regs = Self::new().regs;
        if !hard {
            (self.regs.list, self.regs.received) = (list, received);
        }
        if let Some(drive) = &mut self.drive {
            drive.reset(hard);
        }
        self.link();
    }

    /// The link comes up, if somebody is there, who says what it is.
    pub fn link(&mut self) {
        let Some(drive) = &self.drive else {
            (self.regs.status, self.regs.tfd) = (0, TFD_NONE);
            return;
        };
        self.regs.status = LINK_UP;
        self.regs.error |= SERR_EXCHANGED | SERR_CHANGED;
        self.regs.signature = drive.signature();
        self.regs.tfd = drive.idle_status() | 1 << 8;
        self.regs.greeting = true;
    }

    /// PxIS with what only follows SERR.
    pub fn interrupts(&self) -> u32 {
        let follows = |bit, cause| if self.regs.error & cause != 0 { bit } else { 0 };
        self.regs.interrupts
            | follows(interrupt::PCS, SERR_EXCHANGED)
            | follows(interrupt::PRCS, SERR_CHANGED)
    }

    /// Whether the port interrupts.
    pub fn interrupts_now(&self) -> bool {
        self.interrupts() & self.regs.enabled != 0
    }

    /// Reads a register.
    pub fn read(&self, register: u64) -> u32 {
        let regs = &self.regs;
        match register {
            port::CLB => regs.list as u32,
            port::CLBU => (regs.list >> 32) as u32,
            port::FB => regs.received as u32,
            port::FBU => (regs.received >> 32) as u32,
            port::IS => self.interrupts(),
            port::IE => regs.enabled,
            port::CMD => {
                let mirror = |bit, of| if regs.cmd & of != 0 { bit } else { 0 };
                regs.cmd
                    | mirror(cmd::CR, cmd::ST)
                    | mirror(cmd::FR, cmd::FRE)
                    | u32::from(regs.last & 31) << 8
            }
            port::TFD => regs.tfd,
            port::SIG => regs.signature,
            port::SSTS => regs.status,
            port::SCTL => regs.control,
            port::SERR => regs.error,
            port::SACT => regs.active,
            port::CI => regs.issue,
            _ => 0,
        }
    }

    /// Writes a register. `value` is whole for those that are stored, and the bits written for those that are set or
    /// cleared by ones.
    pub fn write(&mut self, register: u64, value: u32, cx: &mut Context) {
        let running = self.regs.cmd & cmd::ST != 0;
        match register {
            port::CLB => self.regs.list = low(self.regs.list, value & !0x3ff),
            port::CLBU => self.regs.list = high(self.regs.list, value),
            port::FB => self.regs.received = low(self.regs.received, value & !0xff),
            port::FBU => self.regs.received = high(self.regs.received, value),
            port::IS => self.regs.interrupts &= !value,
            port::IE => self.regs.enabled = value & interrupt::ALL,
            port::CMD => self.write_command(value, cx),
            port::SCTL => self.write_control(value & 0xfff, cx),
            port::SERR => self.regs.error &= !value,
            port::SACT if running => self.regs.active |= value,
            port::CI if running => {
                self.regs.issue |= value;
                self.run(cx);
            }
            _ => {}
        }
    }

    fn write_command(&mut self, value: u32, cx: &mut Context) {
        let before = self.regs.cmd;
        self.regs.cmd = value & cmd::WRITABLE | cmd::SUD | cmd::POD;
        if before & !value & cmd::ST != 0 {
            self.stop(cx);
            self.regs.last = SLOTS as u8 - 1;
        }
        if value & cmd::CLO != 0 && before & cmd::ST == 0 {
            self.regs.tfd &= !u32::from(status::BSY | status::DRQ);
        }
        self.greet(cx);
        self.run(cx);
    }

    /// The list stops; the drive goes on with nothing.
    fn stop(&mut self, cx: &mut Context) {
        (self.regs.issue, self.regs.active, self.regs.halted) = (0, 0, false);
        self.drop_requests(cx);
    }

    fn drop_requests(&mut self, cx: &mut Context) {
        if let Some(drive) = &mut self.drive
            && !drive.state.requests.is_empty()
        {
            drive.state.requests.clear();
            cx.acts.push(Act::Forget(Arc::clone(drive.disk())));
        }
    }

    /// Serial ATA control: the link is reset (COMRESET) while DET is 1, and off while it is 4.
    fn write_control(&mut self, value: u32, cx: &mut Context) {
        let before = std::mem::replace(&mut self.regs.control, value) & 0xf;
        match (before, value & 0xf) {
            (1 | 4, 0) => {
                self.link();
                self.greet(cx);
            }
            (_, detection @ (1 | 4)) => {
                self.drop_requests(cx);
                if let Some(drive) = &mut self.drive {
                    drive.reset(false);
                }
                self.regs.greeting = false;
                self.regs.tfd = TFD_NONE;
                self.regs.signature = u32::MAX;
                self.regs.status = if detection == 4 { LINK_OFF } else { 0 };
            }
            _ => {}
        }
    }

    /// The drive's first frame after a reset.
    fn greet(&mut self, cx: &mut Context) {
        let Some(drive) = &self.drive else { return };
        if self.regs.greeting && self.regs.cmd & cmd::FRE != 0 {
            let task = drive.greeting();
            self.regs.greeting = false;
            self.post_register(&task, self.regs.tfd, false, cx);
        }
    }

    /// Issues what can be issued.
    pub fn run(&mut self, cx: &mut Context) {
        // Each turn ends a slot, leaves the drive busy, or halts.
        for _ in 0..SLOTS {
            let busy = self.regs.tfd & u32::from(status::BSY | status::DRQ) != 0;
            let stopped = self.regs.cmd & cmd::ST == 0 || self.regs.halted || self.regs.status != LINK_UP;
            if stopped || busy || self.drive.is_none() || self.regs.issue == 0 {
                return;
            }
            let first = (u32::from(self.regs.last) + 1) % SLOTS;
            let ahead = self.regs.issue.rotate_right(first).trailing_zeros();
            let slot = ((first + ahead) % SLOTS) as u8;
            self.regs.last = slot;
            self.issue(slot, cx);
        }
    }

    fn issue(&mut self, slot: u8, cx: &mut Context) {
        let Ok(header) = Header::read(cx.dma, self.regs.list, slot) else {
            return self.fatal(interrupt::HBFS, cx);
        };
        let mut frame = [0; 80];
        if cx.dma.read(header.table, &mut frame).is_err() {
            return self.fatal(interrupt::HBFS, cx);
        }
        if frame[0] != fis::TO_DRIVE || !(2..=16).contains(&header.length) {
            return self.fatal(interrupt::IFS, cx);
        }
        if frame[1] & fis::COMMAND == 0 {
            return self.control_frame(slot, frame[15], cx);
        }
        let mut packet = [0; 16];
        packet.copy_from_slice(&frame[PACKET as usize..]);
        let request = Request {
            slot,
            code: frame[2],
            task: TaskFile {
                feature: [frame[3], frame[11]],
                count: [frame[12], frame[13]],
                low: [frame[4], frame[8]],
                mid: [frame[5], frame[9]],
                high: [frame[6], frame[10]],
                device: frame[7],
            },
            cursor: Cursor::new(&header),
            job: None,
        };
        self.command(request, &packet, cx);
    }

    /// The drive's control register: software reset.
    fn control_frame(&mut self, slot: u8, control: u8, cx: &mut Context) {
        self.regs.issue &= !(1 << slot);
        let Some(drive) = &mut self.drive else { return };
        let reset = control & fis::SRST != 0;
        if std::mem::replace(&mut drive.state.held, reset) && !reset {
            let (task, status) = (drive.greeting(), drive.idle_status() | 1 << 8);
            (self.regs.tfd, self.regs.signature) = (status, drive.signature());
            self.post_register(&task, status, true, cx);
        } else if reset {
            drive.reset(false);
            drive.state.held = true;
            self.drop_requests(cx);
        }
    }

    /// The port cannot go on: memory or link.
    pub fn fatal(&mut self, bit: u32, cx: &mut Context) {
        self.regs.interrupts |= bit;
        self.halt(cx);
    }

    /// Nothing is issued, and what is in flight ends unheard.
    pub fn halt(&mut self, cx: &mut Context) {
        self.regs.halted = true;
        self.drop_requests(cx);
    }

    fn post(&mut self, offset: u64, frame: &[u8], cx: &mut Context) {
        if self.regs.cmd & cmd::FRE == 0 {
            return;
        }
        let at = self.regs.received.wrapping_add(offset);
        if cx.dma.write(at, frame).is_err() {
            self.fatal(interrupt::HBFS, cx);
        }
    }

    /// A register frame with these status and error registers.
    pub fn post_register(&mut self, task: &TaskFile, tfd: u32, told: bool, cx: &mut Context) {
        self.regs.tfd = tfd;
        let mut frame = registers(task, fis::REGISTER, tfd);
        if told {
            frame[1] |= fis::INTERRUPT;
            self.regs.interrupts |= interrupt::DHRS;
        }
        self.post(received::REGISTER, &frame, cx);
    }

    /// A PIO setup frame for so many bytes from the drive, after which its status is `tfd`.
    pub fn post_pio(&mut self, task: &TaskFile, bytes: u32, tfd: u32, told: bool, cx: &mut Context) {
        let mut frame = registers(task, fis::PIO_SETUP, tfd | u32::from(status::DRQ));
        frame[1] |= fis::TO_HOST;
        frame[15] = tfd as u8;
        frame[16..18].copy_from_slice(&(bytes as u16).to_le_bytes());
        self.regs.tfd = tfd;
        if told {
            frame[1] |= fis::INTERRUPT;
            self.regs.interrupts |= interrupt::PSS;
        }
        self.post(received::PIO_SETUP, &frame, cx);
    }

    /// A set-device-bits frame: these queued commands have ended.
    pub fn post_bits(&mut self, ended: u32, tfd: u32, cx: &mut Context) {
        // BSY and DRQ are not in it.
        self.regs.tfd = self.regs.tfd & !0xff77 | tfd & 0xff77;
        self.regs.active &= !ended;
        self.regs.interrupts |= interrupt::SDBS;
        let mut frame = [
            fis::SET_BITS,
            fis::INTERRUPT,
            tfd as u8 & 0x77,
            (tfd >> 8) as u8,
            0,
            0,
            0,
            0,
        ];
        frame[4..].copy_from_slice(&ended.to_le_bytes());
        self.post(received::SET_BITS, &frame, cx);
    }

    /// The header says how many bytes were moved.
    pub fn tell_moved(&mut self, request: &Request, cx: &mut Context) {
        if request.cursor.told {
            self.regs.interrupts |= interrupt::DPS;
        }
        let at = self.regs.list.wrapping_add(u64::from(request.slot) * HEADER + 4);
        if cx.dma.write(at, &request.cursor.moved.to_le_bytes()).is_err() {
            self.fatal(interrupt::HBFS, cx);
        }
    }
}

/// A frame with the drive's registers.
fn registers(task: &TaskFile, kind: u8, tfd: u32) -> [u8; 20] {
    let mut frame = [0; 20];
    (frame[0], frame[2], frame[3]) = (kind, tfd as u8, (tfd >> 8) as u8);
    frame[4..8].copy_from_slice(&[task.low[0], task.mid[0], task.high[0], task.device]);
    frame[8..11].copy_from_slice(&[task.low[1], task.mid[1], task.high[1]]);
    frame[12..14].copy_from_slice(&task.count);
    frame
}
