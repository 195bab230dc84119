//! A debugger's stops, watches and steps under every engine: the same hits, and nothing the guest could notice.

use accel_tcg::optimizing::RegionConfig;
use accel_tcg::{Engine, Execution, ExecutionConfig};
use softmmu::tlb::TlbEntry;
use target_i386::debugger::{DebugStop, Watch, WatchKind};
use target_i386::state::CpuState;
use target_i386::testbench::{CODE, DATA, Mode, TestBench};
use target_i386::{StopReason, signals::request};

const ENGINES: [Engine; 4] = [
    Engine::Interpreter,
    Engine::Baseline,
    Engine::Optimizing,
    Engine::InterpreterOptimizing,
];

/// 1000: mov ecx, 5
/// 1005: add [rdi], ecx
/// 1007: mov eax, [rdi+0x10]
/// 100a: dec ecx
/// 100c: jnz 1005
/// 100e: mov ecx, 6
/// 1013: rep stosb
/// 1015: jmp 1000
const LOOP: &[u8] = &[
    0xb9, 5, 0, 0, 0, 0x01, 0x0f, 0x8b, 0x47, 0x10, 0xff, 0xc9, 0x75, 0xf7, 0xb9, 6, 0, 0, 0, 0xf3, 0xaa,
    0xeb, 0xe9,
];
/// Instructions of a round of it: a move, five times four, a move, six iterations, a jump.
const ROUND: u64 = 1 + 20 + 1 + 6 + 1;

/// Instructions completed, and address.
type Hits = &'static [(u64, u64)];

struct World {
    bench: TestBench,
    execution: Execution,
}

impl World {
    fn new(engine: Engine) -> Self {
        let mut bench = TestBench::new(Mode::Long);
        bench.code(LOOP);
        bench.cpu.state.gpr[7] = DATA;
        bench.cpu.state.gpr[0] = 0;
        let config = ExecutionConfig {
            engine,
            code_size: 1 << 20,
            regions: RegionConfig {
                hot: 2,
                wait: true,
                straight: false,
            },
            fault: None,
        };
        let execution = Execution::new(&bench.cpu, config);
        assert_eq!(execution.fallback(), None);
        Self { bench, execution }
    }

    /// The same program elsewhere.
    fn at(engine: Engine, addr: u64) -> Self {
        let mut world = Self::new(engine);
        world.bench.put(addr, LOOP);
        world.bench.cpu.state.rip = addr;
        world
    }

    fn run(&mut self, budget: u64) -> StopReason {
        self.execution.run(&mut self.bench.cpu, budget)
    }

    /// Runs to a count; the instants of debug stops on the way, with what they were.
    fn hits(&mut self, count: u64) -> Vec<(u64, DebugStop)> {
        let mut hits = Vec::new();
        while self.bench.cpu.icount < count {
            let left = count - self.bench.cpu.icount;
            if self.run(left) == StopReason::Debug {
                let stop = self.bench.cpu.debugger.take_stop().expect("a reason");
                hits.push((self.bench.cpu.icount, stop));
            }
        }
        hits
    }

    /// Everything a guest could notice.
    fn visible(&self) -> (CpuState, u64, Vec<u8>, Vec<TlbEntry>) {
        let mut memory = vec![0; 0x1_0000];
        self.bench.ram.read(0, &mut memory).expect("RAM");
        let cpu = &self.bench.cpu;
        (cpu.state.clone(), cpu.icount, memory, cpu.tlb.entries().collect())
    }
}

fn undisturbed(engine: Engine, count: u64) -> World {
    let mut world = World::new(engine);
    while world.bench.cpu.icount < count {
        let left = count - world.bench.cpu.icount;
        assert_eq!(world.run(left), StopReason::Budget);
    }
    world
}

/// The hits by definition: one instruction at a time.
fn brute_force(count: u64, stops: &[u64]) -> Vec<(u64, DebugStop)> {
    let mut world = World::new(Engine::Interpreter);
    let mut hits = Vec::new();
    while world.bench.cpu.icount < count {
        let rip = world.bench.cpu.state.rip;
        if stops.contains(&rip) {
            hits.push((world.bench.cpu.icount, DebugStop::Stop(rip)));
        }
        world.run(1);
    }
    hits
}

#[test]
fn stops_are_hit_exactly_and_change_nothing() {
    const COUNT: u64 = 40 * ROUND + 7;
    for stops in [
        &[CODE][..],
        &[CODE + 0xa],
        &[CODE + 5, CODE + 0x13],
        &[CODE + 0x15, CODE + 7, CODE + 0xc],
    ] {
        let expected = brute_force(COUNT, stops);
        for engine in ENGINES {
            let mut world = World::new(engine);
            world.bench.cpu.set_stops(stops);
            assert_eq!(world.hits(COUNT), expected, "{engine:?} {stops:x?}");
            assert_eq!(
                world.visible(),
                undisturbed(engine, COUNT).visible(),
                "{engine:?} {stops:x?}"
            );
        }
    }
}

/// Set and removed while code is hot: translations that ran over the address go, and come back.
#[test]
fn stops_come_and_go() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        assert_eq!(world.hits(100 * ROUND), []);
        world.bench.cpu.set_stops(&[CODE + 0xa]);
        let hits = world.hits(110 * ROUND);
        assert_eq!(hits.len(), 50, "{engine:?}");
        assert_eq!(hits[0].0, 100 * ROUND + 3, "{engine:?}");
        world.bench.cpu.set_stops(&[]);
        assert_eq!(world.hits(300 * ROUND), [], "{engine:?}");
        world.bench.cpu.set_stops(&[CODE + 0xc, CODE + 0x2000]);
        assert_eq!(world.hits(301 * ROUND).len(), 5, "{engine:?}");
        assert_eq!(
            world.visible(),
            undisturbed(engine, 301 * ROUND).visible(),
            "{engine:?}"
        );
    }
}

/// Instructions that run over a page's end, before it and behind it.
#[test]
fn stops_at_a_pages_end() {
    // The first MOV ends on the next page, or the second ADD's operand does, or the branch.
    for start in [0x3ffd, 0x3ffa, 0x3ff3, 0x3fee] {
        for offset in [0, 5, 7, 0xa, 0xc, 0xe, 0x13, 0x15] {
            let mut interpreted = World::at(Engine::Interpreter, start);
            interpreted.bench.cpu.set_stops(&[start + offset]);
            let expected = interpreted.hits(9 * ROUND);
            let (first, round) = (expected[0].0, expected.iter().filter(|hit| hit.0 < ROUND).count());
            assert!(
                first < ROUND && expected.len() == 9 * round,
                "{start:x}+{offset:x}"
            );
            for engine in ENGINES {
                let mut world = World::at(engine, start);
                world.hits(3 * ROUND);
                world.bench.cpu.set_stops(&[start + offset]);
                assert_eq!(
                    world.hits(9 * ROUND),
                    expected[3 * round..],
                    "{engine:?} {start:x}+{offset:x}"
                );
            }
        }
    }
}

/// In the middle of an instruction, or at its offset in another page: no hit.
#[test]
fn other_addresses_are_no_stops() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        world.bench.cpu.set_stops(&[CODE + 8, CODE + 0x5005, CODE + 0x14]);
        assert_eq!(world.hits(50 * ROUND), [], "{engine:?}");
        assert_eq!(
            world.visible(),
            undisturbed(engine, 50 * ROUND).visible(),
            "{engine:?}"
        );
    }
}

#[test]
#[rustfmt::skip]
fn watches_stop_after_the_access() {
    const W: WatchKind = WatchKind::Write;
    const R: WatchKind = WatchKind::Read;
    const A: WatchKind = WatchKind::Access;
    // What is watched; hits in the first round: instructions completed, and address.
    let cases: [(u64, u64, WatchKind, Hits); 7] = [
        (DATA, 4, W, &[(2, DATA), (6, DATA), (10, DATA), (14, DATA), (18, DATA), (23, DATA), (24, DATA + 1), (25, DATA + 2), (26, DATA + 3)]),
        (DATA + 2, 1, W, &[(2, DATA + 2), (6, DATA + 2), (10, DATA + 2), (14, DATA + 2), (18, DATA + 2), (25, DATA + 2)]),
        (DATA, 1, R, &[(2, DATA), (6, DATA), (10, DATA), (14, DATA), (18, DATA)]),
        (DATA + 0x10, 4, R, &[(3, DATA + 0x10), (7, DATA + 0x10), (11, DATA + 0x10), (15, DATA + 0x10), (19, DATA + 0x10)]),
        (DATA + 0x10, 4, W, &[]),
        (DATA + 0x13, 1, A, &[(3, DATA + 0x13), (7, DATA + 0x13), (11, DATA + 0x13), (15, DATA + 0x13), (19, DATA + 0x13)]),
        (DATA + 0x800, 0x100, A, &[]),
    ];
    for (addr, len, kind, expected) in cases {
        for engine in ENGINES {
            let mut world = World::new(engine);
            let watch = Watch { addr, len, kind };
            world.bench.cpu.set_watches(&[watch]);
            let hits: Vec<_> = expected.iter().map(|&(count, at)| (count, DebugStop::Watch(at, watch))).collect();
            assert_eq!(world.hits(ROUND), hits, "{engine:?} {watch:x?}");
            // RDI moves on: no more hits but for the far ones.
            world.hits(30 * ROUND);
            assert_eq!(world.visible(), undisturbed(engine, 30 * ROUND).visible(), "{engine:?} {watch:x?}");
            world.bench.cpu.set_watches(&[]);
            assert_eq!(world.hits(60 * ROUND), [], "{engine:?}");
            assert_eq!(world.visible(), undisturbed(engine, 60 * ROUND).visible(), "{engine:?}");
        }
    }
}

#[test]
fn a_step_is_one_instruction_or_one_event() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        for n in 1..=2 * ROUND {
            world.bench.cpu.debugger.arm_step();
            assert_eq!(world.run(u64::MAX), StopReason::Debug);
            assert_eq!(world.bench.cpu.debugger.take_stop(), Some(DebugStop::Step));
            assert_eq!(world.bench.cpu.icount, n, "{engine:?}");
        }
        assert_eq!(
            world.visible(),
            undisturbed(engine, 2 * ROUND).visible(),
            "{engine:?}"
        );
        // HLT, and no event: the step waits.
        world.bench.code(&[0xf4, 0x90]);
        world.bench.cpu.debugger.arm_step();
        assert_eq!(world.run(u64::MAX), StopReason::Debug);
        world.bench.cpu.debugger.arm_step();
        assert_eq!(world.run(u64::MAX), StopReason::Halted);
        assert_eq!(world.run(u64::MAX), StopReason::Halted);
        world.bench.cpu.signals.request(request::INIT);
        assert_eq!(world.run(u64::MAX), StopReason::Debug);
        assert_eq!(world.bench.cpu.debugger.take_stop(), Some(DebugStop::Step));
        assert_eq!(
            world.bench.cpu.state.rip, 0xfff0,
            "at the first instruction, which has not run"
        );
    }
}

/// An undefined instruction without a handler that could be called: a triple fault, by steps.
#[test]
fn a_stop_at_a_faulting_instruction_comes_first() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        world.bench.code(&[0x90, 0x0f, 0x0b]);
        world.bench.cpu.set_stops(&[CODE + 1]);
        assert_eq!(world.run(100), StopReason::Debug);
        assert_eq!(
            world.bench.cpu.debugger.take_stop(),
            Some(DebugStop::Stop(CODE + 1))
        );
        assert_eq!(world.bench.cpu.icount, 1);
        assert_eq!(world.run(100), StopReason::Shutdown, "{engine:?}");
    }
}

/// A write to watched code is both.
#[test]
fn code_that_is_watched_can_change() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        // mov byte [rdi], 0x90 (on the next instruction's first byte); inc eax; jmp $
        world.bench.code(&[0xc6, 0x07, 0x90, 0xff, 0xc0, 0xeb, 0xfe]);
        world.bench.cpu.state.gpr[7] = CODE + 3;
        let watch = Watch {
            addr: CODE + 3,
            len: 1,
            kind: WatchKind::Write,
        };
        world.bench.cpu.set_watches(&[watch]);
        assert_eq!(
            world.hits(1),
            [(1, DebugStop::Watch(CODE + 3, watch))],
            "{engine:?}"
        );
        assert_eq!(world.bench.get::<1>(CODE + 3), [0x90]);
    }
}
