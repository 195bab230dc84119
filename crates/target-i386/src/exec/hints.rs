//! NOP and hints, fences, cache-line instructions, UD, BOUND: what checks or orders but computes nothing.
//! SDM vol. 1, 7.3.14 to 7.3.16 and 11.4.4.

use super::{by_wide_size, operand_size};
use crate::decode::raise_ud;
use crate::mem::Word;
use crate::{Exec, Fault, Handler, Insn, Vcpu, Vector};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

fn nop(_: &mut Vcpu, _: &Insn) -> Exec {
    Ok(())
}

/// A spinning guest waits for another processor: that one shall have the turn.
fn pause(cpu: &mut Vcpu, _: &Insn) -> Exec {
    if cpu.gives_way {
        cpu.gave_way = true;
        cpu.leave = true;
    }
    Ok(())
}

fn fence(_: &mut Vcpu, _: &Insn) -> Exec {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    Ok(())
}

/// CLFLUSH, CLFLUSHOPT, CLWB: the caches are coherent, but the access is checked like a byte load.
fn clflush(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    cpu.probe_read(insn.mem.seg, offset, 1)
}

fn bound<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    let mask = u64::MAX >> (insn.mem.trunc & 63);
    let index = cpu.reg::<T>(insn.reg[0]).sext() as i64;
    let lower = cpu.read::<T>(insn.mem.seg, offset)?.sext() as i64;
    let upper = cpu
        .read::<T>(insn.mem.seg, offset.wrapping_add(T::SIZE) & mask)?
        .sext() as i64;
    if (lower..=upper).contains(&index) {
        Ok(())
    } else {
        Err(Fault::new(Vector::Br))
    }
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    Some(match raw.mnemonic() {
        // AMD's PREFETCH has no register form.
        Mnemonic::Reservednop
            if raw.op0_kind() == OpKind::Register
                && matches!(
                    raw.code(),
                    Code::Reservednop_rm16_r16_0F0D
                        | Code::Reservednop_rm32_r32_0F0D
                        | Code::Reservednop_rm64_r64_0F0D
                ) =>
        {
            raise_ud
        }
        Mnemonic::Nop
        | Mnemonic::Reservednop
        | Mnemonic::Endbr32
        | Mnemonic::Endbr64
        | Mnemonic::Prefetch
        | Mnemonic::Prefetchw
        | Mnemonic::Prefetchwt1
        | Mnemonic::Prefetchnta
        | Mnemonic::Prefetcht0
        | Mnemonic::Prefetcht1
        | Mnemonic::Prefetcht2 => nop,
        Mnemonic::Pause => pause,
        Mnemonic::Mfence | Mnemonic::Lfence | Mnemonic::Sfence => fence,
        Mnemonic::Clflush | Mnemonic::Clflushopt | Mnemonic::Clwb => clflush,
        Mnemonic::Ud0 | Mnemonic::Ud1 | Mnemonic::Ud2 => raise_ud,
        Mnemonic::Bound => by_wide_size!(operand_size(raw), bound),
        _ => return None,
    })
}
