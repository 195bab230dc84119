//! CPUs on threads of their own: locked instructions are atomic wherever their operand lies, and code that one CPU writes
//! is executed by another that was told of it.

use accel_tcg::{CpuEvents, Cpus, Engine, Execution, ExecutionConfig, Seat, Threads, TimeBase};
use softmmu::RamBlock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use target_i386::cpuid::Layout;
use target_i386::state::Activity;
use target_i386::testbench::{Mode, TestBench};
use target_i386::{CpuSignals, Vcpu, VcpuParts};
use util_mainloop::lock::BigLock;

const TIMES: u32 = 3000;

/// l: lock inc qword [0a100h] (aligned); lock inc qword [0a23ch] (two cache lines); lock inc qword [0affch] (two pages);
/// inc rbx; cmp rbx, TIMES; jne l; hlt
fn count() -> Vec<u8> {
    let mut code = Vec::new();
    for at in [0xa100_u32, 0xa23c, 0xaffc] {
        code.extend([0xf0, 0x48, 0xff, 0x04, 0x25]);
        code.extend(at.to_le_bytes());
    }
    code.extend([0x48, 0xff, 0xc3, 0x48, 0x81, 0xfb]);
    code.extend(TIMES.to_le_bytes());
    code.extend([0x75, 0xd9, 0xf4, 0xeb, 0xfd]);
    code
}

/// l: mov [1401h], ebx; mov [0a000h], rbx; w: cmp [0a008h], rbx; pause; jne w; inc rbx; cmp rbx, TIMES; jbe l; hlt
fn patch() -> Vec<u8> {
    let mut code = vec![
        0x89, 0x1c, 0x25, 0x01, 0x14, 0x00, 0x00, 0x48, 0x89, 0x1c, 0x25, 0x00, 0xa0, 0x00, 0x00, 0x48, 0x39,
        0x1c, 0x25, 0x08, 0xa0, 0x00, 0x00, 0xf3, 0x90, 0x75, 0xf4, 0x48, 0xff, 0xc3, 0x48, 0x81, 0xfb,
    ];
    code.extend(TIMES.to_le_bytes());
    code.extend([0x76, 0xd9, 0xf4, 0xeb, 0xfd]);
    code
}

/// l: cmp [0a000h], r12; pause; jne l; cpuid; mov eax, 1400h; call rax; cmp eax, r12d; je good; inc r15;
/// good: mov [0a008h], r12; inc r12; cmp r12, TIMES; jbe l; hlt
fn call_patched() -> Vec<u8> {
    let mut code = vec![
        0x4c, 0x39, 0x24, 0x25, 0x00, 0xa0, 0x00, 0x00, 0xf3, 0x90, 0x75, 0xf4, 0x0f, 0xa2, 0xb8, 0x00, 0x14,
        0x00, 0x00, 0xff, 0xd0, 0x44, 0x39, 0xe0, 0x74, 0x03, 0x49, 0xff, 0xc7, 0x4c, 0x89, 0x24, 0x25, 0x08,
        0xa0, 0x00, 0x00, 0x49, 0xff, 0xc4, 0x49, 0x81, 0xfc,
    ];
    code.extend(TIMES.to_le_bytes());
    code.extend([0x76, 0xcf, 0xf4, 0xeb, 0xfd]);
    code
}

struct Quiet;

impl CpuEvents for Quiet {
    fn triple_fault(&self) {}
}

struct Machine {
    cpus: Cpus,
    lock: Arc<BigLock>,
    ram: RamBlock,
}

impl Machine {
    /// A CPU for each program, all at one; RBX and R12 are 1 where `from_one` says.
    fn new(engine: Engine, programs: &[Vec<u8>], from_one: bool) -> Self {
        Self::on(Threads::Multi, engine, programs, from_one)
    }

    fn on(threads: Threads, engine: Engine, programs: &[Vec<u8>], from_one: bool) -> Self {
        let mut bench = TestBench::new(Mode::Long);
        // mov eax, 0; ret
        bench.put(0x1400, &[0xb8, 0, 0, 0, 0, 0xc3]);
        let layout = Layout {
            cpus: programs.len() as u32,
            cores: programs.len() as u32,
            ..Layout::default()
        };
        let mut vcpus = Vec::new();
        for (program, n) in programs.iter().zip(0..) {
            let at = 0x2000 + 0x1000 * u64::from(n);
            bench.put(at, program);
            let mut cpu = Vcpu::new(VcpuParts {
                memory: Arc::clone(&bench.cpu.memory),
                io: Arc::clone(&bench.cpu.io),
                platform: Arc::clone(&bench.cpu.platform),
                signals: Arc::new(CpuSignals::new()),
                count: Arc::default(),
                model: Arc::clone(&bench.cpu.model),
                topology: layout.topology(n),
            });
            cpu.state = bench.cpu.state.clone();
            cpu.state.rip = at;
            cpu.state.gpr[4] = 0x2_0000 + 0x1000 * u64::from(n);
            for register in [3, 12] {
                cpu.state.gpr[register] = u64::from(from_one);
            }
            cpu.state.gpr[15] = 0;
            cpu.refresh_mode();
            vcpus.push(cpu);
        }
        let config = ExecutionConfig {
            engine,
            code_size: 32 << 20,
            ..ExecutionConfig::default()
        };
        let executions = Execution::for_all(&vcpus, config, &accel_tcg::Look::default());
        let seats = vcpus.into_iter().zip(executions);
        let seats = seats.map(|(vcpu, execution)| Seat { vcpu, execution }).collect();
        let lock = Arc::new(BigLock::new());
        let cpus = Cpus::spawn(seats, threads, Arc::clone(&lock), TimeBase::Host, Arc::new(Quiet));
        Self {
            cpus: cpus.expect("threads"),
            lock,
            ram: bench.ram,
        }
    }

    /// Lets all run until all have halted.
    fn finish(&self) {
        self.cpus.resume();
        for _ in 0..60_000 {
            let mut big = self.lock.lock();
            let halted = |n| {
                self.cpus
                    .run_on_cpu(&mut big, n, |cpu| cpu.state.activity == Activity::Halted)
            };
            if (0..self.cpus.count()).all(halted) {
                return;
            }
            drop(big);
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("they never came to an end");
    }
}

fn engines() -> impl Iterator<Item = Engine> {
    let names = ["interp", "baseline", "optimizing", "interp+optimizing"];
    names.into_iter().filter_map(|name| name.parse().ok())
}

#[test]
fn locked_instructions_are_atomic() {
    for engine in engines() {
        let machine = Machine::new(engine, &[count(), count(), count()], false);
        machine.finish();
        for at in [0xa100, 0xa23c, 0xaffc] {
            let mut bytes = [0; 8];
            machine.ram.read(at, &mut bytes).expect("in RAM");
            assert_eq!(
                u64::from_le_bytes(bytes),
                u64::from(3 * TIMES),
                "{engine:?} at {at:#x}"
            );
        }
    }
}

/// One CPU writes the code that another executes, tells it by a store, and that one serialises (SDM vol. 3A, 9.1.3).
#[test]
fn modified_code_is_seen_behind_a_serialising_instruction() {
    for engine in engines() {
        let machine = Machine::new(engine, &[patch(), call_patched()], true);
        machine.finish();
        let mut big = machine.lock.lock();
        let stale = machine
            .cpus
            .run_on_cpu(&mut big, 1, |cpu| (cpu.state.gpr[12], cpu.state.gpr[15]));
        assert_eq!(
            stale,
            (u64::from(TIMES) + 1, 0),
            "{engine:?}: rounds and stale calls"
        );
    }
}

/// Work of both kinds is done in order, and nobody executes while some of it is done alone.
#[test]
fn work_alone() {
    // jmp $
    let machine = Machine::new(
        Engine::default(),
        &[vec![0xeb, 0xfe], vec![0xeb, 0xfe], vec![0xeb, 0xfe]],
        false,
    );
    machine.cpus.resume();
    let seen = Arc::new(AtomicU64::new(0));
    for n in 1..=30_u64 {
        let seen = Arc::clone(&seen);
        let work = move |_: &mut Vcpu| {
            assert_eq!(seen.fetch_add(1, Ordering::Relaxed) + 1, n);
        };
        if n % 2 == 0 {
            machine.cpus.async_run_on_cpu(1, work);
        } else {
            machine.cpus.async_run_alone_on_cpu(1, work);
        }
    }
    let mut big = machine.lock.lock();
    machine.cpus.run_on_cpu(&mut big, 1, |_| ());
    assert_eq!(seen.load(Ordering::Relaxed), 30);
    machine.cpus.pause(&mut big);
    assert!(machine.cpus.is_paused() && !machine.cpus.is_finished());
}

/// A CPU that is held stays where it is while the others run, in turns and on threads of their own.
#[test]
fn held_cpus_stay() {
    for threads in [Threads::Single, Threads::Multi] {
        // jmp $
        let programs = [vec![0xeb, 0xfe], vec![0xeb, 0xfe], vec![0xeb, 0xfe]];
        let machine = Machine::on(threads, Engine::default(), &programs, false);
        let counts = || {
            let mut big = machine.lock.lock();
            machine.cpus.pause(&mut big);
            let count = |n| machine.cpus.run_on_cpu(&mut big, n, |cpu| cpu.icount);
            [0, 1, 2].map(count)
        };
        for held in [&[0][..], &[1, 2], &[], &[0, 1, 2], &[2]] {
            let before = counts();
            machine.cpus.hold(held);
            machine.cpus.resume();
            for _ in 0..60_000 {
                std::thread::sleep(Duration::from_millis(1));
                let mut big = machine.lock.lock();
                let mut count = |n: usize| machine.cpus.run_on_cpu(&mut big, n, |cpu| cpu.icount);
                if (0..3).all(|n| held.contains(&n) || count(n) > before[n]) {
                    break;
                }
            }
            let after = counts();
            for n in 0..3 {
                let stayed = after[n] == before[n];
                assert_eq!(stayed, held.contains(&n), "{threads:?}: CPU {n} of {held:?} held");
            }
        }
    }
}
