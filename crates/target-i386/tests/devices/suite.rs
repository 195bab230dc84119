//! The CPU and what lies outside it: exact counts in device callbacks, DMA into code, code outside RAM. For any engine:
//! `accel-tcg` includes this file for its own.

use parking_lot::Mutex;
use softmmu::{AccessRules, IoOps, IoResult, MemoryRegion, RamBlock};
use std::sync::Arc;
use target_i386::state::gpr;
use target_i386::testbench::{Board, CODE, Mode, TestBench};
use target_i386::{Platform, StopReason};

/// Executes some instructions of a bench.
pub type Run = Box<dyn FnMut(&mut TestBench, u64) -> StopReason>;

/// Makes what runs a bench.
pub type Engine = fn(&TestBench) -> Run;

/// Remembers the clock at each access; its memory reads as a program.
struct Device {
    board: Arc<Board>,
    times: Mutex<Vec<i64>>,
    program: &'static [u8],
    ram: RamBlock,
}

impl IoOps for Device {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        self.times.lock().push(self.board.virtual_ns());
        let byte = |n: u64| u64::from(self.program.get((offset + n) as usize).copied().unwrap_or(0x90));
        Ok((0..u64::from(size)).fold(0, |value, n| value | byte(n) << (8 * n)))
    }
    fn write(&self, offset: u64, _: u32, value: u64) -> IoResult<()> {
        self.times.lock().push(self.board.virtual_ns());
        // DMA: the value goes to the code.
        if offset == 8 {
            self.ram.store(CODE + 20, value as u8);
        }
        Ok(())
    }
}

const DEVICE: u64 = 0x2000_0000;

fn with_device(code: &[u8], program: &'static [u8]) -> (TestBench, Arc<Device>) {
    let mut bench = TestBench::new(Mode::Protected32);
    let device = Arc::new(Device {
        board: bench.board.clone(),
        times: Mutex::default(),
        program,
        ram: bench.ram.clone(),
    });
    bench.root.add_subregion(
        DEVICE,
        &MemoryRegion::io("device", 0x1000, device.clone(), AccessRules::ANY),
        1,
    );
    bench.code(code);
    (bench, device)
}

pub fn a_device_sees_the_exact_count(engine: Engine) {
    // inc eax; inc eax; mov [DEVICE], eax; inc eax; mov ebx, [DEVICE]; jmp $
    let code = [
        0x40, 0x40, 0xa3, 0, 0, 0, 0x20, 0x40, 0x8b, 0x1d, 0, 0, 0, 0x20, 0xeb, 0xfe,
    ];
    for step in [1, 2, 5, 100] {
        let (mut bench, device) = with_device(&code, &[]);
        let mut run = engine(&bench);
        while bench.cpu.icount < 10 {
            assert_eq!(run(&mut bench, step), StopReason::Budget);
        }
        assert_eq!(*device.times.lock(), [2, 4], "in steps of {step}");
    }
}

pub fn dma_into_running_code_counts_from_the_next_instruction(engine: Engine) {
    // mov eax, 42; mov [DEVICE+8], al; (nops); mov bl, 1 at +19; jmp $
    let mut code = vec![0xb8, 42, 0, 0, 0, 0xa2, 8, 0, 0, 0x20];
    code.resize(19, 0x90);
    code.extend([0xb3, 1, 0xeb, 0xfe]);
    let (mut bench, _) = with_device(&code, &[]);
    let mut run = engine(&bench);
    for _ in 0..3 {
        bench.cpu.state.rip = CODE;
        run(&mut bench, 20);
        assert_eq!(bench.cpu.state.gpr[gpr::RBX] & 0xff, 42);
        bench.put(CODE + 20, &[1]);
    }
}

pub fn code_outside_ram_runs_uncached(engine: Engine) {
    // jmp to the device, whose program is: mov eax, 7; inc eax; jmp $
    let mut code = vec![0xe9];
    code.extend(((DEVICE - CODE) as u32 - 5).to_le_bytes());
    let (mut bench, _) = with_device(&code, &[0xb8, 7, 0, 0, 0, 0x40, 0xeb, 0xfe]);
    let mut run = engine(&bench);
    run(&mut bench, 5);
    assert_eq!(
        (bench.cpu.state.gpr[gpr::RAX], bench.cpu.state.rip),
        (8, DEVICE + 6)
    );
}

pub fn an_exit_request_ends_the_run_between_blocks(engine: Engine) {
    let mut bench = TestBench::new(Mode::Long);
    bench.code(&[0xeb, 0xfe]);
    let mut run = engine(&bench);
    bench.cpu.signals.kick();
    assert_eq!(run(&mut bench, 1000), StopReason::ExitRequest);
    assert_eq!(bench.cpu.icount, 0);
    assert_eq!(run(&mut bench, 1000), StopReason::Budget);
    assert_eq!(bench.cpu.icount, 1000);
}

pub fn a_changed_map_is_seen_by_the_next_instruction(engine: Engine) {
    // mov eax, [DEVICE]; jmp $-7
    let (mut bench, _) = with_device(&[0xa1, 0, 0, 0, 0x20, 0xeb, 0xf9], &[1, 0, 0, 0]);
    let mut run = engine(&bench);
    run(&mut bench, 4);
    assert_eq!(bench.cpu.state.gpr[gpr::RAX], 1);
    let block = RamBlock::new(&bench.map, "over", 0x1000).expect("host memory");
    block.store(0, 5u32);
    bench.root.add_subregion(DEVICE, &MemoryRegion::ram(block), 2);
    run(&mut bench, 2);
    assert_eq!(bench.cpu.state.gpr[gpr::RAX], 5);
}
