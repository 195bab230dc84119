//! Several CPUs that take turns: the schedule is the guest's, whatever engine runs it and wherever turns are cut.

use accel_tcg::{
    CountedClock, Engine, Execution, ExecutionConfig, InstructionTime, SLICE, Seat, Sleep, TimeBase, Turn,
    Turns,
};
use proptest::prelude::*;
use softmmu::RamBlock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use target_i386::cpuid::Layout;
use target_i386::testbench::{Mode, TestBench};
use target_i386::{CpuSignals, InstructionCount, Platform, Vcpu, VcpuParts};
use util_mainloop::lock::BigLock;
use util_mainloop::timer::{Timer, TimerList};

/// Counts in shared memory, and mixes what it sees there into RBX: the order of all CPUs is in it.
/// l: lock inc qword [0a000h]; mov rax, [0a000h]; imul rbx, rbx, 31; add rbx, rax; test eax, 3fh; jnz +2; pause; jmp l
const MIX: &[u8] = &[
    0xf0, 0x48, 0xff, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00, 0x48, 0x8b, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00,
    0x48, 0x6b, 0xdb, 0x1f, 0x48, 0x01, 0xc3, 0xa9, 0x3f, 0x00, 0x00, 0x00, 0x75, 0x02, 0xf3, 0x90, 0xeb,
    0xdd,
];
/// The same, and counts in the code of the others: the immediate of an instruction that only it writes.
/// l: inc byte [1100h]; mov rax, [0a000h]; imul rbx, rbx, 31; add rbx, rax; jmp l
const PATCH: &[u8] = &[
    0xfe, 0x04, 0x25, 0x01, 0x11, 0x00, 0x00, 0x48, 0x8b, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00, 0x48, 0x6b,
    0xdb, 0x1f, 0x48, 0x01, 0xc3, 0xeb, 0xe8,
];
/// l: mov al, 0 (patched); imul rbx, rbx, 31; add rbx, rax; jmp l
const PATCHED: &[u8] = &[0xb0, 0x00, 0x48, 0x6b, 0xdb, 0x1f, 0x48, 0x01, 0xc3, 0xeb, 0xf5];
/// Real mode. sti; l: hlt; jmp l
const SLEEP: &[u8] = &[0xfb, 0xf4, 0xeb, 0xfd];
/// Its interrupt handler. lock inc dword [0a000h]; inc dword [9100h]; iret
const WOKEN: &[u8] = &[
    0xf0, 0x66, 0x67, 0xff, 0x05, 0x00, 0xa0, 0x00, 0x00, 0x66, 0xff, 0x06, 0x00, 0x91, 0xcf,
];

/// A board with one interrupt line, which goes low when it is acknowledged.
struct Wired {
    signals: Arc<CpuSignals>,
    count: Arc<InstructionCount>,
}

impl Platform for Wired {
    fn virtual_ns(&self) -> i64 {
        self.count.get() as i64
    }
    fn acknowledge_interrupt(&self) -> Option<u8> {
        self.signals.set_intr(false);
        Some(0x20)
    }
    fn apic_base(&self) -> u64 {
        0xfee0_0900
    }
    fn set_apic_base(&self, _: u64) -> bool {
        false
    }
    fn task_priority(&self) -> u8 {
        0
    }
    fn set_task_priority(&self, _: u8) {}
    fn apic_msr(&self, _: u32) -> Option<u64> {
        None
    }
    fn set_apic_msr(&self, _: u32, _: u64) -> bool {
        false
    }
    fn set_tsc_deadline(&self, _: u64, _: i64) {}
    fn set_ferr(&self, _: bool) {}
}

struct Machine {
    turns: Turns,
    ram: RamBlock,
    signals: Vec<Arc<CpuSignals>>,
    _timer: Arc<OnceLock<Timer>>,
}

impl Machine {
    fn new(engine: Engine) -> Self {
        let mut bench = TestBench::new(Mode::Long);
        let programs = [
            (MIX, 0x1000),
            (PATCHED, 0x1100),
            (PATCH, 0x2000),
            (MIX, 0x3000),
            (SLEEP, 0x4000),
        ];
        for (code, at) in programs {
            bench.put(at, code);
        }
        bench.put(0x4100, WOKEN);
        bench.put(0x20 * 4, &[0x00, 0x41, 0, 0]);
        let count = Arc::new(InstructionCount::default());
        let layout = Layout {
            cpus: programs.len() as u32,
            cores: programs.len() as u32,
            ..Layout::default()
        };
        let vcpus: Vec<Box<Vcpu>> = programs
            .iter()
            .zip(0..)
            .map(|(&(_, at), n)| {
                let mode = if at == 0x4000 { Mode::Real } else { Mode::Long };
                let state = TestBench::new(mode).cpu.state;
                let signals = Arc::new(CpuSignals::new());
                let mut cpu = Vcpu::new(VcpuParts {
                    memory: Arc::clone(&bench.cpu.memory),
                    io: Arc::clone(&bench.cpu.io),
                    platform: Arc::new(Wired {
                        signals: Arc::clone(&signals),
                        count: Arc::clone(&count),
                    }),
                    signals,
                    count: Arc::clone(&count),
                    model: Arc::clone(&bench.cpu.model),
                    topology: layout.topology(n),
                });
                cpu.state = state;
                cpu.state.rip = at;
                cpu.refresh_mode();
                cpu
            })
            .collect();
        let signals: Vec<_> = vcpus.iter().map(|cpu| Arc::clone(&cpu.signals)).collect();
        let config = ExecutionConfig {
            engine,
            code_size: 32 << 20,
            ..ExecutionConfig::default()
        };
        let executions = Execution::for_all(&vcpus, config, &accel_tcg::Look::default());
        let seats = vcpus
            .into_iter()
            .zip(executions)
            .map(|(vcpu, execution)| Seat { vcpu, execution })
            .collect();
        let time = InstructionTime::from_shift(0).expect("2^0 ns");
        let clock = Arc::new(CountedClock::new(time, count));
        let timers = TimerList::new(Arc::clone(&clock) as _);
        // Every 7777 instructions the last CPU is woken.
        let timer: Arc<OnceLock<Timer>> = Arc::default();
        let (again, list) = (Arc::downgrade(&timer), Arc::downgrade(&timers));
        let line = Arc::clone(signals.last().expect("five CPUs"));
        let _ = timer.set(timers.timer(Box::new(move || {
            line.set_intr(true);
            if let (Some(timer), Some(list)) = (again.upgrade(), list.upgrade())
                && let Some(timer) = timer.get()
            {
                timer.arm(list.now_ns() + 7777);
            }
        })));
        timer.get().expect("just set").arm(7777);
        let base = TimeBase::Counted {
            clock,
            timers,
            sleep: Sleep::Off,
            journal: None,
        };
        Self {
            turns: Turns::new(seats, Arc::new(BigLock::new()), base),
            ram: bench.ram,
            signals,
            _timer: timer,
        }
    }

    /// Whose turn it is, what each did, and what became of shared memory.
    fn digest(&self) -> (usize, Vec<(u64, u64, u64)>, [u64; 3]) {
        let each = self.turns.vcpus();
        let each = each
            .map(|cpu| (cpu.icount, cpu.state.rip, cpu.state.gpr[3]))
            .collect();
        let word = |at| self.ram.load::<u64>(at).expect("in RAM");
        (
            self.turns.current(),
            each,
            [word(0xa000), word(0x9100), word(0x1100)],
        )
    }

    /// Runs to `count` in pieces of these lengths, over and over.
    fn run(&mut self, count: u64, pieces: &[u64]) {
        let mut lengths = pieces.iter().copied().cycle();
        while self.turns.instructions() < count {
            let to = (self.turns.instructions() + lengths.next().unwrap_or(count)).min(count);
            assert_eq!(self.turns.run_to(to, || false), Turn::Reached);
            assert_eq!(self.turns.instructions(), to);
        }
    }
}

const END: u64 = 12 * SLICE;

/// Whose turn it is, counts and registers of each CPU, and counters of the program.
type Course = (usize, Vec<(u64, u64, u64)>, [u64; 3]);

fn reference() -> &'static Course {
    static REFERENCE: OnceLock<Course> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let mut machine = Machine::new(Engine::Interpreter);
        machine.run(END, &[END]);
        let digest = machine.digest();
        let woken = digest.2[1];
        assert!(
            digest.1.iter().take(4).all(|cpu| cpu.0 >= 1000),
            "all had their turns: {digest:?}"
        );
        assert!(woken > 3, "the sleeper was woken {woken} times");
        digest
    })
}

fn engines() -> Vec<Engine> {
    let names = ["interp", "baseline", "optimizing", "interp+optimizing"];
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

#[test]
fn every_engine_has_the_same_schedule() {
    for engine in engines() {
        let mut machine = Machine::new(engine);
        machine.run(END, &[END]);
        assert_eq!(machine.digest(), *reference(), "{engine:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cutting turns at any counts changes nothing.
    #[test]
    fn cuts_change_nothing(pieces in proptest::collection::vec(1u64..60_000, 1..40), engine in 0usize..4) {
        let engines = engines();
        let mut machine = Machine::new(engines[engine % engines.len()]);
        machine.run(END, &pieces);
        prop_assert_eq!(&machine.digest(), reference());
    }
}

/// Kicks from another thread, at moments of the host's choice, change nothing.
#[test]
fn kicks_change_nothing() {
    for engine in engines() {
        let mut machine = Machine::new(engine);
        let (done, signals) = (Arc::new(AtomicBool::new(false)), machine.signals.clone());
        let kicker = {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                for n in (0..signals.len()).cycle() {
                    signals[n].kick();
                    std::thread::yield_now();
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        };
        machine.run(END, &[END]);
        done.store(true, Ordering::Relaxed);
        kicker.join().expect("no panic");
        assert_eq!(machine.digest(), *reference(), "{engine:?}");
    }
}
