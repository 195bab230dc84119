//! Which machine a snapshot is of, so that no other machine takes it; and what a list of snapshots shows.
//!
//! Facts are text in a fixed order: whoever makes the machine decides which facts a guest could tell it by (RAM size,
//! CPU model, machine version, how time is counted) and this crate need not know any of them.

use serde::{Deserialize, Serialize};

/// What a machine is, as far as a guest could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    facts: Vec<(String, String)>,
    devices: Vec<String>,
}

/// The first thing in which the machine of a snapshot is another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A fact has another value.
    #[error("{fact} is '{there}' there and '{here}' here")]
    Fact {
        /// Its name.
        fact: String,
        /// Its value in the snapshot.
        there: String,
        /// Its value in this machine.
        here: String,
    },
    /// The snapshot has a device that this machine has not.
    #[error("it has a device '{0}'")]
    Extra(String),
    /// This machine has a device that the snapshot has not.
    #[error("it has no device '{0}'")]
    Lacking(String),
}

impl Identity {
    /// Adds a fact; the order is that in which differences are reported.
    #[must_use]
    pub fn with(mut self, fact: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((fact.into(), value.into()));
        self
    }

    /// Says which devices there are.
    #[must_use]
    pub fn with_devices(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.devices.extend(names);
        self
    }

    /// Whether a snapshot of the machine `there` is one of this machine.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, there: &Self) -> Result<(), Difference> {
        let value = |of: &Self, fact: &str| {
            let found = of.facts.iter().find(|(name, _)| name == fact);
            found.map_or_else(|| "unknown".to_owned(), |(_, value)| value.clone())
        };
        for (fact, _) in self.facts.iter().chain(&there.facts) {
            let (here, there) = (value(self, fact), value(there, fact));
            if here != there {
                return Err(Difference::Fact {
                    fact: fact.clone(),
                    there,
                    here,
                });
            }
        }
        let missing =
            |from: &Self, all: &Self| all.devices.iter().find(|d| !from.devices.contains(d)).cloned();
        if let Some(device) = missing(self, there) {
            return Err(Difference::Extra(device));
        }
        if let Some(device) = missing(there, self) {
            return Err(Difference::Lacking(device));
        }
        Ok(())
    }
}

/// What is told of a snapshot without loading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// When it was taken, seconds since 1970 by the host's clock.
    pub created: i64,
    /// Instructions the machine had completed.
    pub instructions: u64,
    /// What its virtual clock showed, nanoseconds.
    pub virtual_ns: i64,
}

/// The beginning of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which machine.
    pub identity: Identity,
    /// Which moment.
    pub summary: Summary,
    /// The snapshot (by what [`SnapshotWriter::finish`](crate::SnapshotWriter::finish) said) from which pages that are
    /// not in this one are to be taken; none: they are zero.
    pub base: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(memory: &str, devices: &[&str]) -> Identity {
        Identity::default()
            .with("memory", memory)
            .with_devices(devices.iter().map(|&name| name.to_owned()))
    }

    #[test]
    fn differences_are_named() {
        let here = machine("512 MiB", &["pit", "rtc"]);
        for (there, expected) in [
            (machine("512 MiB", &["rtc", "pit"]), None),
            (
                machine("64 MiB", &["pit", "rtc"]),
                Some("memory is '64 MiB' there and '512 MiB' here"),
            ),
            (
                machine("512 MiB", &["pit", "rtc", "hpet"]),
                Some("it has a device 'hpet'"),
            ),
            (machine("512 MiB", &["pit"]), Some("it has no device 'rtc'")),
            (
                machine("512 MiB", &["pit", "rtc"]).with("sound", "yes"),
                Some("sound is 'yes' there and 'unknown' here"),
            ),
        ] {
            assert_eq!(
                here.check(&there).err().map(|e| e.to_string()).as_deref(),
                expected
            );
        }
    }
}
