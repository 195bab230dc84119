//! Nothing a guest does takes the host down: system instructions on random tables, registers and stacks.
//!
//! The dev profile checks overflow and indexes, so a panic is what this looks for; there is no expected result.

use crate::machine::{IDT, LDT, Machine, TSS};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use target_i386::CpuSignals;
use target_i386::state::Activity;
use target_i386::testbench::{CODE, GDT, Mode, STACK};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// A number of the sizes that matter: tiny, a selector, an edge, an address, anything.
    fn value(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(16),
            1 => self.below(0x200),
            2 => [
                0x7fff_ffff_ffff,
                0x8000_0000_0000,
                u64::MAX,
                0xffff,
                0xffff_ffff,
                0xffff_8000_0000_0000,
            ][self.below(6) as usize],
            3 => 0x9_0000 + self.below(0x1_0000),
            4 => self.next() & 0xffff_ffff,
            _ => self.next(),
        }
    }
    /// A descriptor: often plausible.
    fn descriptor(&mut self) -> u64 {
        match self.below(4) {
            0 => self.next(),
            _ => {
                let kind = self.below(32) | self.below(4) << 5 | (0x80 * u64::from(self.below(8) != 0));
                let low = [0xffff, 0x67, 0x2b, self.below(0x1_0000)][self.below(4) as usize];
                let base = [0, TSS, CODE, 8, 0x18, self.next() & 0xff_ffff][self.below(6) as usize];
                low | (base & 0xff_ffff) << 16 | kind << 40 | self.below(16) << 52 | self.below(16) << 48
            }
        }
    }
}

/// Opcodes worth meeting; a random tail follows (modrm, displacement, immediate).
const OPCODES: &[&[u8]] = &[
    &[0x0f, 0x00],
    &[0x0f, 0x01],
    &[0x0f, 0x02],
    &[0x0f, 0x03],
    &[0x0f, 0x05],
    &[0x0f, 0x06],
    &[0x0f, 0x07],
    &[0x48, 0x0f, 0x07],
    &[0x0f, 0x20],
    &[0x0f, 0x21],
    &[0x0f, 0x22],
    &[0x0f, 0x23],
    &[0x0f, 0x30],
    &[0x0f, 0x32],
    &[0x0f, 0x31],
    &[0x0f, 0x33],
    &[0x0f, 0x34],
    &[0x0f, 0x35],
    &[0x48, 0x0f, 0x35],
    &[0x0f, 0xa2],
    &[0x0f, 0xae],
    &[0x48, 0x0f, 0xae],
    &[0xf3, 0x0f, 0xae],
    &[0x0f, 0xc7],
    &[0x66, 0x0f, 0x38, 0x82],
    &[0x8e],
    &[0x8c],
    &[0xcf],
    &[0x48, 0xcf],
    &[0x66, 0xcf],
    &[0xcb],
    &[0xca],
    &[0x48, 0xcb],
    &[0xcd],
    &[0xcc],
    &[0xce],
    &[0xf1],
    &[0xff],
    &[0x48, 0xff],
    &[0x9a],
    &[0xea],
    &[0xc4],
    &[0xc5],
    &[0x0f, 0xb2],
    &[0x0f, 0xb4],
    &[0x0f, 0xb5],
    &[0x0f, 0xa0],
    &[0x0f, 0xa1],
    &[0x0f, 0xa9],
    &[0x07],
    &[0x17],
    &[0x1f],
    &[0x63],
    &[0xe4],
    &[0xec],
    &[0xee],
    &[0xef],
    &[0xf3, 0x6c],
    &[0xf3, 0x6d],
    &[0xf3, 0x6e],
    &[0xf3, 0x6f],
    &[0xf4],
    &[0xfa],
    &[0xfb],
    &[0x9c],
    &[0x9d],
    &[0x66, 0x9d],
    &[0x0f, 0x0b],
];

/// A guest whose handlers fault for ever completes no instruction, so only a kick ends its run.
fn kick_now_and_then(current: Arc<Mutex<Weak<CpuSignals>>>) {
    std::thread::spawn(move || {
        while Arc::strong_count(&current) > 1 {
            std::thread::sleep(std::time::Duration::from_millis(2));
            if let Some(signals) = current.lock().upgrade() {
                signals.kick();
            }
        }
    });
}

#[test]
fn no_panic() {
    let current = Arc::new(Mutex::new(Weak::new()));
    kick_now_and_then(current.clone());
    let modes = [
        Mode::Real,
        Mode::Protected16,
        Mode::Protected32,
        Mode::Long,
        Mode::LongUser,
        Mode::CompatUser,
    ];
    let mut random = Random(0x1234_5678_9abc_def1);
    for mode in modes {
        let mut m = Machine::new(mode);
        for round in 0..1500 {
            if round % 50 == 0 {
                m = Machine::new(mode);
            }
            for n in 0..64 {
                let (d, e) = (random.descriptor(), random.descriptor());
                if n > 9 {
                    m.bench.put(GDT + 8 * n, &d.to_le_bytes());
                }
                if random.below(4) == 0 {
                    m.bench.put(IDT + 8 * n, &e.to_le_bytes());
                }
                m.bench.put(LDT + 8 * n, &random.descriptor().to_le_bytes());
                m.bench.put(TSS + 8 * n, &random.value().to_le_bytes());
                m.bench.put(STACK - 0x100 + 8 * n, &random.value().to_le_bytes());
                m.bench.put(0x9_0000 + 8 * n, &random.value().to_le_bytes());
            }
            m.bench.cpu.state.activity = Activity::Running;
            m.bench.enter(mode);
            let state = &mut m.bench.cpu.state;
            for register in &mut state.gpr[..16] {
                *register = random.value();
            }
            if random.below(3) != 0 {
                state.gpr[4] = STACK - random.below(0x100);
            }
            state.gdtr.limit = 0x1ff;
            state.cr4 = if random.below(2) == 0 {
                0x620 | random.below(1 << 22) & 0x37_0fff
            } else {
                state.cr4
            };
            state.flags.set(
                random.next()
                    & if mode == Mode::Protected32 {
                        0x3f_ffff
                    } else {
                        0x3d_ffff
                    },
            );
            if state.flags.has(target_i386::flags::bit::VM) && state.cr0 & 1 != 0 {
                state.cpl = 3;
            }
            state.tr.attr = 0x8000 | [3, 11, 9, random.below(16) as u32][random.below(4) as usize] << 8;
            state.tr.limit = [0x67, 0x2b, 0x2067, random.below(0x100) as u32][random.below(4) as usize];
            state.ldtr.attr = 0x8200;
            state.ldtr.selector = 0x68;
            (state.ldtr.base, state.ldtr.limit) = (LDT, 0x1ff);
            state.dr.dr7 = if random.below(4) == 0 {
                random.next() & 0xffff_27ff | 0x400
            } else {
                0x400
            };
            state.dr.addr = [CODE, 0x9_0000, STACK - 8, random.value()];
            m.bench.cpu.refresh_mode();
            m.bench.cpu.tlb.flush_all();
            if random.below(8) == 0 {
                m.bench.board.vectors.lock().push(random.next() as u8);
                m.bench.cpu.signals.set_intr(true);
                m.bench.cpu.signals.nmi();
            }
            let mut code = Vec::new();
            for _ in 0..3 {
                code.extend_from_slice(OPCODES[random.below(OPCODES.len() as u64) as usize]);
                code.extend_from_slice(&random.value().to_le_bytes()[..random.below(8) as usize]);
            }
            *current.lock() = Arc::downgrade(&m.bench.cpu.signals);
            m.bench.code(&code);
            m.bench.run(20);
            m.bench.cpu.signals.set_intr(false);
        }
    }
}
