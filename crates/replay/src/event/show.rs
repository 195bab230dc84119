//! Events as one line for people: `replay-log dump` and the report of a divergence.

use super::{Control, Event, Input};
use std::fmt;

/// Bytes of an event that are shown.
const SHOWN: usize = 24;

/// Bytes as a quoted string, cut off after [`SHOWN`].
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())?;
        match self {
            Self::CharInput { driver, bytes } | Self::CharReadAll { driver, bytes } => {
                write!(f, " driver={driver} {}", Quoted(bytes))
            }
            Self::CharEvent { driver, what } => write!(f, " driver={driver} {what:?}"),
            Self::Input(input) => match input {
                Input::Key { code, down } => write!(f, " key={code} down={down}"),
                Input::Button { button, down } => write!(f, " button={button} down={down}"),
                Input::Relative { axis, delta } => write!(f, " axis={axis} delta={delta}"),
                Input::Absolute { axis, value } => write!(f, " axis={axis} value={value}"),
            },
            Self::InputSync => Ok(()),
            Self::Net { filter, flags, bytes } => {
                write!(f, " filter={filter} flags={flags:#x} {}", Quoted(bytes))
            }
            Self::Block { id } | Self::BottomHalf { id } => write!(f, " id={id}"),
            Self::Control(control) => write!(f, " {control}"),
            Self::Clock { kind, ns } => write!(f, " {kind:?} ns={ns}"),
            Self::CharWrite {
                driver,
                result,
                offset,
            } => {
                write!(f, " driver={driver} result={result} offset={offset}")
            }
            Self::CharReadAllError { driver, error } => write!(f, " driver={driver} error={error}"),
            Self::AudioOut { played } => write!(f, " played={played}"),
            Self::AudioIn {
                count,
                position,
                samples,
            } => {
                write!(f, " count={count} position={position} samples={}", samples.len())
            }
            Self::Random { bytes } => write!(f, " {}", Quoted(bytes)),
            Self::Shutdown { cause } => write!(f, " {cause:?}"),
            Self::Checkpoint(id) => write!(f, " {id:?}"),
            Self::Interrupt { vcpu, vector } | Self::Exception { vcpu, vector } => {
                write!(f, " vcpu={vcpu} vector={vector:#04x}")
            }
            Self::Digest {
                vcpus,
                devices,
                memory,
            } => {
                write!(
                    f,
                    " vcpus={vcpus:016x} devices={devices:016x} memory={memory:016x}"
                )
            }
            Self::Snapshot { name } => write!(f, " {}", Quoted(name.as_bytes())),
            Self::Stopped { reason } => write!(f, " {}", reason.escape_debug()),
            Self::End { digest } => write!(f, " digest={digest:016x}"),
            Self::Trail { registers } => write!(f, " registers={registers:04x}"),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset"),
            Self::PowerButton => f.write_str("power-button"),
            Self::Nmi => f.write_str("nmi"),
            Self::SendKey { keys, hold_ms } => {
                f.write_str("send-key ")?;
                for (index, key) in keys.iter().take(SHOWN).enumerate() {
                    let separator = if index == 0 { "" } else { "-" };
                    write!(f, "{separator}{key}")?;
                }
                write!(f, " hold={hold_ms}ms")
            }
            Self::Eject { device, force } => write!(f, "eject {} force={force}", Quoted(device.as_bytes())),
            Self::MemoryWrite { address, vcpu, bytes } => {
                write!(f, "memory-write {address:#x}")?;
                match vcpu {
                    Some(vcpu) => write!(f, " vcpu={vcpu}")?,
                    None => f.write_str(" physical")?,
                }
                write!(f, " {}", Quoted(bytes))
            }
            Self::RegisterWrite {
                vcpu,
                register,
                bytes,
            } => {
                write!(
                    f,
                    "register-write vcpu={vcpu} register={register} {}",
                    Quoted(bytes)
                )
            }
            Self::Other(text) => write!(f, "other {}", Quoted(text.as_bytes())),
        }
    }
}
