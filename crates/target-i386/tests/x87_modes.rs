//! What the host cannot show a user program: #NM, FERR#, the real-mode and 16-bit environments, FXSAVE
//! without XSAVEERPTR.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[allow(dead_code)]
#[path = "x87_host/cpu.rs"]
mod cpu;

use cpu::Guest;
use host_oracle::layout::DATA_BASE;
use softmmu::GuestPhys;
use target_i386::insn::seg;
use target_i386::state::{Float80, Segment};
use target_i386::{Fault, Features};

const AREA: u64 = DATA_BASE + 0x1000;

const MP: u64 = 1 << 1;
const EM: u64 = 1 << 2;
const TS: u64 = 1 << 3;
const NE: u64 = 1 << 5;

/// A guest with RBX at the data area and a flat data segment; code size in bits, protected mode or not.
fn guest(bits: u32, protected: bool) -> Guest {
    let mut guest = Guest::new();
    let cpu = &mut guest.cpu;
    cpu.state.gpr[3] = AREA;
    let attr = Segment::P | Segment::S | Segment::RW;
    for (index, selector) in [(seg::DS, 0x2b), (seg::CS, 0x33)] {
        let code = if index == seg::CS { Segment::CODE } else { 0 };
        let size = match bits {
            64 if index == seg::CS => Segment::L,
            32 => Segment::DB,
            _ => 0,
        };
        cpu.state.seg[usize::from(index)] = Segment {
            selector,
            base: 0,
            limit: u32::MAX,
            attr: attr | code | size,
        };
    }
    if bits != 64 {
        cpu.state.msr.efer = 0;
        cpu.state.cr0 &= !(1 << 31);
    }
    if !protected {
        cpu.state.cr0 &= !1;
    }
    cpu.refresh_mode();
    guest
}

const FLD1: &[u8] = &[0xd9, 0xe8];
const FLDZ: &[u8] = &[0xd9, 0xee];
const FDIVP: &[u8] = &[0xde, 0xf9];
const FWAIT: &[u8] = &[0x9b];
const FNINIT: &[u8] = &[0xdb, 0xe3];
const FNCLEX: &[u8] = &[0xdb, 0xe2];
const FNSTSW_AX: &[u8] = &[0xdf, 0xe0];
const FXSAVE: &[u8] = &[0x0f, 0xae, 0x03];
const FXRSTOR: &[u8] = &[0x0f, 0xae, 0x0b];

#[test]
fn device_not_available() {
    let cases: &[(u64, &[u8], Result<(), Fault>)] = &[
        (0, FLD1, Ok(())),
        (EM, FLD1, Err(Fault::NM)),
        (TS, FLD1, Err(Fault::NM)),
        (MP, FLD1, Ok(())),
        (TS, FNSTSW_AX, Err(Fault::NM)),
        (EM, FNINIT, Err(Fault::NM)),
        (TS, FXSAVE, Err(Fault::NM)),
        (EM, FXRSTOR, Err(Fault::NM)),
        (TS, FWAIT, Ok(())),
        (MP, FWAIT, Ok(())),
        (EM, FWAIT, Ok(())),
        (MP | TS, FWAIT, Err(Fault::NM)),
    ];
    for &(bits, code, expected) in cases {
        let mut guest = guest(64, true);
        guest.cpu.state.cr0 = guest.cpu.state.cr0 & !(MP | EM | TS) | bits;
        assert_eq!(guest.run(code), expected, "{bits:#x} {code:02x?}");
    }
}

/// Divides by zero with ZE unmasked.
fn divide(guest: &mut Guest) {
    guest.cpu.state.fpu.initialize();
    guest.cpu.state.fpu.control = 0x37b;
    for code in [FLD1, FLDZ, FDIVP] {
        assert_eq!(guest.run(code), Ok(()));
    }
    assert_eq!(guest.cpu.state.fpu.status_word(), 0xb084);
}

#[test]
fn pending_exception_with_ne() {
    for (code, expected) in [
        (FWAIT, 16),
        (FLD1, 16),
        (FNSTSW_AX, 0),
        (FNCLEX, 0),
        (FNINIT, 0),
        (FXSAVE, 0),
    ] {
        let mut guest = guest(64, true);
        divide(&mut guest);
        let vector = guest.run(code).map_or_else(|fault| fault.vector(), |()| 0);
        assert_eq!(vector, expected, "{code:02x?}");
        assert!(!*guest.board.ferr.lock());
    }
}

#[test]
fn pending_exception_without_ne_goes_to_the_board() {
    let mut guest = guest(64, true);
    guest.cpu.state.cr0 &= !NE;
    divide(&mut guest);
    assert!(*guest.board.ferr.lock());
    assert_eq!(guest.run(FWAIT), Ok(()));
    assert_eq!(guest.run(FNCLEX), Ok(()));
    assert!(!*guest.board.ferr.lock());
    divide(&mut guest);
    assert_eq!(guest.run(FNINIT), Ok(()));
    assert!(!*guest.board.ferr.lock());
}

/// An FPU with every field of the environment set.
fn fill(guest: &mut Guest) {
    let fpu = &mut guest.cpu.state.fpu;
    fpu.control = 0x37f;
    fpu.status = 0x4100;
    fpu.top = 6;
    fpu.empty = 0x3f;
    fpu.st[6] = Float80 {
        significand: 1 << 63,
        sign_exponent: 0x3fff,
    };
    fpu.opcode = 0x5d1;
    (fpu.cs, fpu.ip) = (0x1234, 0x8765_4321);
    (fpu.ds, fpu.dp) = (0x5678, 0x0fed_cba9);
}

fn words(guest: &Guest, count: usize) -> Vec<u16> {
    let mut bytes = vec![0; 2 * count];
    guest.memory.read(GuestPhys(AREA), &mut bytes).expect("data area");
    bytes
        .chunks_exact(2)
        .map(|x| u16::from_le_bytes([x[0], x[1]]))
        .collect()
}

#[test]
fn environments() {
    // ST(0) valid, ST(1) zero, the rest empty: tags 0100 1111 1111 1111.
    const TAGS: u16 = 0x4fff;
    let long = |x: [u32; 7]| {
        x.iter()
            .flat_map(|x| [*x as u16, (x >> 16) as u16])
            .collect::<Vec<u16>>()
    };
    let linear = |selector: u32, offset: u32| (selector << 4).wrapping_add(offset);
    let (ip, dp) = (linear(0x1234, 0x8765_4321), linear(0x5678, 0x0fed_cba9));
    let head = [0xffff_037f, 0xffff_7100, 0xffff_0000 | u32::from(TAGS)];
    let cases = [
        // bits, protected, operand-size prefix, expected words
        (
            32,
            true,
            false,
            long([
                head[0],
                head[1],
                head[2],
                0x8765_4321,
                0x05d1_1234,
                0x0fed_cba9,
                0xffff_5678,
            ]),
        ),
        (
            64,
            true,
            false,
            long([
                head[0],
                head[1],
                head[2],
                0x8765_4321,
                0x05d1_1234,
                0x0fed_cba9,
                0xffff_5678,
            ]),
        ),
        (
            32,
            true,
            true,
            vec![0x37f, 0x7100, TAGS, 0x4321, 0x1234, 0xcba9, 0x5678],
        ),
        (
            32,
            false,
            false,
            long([
                head[0],
                head[1],
                head[2],
                ip & 0xffff,
                ip >> 16 << 12 | 0x5d1,
                dp & 0xffff,
                dp >> 16 << 12,
            ]),
        ),
        (
            32,
            false,
            true,
            vec![
                0x37f,
                0x7100,
                TAGS,
                ip as u16,
                ((ip >> 16 << 12) as u16) | 0x5d1,
                dp as u16,
                (dp >> 16 << 12) as u16,
            ],
        ),
    ];
    for (bits, protected, prefix, expected) in cases {
        let mut guest = guest(bits, protected);
        fill(&mut guest);
        let with_prefix = |code: &[u8]| {
            if prefix {
                [&[0x66], code].concat()
            } else {
                code.to_vec()
            }
        };
        assert_eq!(guest.run(&with_prefix(&[0xd9, 0x33])), Ok(()), "fnstenv");
        assert_eq!(
            words(&guest, expected.len()),
            expected,
            "{bits} {protected} {prefix}"
        );
        // Loaded back, the same image is stored again.
        assert_eq!(guest.run(FNINIT), Ok(()));
        assert_eq!(guest.run(&with_prefix(&[0xd9, 0x23])), Ok(()), "fldenv");
        assert_eq!(guest.cpu.state.fpu.top, 6);
        assert_eq!(guest.cpu.state.fpu.empty, 0x3f);
        guest.memory.write(GuestPhys(AREA), &[0; 28]).expect("data area");
        assert_eq!(guest.run(&with_prefix(&[0xd9, 0x33])), Ok(()), "fnstenv");
        assert_eq!(
            words(&guest, expected.len()),
            expected,
            "{bits} {protected} {prefix} again"
        );
    }
}

#[test]
fn fxsave_forms() {
    // Without XSAVEERPTR the pointers are always stored; with it, only while an exception is pending.
    for (features, expected) in [
        (Features::all(), [0; 8]),
        (
            Features::all() & !Features::XSAVEERPTR,
            [0x5d1, 0x4321, 0x8765, 0x1234, 0, 0xcba9, 0x0fed, 0x5678],
        ),
    ] {
        let mut guest = guest(32, true);
        guest.cpu.features = features;
        fill(&mut guest);
        assert_eq!(guest.run(FXSAVE), Ok(()));
        let image = words(&guest, 11);
        assert_eq!(image[..3], [0x37f, 0x7100, 0xc0]);
        assert_eq!(image[3..], expected);
    }
    // Alignment, reserved MXCSR bits.
    let mut guest = guest(32, true);
    guest.cpu.state.gpr[3] += 8;
    assert_eq!(guest.run(FXSAVE), Err(Fault::GP0));
    guest.cpu.state.gpr[3] -= 8;
    guest
        .memory
        .write(GuestPhys(AREA + 24), &0x1_0000_u32.to_le_bytes())
        .expect("data area");
    let before = guest.cpu.state.clone();
    assert_eq!(guest.run(FXRSTOR), Err(Fault::GP0));
    assert!(guest.cpu.state == before);
    // Without CR4.OSFXSR neither MXCSR nor XMM registers are loaded.
    guest.cpu.state.cr4 &= !(1 << 9);
    assert_eq!(guest.run(FXRSTOR), Ok(()));
    assert_eq!(guest.cpu.state.fpu.mxcsr, 0x1f80);
}

#[test]
fn a_faulting_store_changes_nothing() {
    // A data segment that ends within the operand.
    let mut guest = guest(32, true);
    guest.cpu.state.seg[usize::from(seg::DS)].limit = AREA as u32 + 3;
    guest.cpu.refresh_mode();
    fill(&mut guest);
    for code in [
        [0xdd, 0x13],
        [0xdd, 0x1b],
        [0xdb, 0x3b],
        [0xdf, 0x33],
        [0xdf, 0x3b],
        [0xdd, 0x03],
        [0xdc, 0x03],
        [0xd9, 0x33],
        [0xdd, 0x33],
    ] {
        let before = guest.cpu.state.clone();
        assert_eq!(guest.run(&code), Err(Fault::GP0), "{code:02x?}");
        assert!(guest.cpu.state == before, "{code:02x?}");
    }
}
