//! Arbitrary sequences of register accesses, pin changes and time steps over every timer and interrupt device.
//!
//! Each sequence is cut in two; the state saved at the cut must go on like the device it came from. This is the
//! place of a fuzz target per device.

use crate::acpi_pm::{AcpiPm, SmbusHost};
use crate::apic::{ApicBus, ApicConfig, LocalApic};
use crate::gsi::{GsiRouter, LegacyTimers};
use crate::hpet::{Hpet, HpetLines};
use crate::ioapic::IoApic;
use crate::pic::PicPair;
use crate::pit::Pit;
use crate::rtc::{Rtc, RtcConfig};
use hw_core::testing::{Action, RecordingSink, Rig, TestClock, check_actions};
use hw_core::{IrqLine, IrqSink};
use proptest::prelude::*;
use std::sync::Arc;
use target_i386::CpuSignals;

fn action() -> impl Strategy<Value = Action> {
    // Small values reach control bits, large ones counters.
    let value = prop_oneof![0..0x100_u64, any::<u64>(), any::<u32>().prop_map(u64::from)];
    let offset = prop_oneof![0..0x40_u64, (0..0x40_u64).prop_map(|n| n * 16), any::<u64>()];
    let time = prop_oneof![0..2000_u32, 0..100_000_000_u32, any::<u32>()];
    prop_oneof![
        3 => (any::<u8>(), offset.clone(), any::<u8>()).prop_map(|(w, o, s)| Action::Read(w, o, s)),
        6 => (any::<u8>(), offset, any::<u8>(), value).prop_map(|(w, o, s, v)| Action::Write(w, o, s, v)),
        3 => time.prop_map(Action::Pass),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(p, l)| Action::Pin(p, l)),
        1 => Just(Action::Reset),
    ]
}

fn pic() -> Rig {
    let pic = PicPair::new(IrqLine::disconnected());
    Rig {
        clock: TestClock::new(),
        windows: pic.windows(),
        pins: Some((Arc::clone(&pic) as Arc<dyn IrqSink>, 16)),
        device: pic,
    }
}

fn pit() -> Rig {
    let clock = TestClock::new();
    let pit = Pit::new(&clock.clock(), IrqLine::disconnected());
    Rig {
        clock,
        windows: pit.windows(),
        pins: None,
        device: pit,
    }
}

fn rtc() -> Rig {
    let clock = TestClock::new();
    let config = RtcConfig {
        unix_seconds: 1_700_000_000,
        ..RtcConfig::default()
    };
    let rtc = Rtc::new(config, &clock.clock(), IrqLine::disconnected());
    Rig {
        clock,
        windows: vec![rtc.window()],
        pins: None,
        device: rtc,
    }
}

fn hpet() -> Rig {
    let clock = TestClock::new();
    let sink = RecordingSink::new();
    let lines = HpetLines {
        legacy: [sink.line(0), sink.line(1)],
        replace: sink.line(2),
        gsi2: sink.line(3),
    };
    let hpet = Hpet::new(&clock.clock(), lines);
    Rig {
        clock,
        windows: vec![hpet.window()],
        pins: None,
        device: hpet,
    }
}

fn local_apic(clock: &TestClock, bus: &Arc<ApicBus>, x2apic: bool) -> Arc<LocalApic> {
    let config = ApicConfig {
        id: 0,
        bsp: true,
        x2apic,
    };
    LocalApic::new(config, bus, Arc::new(CpuSignals::new()), &clock.clock())
}

fn apic() -> Rig {
    let clock = TestClock::new();
    let bus = ApicBus::new();
    let apic = local_apic(&clock, &bus, false);
    Rig {
        clock,
        windows: vec![apic.window()],
        pins: Some((Arc::clone(&apic) as Arc<dyn IrqSink>, 2)),
        device: apic,
    }
}

/// The IO-APIC with a local APIC that the guest reaches too, so that EOIs come back.
fn ioapic() -> Rig {
    let clock = TestClock::new();
    let bus = ApicBus::new();
    let apic = local_apic(&clock, &bus, false);
    apic.write_register(0xf0, 0x1ff);
    let ioapic = IoApic::new(&bus);
    Rig {
        clock,
        windows: vec![ioapic.window()],
        pins: Some((Arc::clone(&ioapic) as Arc<dyn IrqSink>, 24)),
        device: ioapic,
    }
}

fn acpi_pm() -> Rig {
    let clock = TestClock::new();
    let pm = AcpiPm::new(&clock.clock(), IrqLine::disconnected(), || ());
    Rig {
        clock,
        windows: vec![pm.pm_window(), pm.gpe_window(), pm.apm_window()],
        pins: None,
        device: pm,
    }
}

fn smbus() -> Rig {
    let smbus = SmbusHost::new();
    Rig {
        clock: TestClock::new(),
        windows: vec![smbus.window()],
        pins: None,
        device: smbus,
    }
}

fn gsi() -> Rig {
    let pic = PicPair::new(IrqLine::disconnected());
    let router = GsiRouter::new(&pic, Some(&IoApic::new(&ApicBus::new())));
    Rig {
        clock: TestClock::new(),
        windows: Vec::new(),
        pins: Some((Arc::clone(&router) as Arc<dyn IrqSink>, 40)),
        device: router,
    }
}

fn legacy_timers() -> Rig {
    let timers = LegacyTimers::new(IrqLine::disconnected(), IrqLine::disconnected());
    Rig {
        clock: TestClock::new(),
        windows: Vec::new(),
        pins: Some((Arc::clone(&timers) as Arc<dyn IrqSink>, 5)),
        device: timers,
    }
}

macro_rules! any_sequence {
    ($($device:ident)*) => {
        mod any_sequence {
            use super::*;
            proptest! {
                #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
                $(
                    #[test]
                    fn $device(
                        before in prop::collection::vec(action(), 1..60),
                        after in prop::collection::vec(action(), 1..30),
                    ) {
                        check_actions(super::$device, &before, &after);
                    }
                )*
            }
        }
    };
}

any_sequence! { pic pit rtc hpet apic ioapic acpi_pm smbus gsi legacy_timers }
