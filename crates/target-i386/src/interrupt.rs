//! Interrupts and exceptions: when they are taken, how one that fails becomes another, and their delivery.
//!
//! The run loop calls [`raise`] with a handler's fault and [`service`] while requests are pending; software
//! interrupts come from [`software`]. All become an [`Event`], which [`deliver`](mod@deliver) brings through the IVT or IDT
//! without changing state before its last possible fault. Delivery counts no instruction.
//! SDM vol. 3A, chapter 7.

pub(crate) mod deliver;
mod delivered;
pub(crate) mod iret;
mod long;
mod protected;
mod real;
pub(crate) mod software;

pub use delivered::Delivery;

use crate::flags::bit;
use crate::signals::request;
use crate::state::{Activity, Shadow};
use crate::{Fault, Vcpu, Vector};

/// Where an event comes from: decides EXT, the gate's DPL check and the RF image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// INTR or NMI.
    External,
    /// An exception.
    Exception,
    /// INT n, INT3, INTO.
    Software,
    /// INT1: a software interrupt that no gate's DPL holds up.
    Int1,
}

/// Something to deliver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub vector: u8,
    pub code: Option<u16>,
    pub source: Source,
}

impl Event {
    /// An exception.
    pub fn exception(fault: Fault) -> Self {
        Self {
            vector: fault.vector(),
            code: fault.code(),
            source: Source::Exception,
        }
    }

    /// An interrupt from outside.
    pub fn external(vector: u8) -> Self {
        Self {
            vector,
            code: None,
            source: Source::External,
        }
    }

    /// The EXT bit of error codes that its delivery raises.
    pub fn ext(&self) -> u16 {
        u16::from(self.source != Source::Software)
    }

    /// The selector part of an error code about its IDT entry.
    pub fn idt_code(&self) -> u16 {
        u16::from(self.vector) << 3 | 2
    }

    /// RFLAGS as pushed: a fault's image has RF set, so that its restart meets no instruction breakpoint again.
    pub fn flags_image(&self, cpu: &Vcpu) -> u64 {
        let flags = cpu.state.flags.get();
        let is_fault = self.source == Source::Exception
            && !matches!(self.vector, v if v == Vector::Db as u8 || v == Vector::Df as u8 || v == Vector::Mc as u8);
        if is_fault { flags | bit::RF } else { flags }
    }
}

/// Exception classes of SDM vol. 3A, table 7-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Benign,
    Contributory,
    PageFault,
}

const fn class(vector: u8) -> Class {
    match vector {
        0 | 10..=13 => Class::Contributory,
        14 => Class::PageFault,
        _ => Class::Benign,
    }
}

/// What comes of `second`, raised while delivering `first` (SDM vol. 3A, table 7-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The second is delivered.
    Second,
    /// #DF.
    Double,
    /// The CPU shuts down.
    Shutdown,
}

/// Classifies an exception within the delivery of another event.
pub(crate) fn classify(first: &Event, second: u8) -> Outcome {
    if first.source != Source::Exception {
        return Outcome::Second;
    }
    if first.vector == Vector::Df as u8 {
        return Outcome::Shutdown;
    }
    match (class(first.vector), class(second)) {
        (Class::Contributory, Class::Contributory) => Outcome::Double,
        (Class::PageFault, Class::Contributory | Class::PageFault) => Outcome::Double,
        _ => Outcome::Second,
    }
}

/// Delivers an exception; RIP is that of the faulting instruction (or, for a trap, of the next).
pub fn raise(cpu: &mut Vcpu, fault: Fault) {
    cpu.forget_watch_hit();
    if fault.vector() == Vector::Db as u8 {
        // The handler may use the debug registers.
        cpu.state.dr.dr7 &= !crate::debug::DR7_GD;
    }
    settle(cpu, Event::exception(fault));
}

/// Delivers `event`, or what its delivery turns into.
fn settle(cpu: &mut Vcpu, mut event: Event) {
    cpu.note_delivery();
    loop {
        cpu.note_event(&event);
        if event.source == Source::Exception && event.vector == Vector::Pf as u8 {
            cpu.state.cr2 = cpu.state.fault_addr;
        }
        let Err(second) = deliver::deliver(cpu, &event) else {
            return;
        };
        tracing::trace!(target: "int", "{second:?} while delivering {event:?}");
        event = match classify(&event, second.vector()) {
            Outcome::Second => Event::exception(second),
            Outcome::Double => {
                if second.vector() == Vector::Pf as u8 {
                    cpu.state.cr2 = cpu.state.fault_addr;
                }
                Event::exception(Fault::with_code(Vector::Df, 0))
            }
            Outcome::Shutdown => {
                tracing::debug!(target: "int", "triple fault: {second:?} at {:#x}", cpu.state.rip);
                cpu.state.activity = Activity::Shutdown;
                cpu.refresh_attention();
                return;
            }
        };
    }
}

/// Called at an instruction boundary while requests are pending and no shadow is in force: delivers at most one
/// of INIT, SIPI, NMI, INTR, if acceptable now; wakes a halted CPU that gets one.
pub fn service(cpu: &mut Vcpu) {
    let pending = cpu.signals.pending();
    if pending & request::INIT != 0 {
        cpu.signals.take(request::INIT);
        cpu.note_delivery();
        crate::reset::init(cpu);
        return;
    }
    match cpu.state.activity {
        Activity::WaitForSipi => {
            if cpu.signals.take(request::SIPI) != 0 {
                cpu.note_delivery();
                crate::reset::sipi(cpu, cpu.signals.sipi_vector());
            }
            return;
        }
        Activity::Shutdown => return,
        Activity::Running | Activity::Halted => {
            // A start-up IPI to a running processor is lost.
            cpu.signals.take(request::SIPI);
        }
    }
    if pending & request::NMI != 0 && !cpu.state.nmi_blocked && cpu.state.shadow != Shadow::MovSs {
        cpu.signals.take(request::NMI);
        cpu.state.nmi_blocked = true;
        external(cpu, Vector::Nmi as u8);
        return;
    }
    if pending & request::INTR != 0 && cpu.state.flags.has(bit::IF) && cpu.state.shadow == Shadow::None {
        cpu.before_device();
        if let Some(vector) = cpu.platform.acknowledge_interrupt() {
            external(cpu, vector);
        }
    }
}

fn external(cpu: &mut Vcpu, vector: u8) {
    cpu.state.activity = Activity::Running;
    settle(cpu, Event::external(vector));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn second_exceptions() {
        use Outcome::{Double, Second, Shutdown};
        for (first, second, expected) in [
            (13, 13, Double), (13, 11, Double), (0, 10, Double), (13, 14, Second), (14, 14, Double), (14, 13, Double),
            (14, 1, Second), (1, 13, Second), (6, 13, Second), (6, 14, Second), (17, 13, Second), (8, 13, Shutdown),
            (8, 14, Shutdown),
        ] {
            let event = Event { vector: first, code: None, source: Source::Exception };
            assert_eq!(classify(&event, second), expected, "{first} then {second}");
            let event = Event { source: Source::External, ..event };
            assert_eq!(classify(&event, second), Second, "interrupt {first} then {second}");
        }
    }
}
