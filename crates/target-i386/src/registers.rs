//! The CPU's state as text: `info registers` and `$name` of the monitor, and `-d cpu`.

use crate::CpuState;
use crate::state::{DescriptorTable, Segment};
use std::fmt::Write;

const GENERAL: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];
/// 32-bit names of the first eight.
const GENERAL_32: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
const SEGMENTS: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];

/// The value of the register called `name`, in lower case.
pub fn value(cpu: &CpuState, name: &str) -> Option<u64> {
    let position = |names: &[&str]| names.iter().position(|n| *n == name);
    if let Some(i) = position(&GENERAL) {
        return Some(cpu.gpr[i]);
    }
    if let Some(i) = position(&GENERAL_32) {
        return Some(cpu.gpr[i] & 0xffff_ffff);
    }
    if let Some(i) = position(&SEGMENTS) {
        return Some(u64::from(cpu.seg[i].selector));
    }
    Some(match name {
        "rip" | "pc" => cpu.rip,
        "eip" => cpu.rip & 0xffff_ffff,
        "rflags" | "eflags" => cpu.flags.get(),
        "cr0" => cpu.cr0,
        "cr2" => cpu.cr2,
        "cr3" => cpu.cr3,
        "cr4" => cpu.cr4,
        "efer" => cpu.msr.efer,
        _ => return None,
    })
}

/// All registers, a screenful. `icount` is the number of instructions completed.
pub fn describe(cpu: &CpuState, icount: u64) -> String {
    let mut out = describe_integer(cpu, icount);
    describe_vectors(cpu, &mut out);
    out
}

/// Without those of the floating-point units.
pub fn describe_integer(cpu: &CpuState, icount: u64) -> String {
    let mut out = String::new();
    for (i, name) in GENERAL.iter().enumerate() {
        let end = if i % 4 == 3 { '\n' } else { ' ' };
        let _ = write!(out, "{:<3}={:016x}{end}", name.to_uppercase(), cpu.gpr[i]);
    }
    let _ = writeln!(
        out,
        "RIP={:016x} RFLAGS={:08x} [{}] CPL={} {:?} icount={icount}",
        cpu.rip,
        cpu.flags.get(),
        flags(cpu.flags.get()),
        cpu.cpl,
        cpu.activity
    );
    for (name, segment) in SEGMENTS
        .iter()
        .zip(&cpu.seg)
        .chain([(&"ldt", &cpu.ldtr), (&"tr", &cpu.tr)])
    {
        let _ = writeln!(out, "{}", segment_line(name, segment));
    }
    for (name, table) in [("GDT", &cpu.gdtr), ("IDT", &cpu.idtr)] {
        let DescriptorTable { base, limit } = table;
        let _ = writeln!(out, "{name}=     {base:016x} {limit:08x}");
    }
    let _ = writeln!(
        out,
        "CR0={:08x} CR2={:016x} CR3={:016x} CR4={:08x} EFER={:016x}",
        cpu.cr0, cpu.cr2, cpu.cr3, cpu.cr4, cpu.msr.efer
    );
    let [a, b, c, d] = cpu.dr.addr;
    let _ = writeln!(out, "DR0={a:016x} DR1={b:016x} DR2={c:016x} DR3={d:016x}");
    let _ = writeln!(out, "DR6={:016x} DR7={:016x}", cpu.dr.dr6, cpu.dr.dr7);
    out
}

fn describe_vectors(cpu: &CpuState, out: &mut String) {
    let fpu = &cpu.fpu;
    let _ = writeln!(
        out,
        "FCW={:04x} FSW={:04x} top={} empty={:02x} MXCSR={:08x} XCR0={:x}",
        fpu.control, fpu.status, fpu.top, fpu.empty, fpu.mxcsr, fpu.xcr0
    );
    for (i, lanes) in fpu.ymm.iter().enumerate() {
        let [l0, l1, l2, l3] = lanes;
        let _ = writeln!(out, "YMM{i:02}={l3:016x}{l2:016x}{l1:016x}{l0:016x}");
    }
}

fn segment_line(name: &str, segment: &Segment) -> String {
    let Segment {
        selector,
        base,
        limit,
        attr,
    } = segment;
    format!(
        "{:<3} ={selector:04x} {base:016x} {limit:08x} {attr:08x} DPL={}",
        name.to_uppercase(),
        segment.dpl()
    )
}

/// One letter per set flag, `-` for a clear one: ODITSZAPC.
fn flags(rflags: u64) -> String {
    const LETTERS: [(u32, char); 9] = [
        (11, 'O'),
        (10, 'D'),
        (9, 'I'),
        (8, 'T'),
        (7, 'S'),
        (6, 'Z'),
        (4, 'A'),
        (2, 'P'),
        (0, 'C'),
    ];
    LETTERS
        .iter()
        .map(|&(bit, letter)| if rflags >> bit & 1 != 0 { letter } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_flags() {
        let mut cpu = CpuState::default();
        cpu.gpr[0] = 0x1_2345_6789;
        assert_eq!(value(&cpu, "rax"), Some(0x1_2345_6789));
        assert_eq!(value(&cpu, "eax"), Some(0x2345_6789));
        assert_eq!(value(&cpu, "nonsense"), None);
        assert_eq!(flags(0x246), "--I--Z-P-");
        assert!(describe(&cpu, 7).contains("icount=7"));
    }
}
