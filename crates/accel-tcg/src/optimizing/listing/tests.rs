//! What is shown of a region that a loop becomes.

use super::*;
use crate::Report;
use crate::optimizing::{Optimizing, RegionConfig};
use crate::perf::PerfMap;
use parking_lot::Mutex;
use std::sync::Arc;
use target_i386::testbench::{CODE, Mode, TestBench};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Lines of events, by target.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(String, String)>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0 = format!("{value:?}");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Others speak of what else goes on.
        matches!(metadata.target(), "clif" | "out_asm")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let line = (event.metadata().target().to_owned(), message.0);
        self.0.lock().push(line);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What is shown while a loop becomes a region, and the report.
fn shown(look: Look) -> (Vec<(String, String)>, Report) {
    let mut bench = TestBench::new(Mode::Long);
    // l: add eax, 3; inc ecx; jmp l
    bench.put(CODE, &[0x83, 0xc0, 0x03, 0xff, 0xc1, 0xeb, 0xf9]);
    bench.cpu.state.rip = CODE;
    let config = RegionConfig {
        hot: 2,
        wait: true,
        ..RegionConfig::default()
    };
    let mut engine = Optimizing::with_look(1 << 16, config, look).expect("memory for code");
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || engine.run(&mut bench.cpu, 3000));
    let report = engine.report(&bench.cpu);
    (std::mem::take(&mut *lines.0.lock()), report)
}

fn filter(text: &str) -> crate::AddressFilter {
    text.parse().expect("a range")
}

#[test]
fn intermediate_code_between_the_guests_instructions() {
    let (lines, report) = shown(Look {
        clif: true,
        stats: true,
        ..Look::default()
    });
    let head = format!("region 0 at {CODE:#x}, RAM {CODE:#x}, 64 bits, 3 instructions in {CODE:#x}+0x7");
    assert_eq!(lines[0], ("clif".to_owned(), head));
    let at = |part: &str| {
        let found = lines.iter().position(|(_, line)| line.contains(part));
        found.unwrap_or_else(|| panic!("{part} in {lines:#?}"))
    };
    let next = format!("-- guest {:#x}:", CODE + 3);
    assert!(at("function u0:0(i64) -> i64 system_v {") < at("block0(v0: i64):"));
    // Constants of later instructions may stand before it.
    let last = lines.iter().rposition(|(_, line)| line.contains(&next));
    assert!(at("v0+gpr.rax") < at("add eax,0x3") && Some(at("add eax,0x3")) < last);
    assert!(lines.iter().all(|(target, _)| target == "clif"));
    let counters = report.regions.expect("it has some");
    assert_eq!((counters.compiled, counters.instructions), (1, 3));
    assert!(counters.compile_time > 0 && counters.code_bytes > 0);
    assert!(counters.executed >= 2900 && counters.buffer == 1 << 16);
    assert!(report.times.is_some());
}

#[test]
#[cfg(target_arch = "x86_64")]
fn host_code_between_the_guests_instructions() {
    let (lines, _) = shown(Look {
        out_asm: true,
        ..Look::default()
    });
    let has = |part: &str| {
        lines
            .iter()
            .any(|(target, line)| target == "out_asm" && line.contains(part))
    };
    assert!(
        lines[0].1.starts_with(&format!("region 0 at {CODE:#x}: ")),
        "{lines:#?}"
    );
    // What Cranelift rewrites is nobody's: the addition is.
    assert!(has("of the guest") && has("inc ecx") && has(" ret"), "{lines:#?}");
}

#[test]
fn only_what_was_asked_for() {
    assert_eq!(shown(Look::default()).0, []);
    let look = |range: &str| Look {
        clif: true,
        out_asm: true,
        filter: filter(range),
        ..Look::default()
    };
    assert_eq!(shown(look("0..1")).0, []);
    assert!(!shown(look(&format!("{CODE}+1"))).0.is_empty());
}

#[test]
fn perf_knows_regions() {
    let path = std::env::temp_dir().join(format!("accel-tcg-regions-{}", std::process::id()));
    let map = Arc::new(PerfMap::create_at(&path).expect("a file"));
    shown(Look {
        perf_map: Some(Arc::clone(&map)),
        ..Look::default()
    });
    drop(map);
    let text = std::fs::read_to_string(&path).expect("written");
    let _ = std::fs::remove_file(&path);
    let name = format!(" region-{CODE:#x}");
    assert!(
        text.lines().count() == 1 && text.trim_end().ends_with(&name),
        "{text}"
    );
}

#[test]
fn distances() {
    for (text, expected) in [
        ("+200", Some(200)),
        ("-8", Some(-8)),
        ("+0x0001_2345", Some(0x1_2345)),
        ("-0x0004_2418", Some(-0x4_2418)),
        ("+0x1_0000_0000", None),
        ("", None),
        ("+", None),
    ] {
        assert_eq!(number(text), expected, "{text}");
    }
}

#[test]
fn places_have_names() {
    let left = place(0).expect("the first field");
    for (text, expected) in [
        (
            "v1 = load.i32 notrap aligned v0",
            format!("v1 = load.i32 notrap aligned v0+{left}"),
        ),
        (
            "store notrap aligned v2, v0  ; v2 = -4096",
            format!("store notrap aligned v2, v0+{left}  ; v2 = -4096"),
        ),
        (
            "v1 = load.i64 notrap v9+8",
            "v1 = load.i64 notrap v9+8".to_owned(),
        ),
        (
            "v1 = iadd v0, v2  ; v2 = -8",
            "v1 = iadd v0, v2  ; v2 = -8".to_owned(),
        ),
    ] {
        assert_eq!(named(text), expected);
    }
}
