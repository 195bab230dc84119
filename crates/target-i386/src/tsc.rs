//! The time-stamp counter: virtual nanoseconds times a fixed rate, plus what the guest wrote.
//!
//! All processors read the one virtual clock, so their counters agree for ever; the counter never stops and never
//! changes its rate (CPUID 80000007h EDX.8). SDM vol. 3B, 19.17.

use crate::Vcpu;
use crate::features::Features;
use crate::msr::number;

/// Ticks per second: 1 GHz, so that a tick is a nanosecond of virtual time. Announced in kHz by CPUID 40000001h EAX.
pub const TSC_HZ: u64 = 1_000_000_000;

const NS_PER_SECOND: i128 = 1_000_000_000;

/// Ticks of a counter that started at virtual time 0, at virtual time `ns`.
pub fn ticks(ns: i64) -> u64 {
    (i128::from(ns) * i128::from(TSC_HZ)).div_euclid(NS_PER_SECOND) as u64
}

/// The first virtual nanosecond at which [`ticks`] has reached `ticks` (taken as signed: a count "before zero" is
/// in the past), saturating.
pub fn ns_at(ticks: u64) -> i64 {
    let ticks = i128::from(ticks as i64);
    let ns = (ticks * NS_PER_SECOND + i128::from(TSC_HZ) - 1).div_euclid(i128::from(TSC_HZ));
    ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The counter as this processor reads it; the clock may be the instruction count, so that is published first.
pub fn read(cpu: &Vcpu) -> u64 {
    cpu.publish_count();
    ticks(cpu.platform.virtual_ns()).wrapping_add(cpu.state.msr.tsc_offset)
}

/// Virtual time at which this processor's counter reaches `tsc`.
pub(crate) fn deadline_ns(cpu: &Vcpu, tsc: u64) -> i64 {
    ns_at(tsc.wrapping_sub(cpu.state.msr.tsc_offset))
}

/// The counter was set: an armed deadline keeps its TSC value, so its time moves.
pub(crate) fn moved(cpu: &Vcpu) {
    if !cpu.has(Features::TSC_DEADLINE) {
        return;
    }
    if let Some(tsc) = cpu
        .platform
        .apic_msr(number::TSC_DEADLINE)
        .filter(|tsc| *tsc != 0)
    {
        cpu.platform.set_tsc_deadline(tsc, deadline_ns(cpu, tsc));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for ns in [0, 1, 999, 1_000_000_007, i64::MAX / 4] {
            assert_eq!(ns_at(ticks(ns)), ns);
        }
    }
}
