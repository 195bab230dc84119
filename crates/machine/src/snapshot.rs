//! Snapshots of a machine: everything a guest could tell, taken between two instructions and put back.
//!
//! ```text
//! clock, timers, vCPUs, devices  <-> sections   (`sections`)
//! RAM blocks                     <-> page maps  (`memory`, over the `page_log` of what changed since)
//! what was written to drives     <-> page maps  (`drives`)
//! both, without page maps        <-> a file     (`file`, for the monitor's `commands`)
//! ```
//!
//! A machine that cannot take a snapshot stays what it is: sections are decoded before anything changes, and what the
//! machine was is put back if a device refuses. Memory comes last and cannot refuse. Code that was made of memory needs
//! no word: a page is written like by a device, which drops what was made of its bytes.

mod commands;
mod digest;
mod drives;
mod file;
mod memory;
mod page_log;
mod sections;
mod stepper;

pub use digest::MemoryDigest;
pub use page_log::{Mark, PageLog};

pub(crate) use memory::Memory;

use crate::drives::Written;
use crate::virtual_time::VirtualTime;
use accel_tcg::Schedule;
use hw_i386::pc::Pc;
use migration::{Head, Identity, PageStore, Snapshot, SnapshotError, Summary};
use replay::Position;
use std::sync::Arc;
use target_i386::cpuid::{Model, Topology};
use target_i386::{Features, Vcpu, VcpuImage};
use util_mainloop::clock::{ClockSource, WallClock};

/// The vCPUs of a stopped machine, however they are reached.
pub(crate) trait Cpus {
    /// How many.
    fn count(&self) -> usize;
    /// One as data.
    fn image(&mut self, index: usize) -> VcpuImage;
    /// One becomes what it was.
    fn restore(&mut self, index: usize, image: VcpuImage);
    /// Whose turn it is.
    fn schedule(&mut self) -> Schedule;
    /// Takes that back; the clock has been set.
    fn set_schedule(&mut self, schedule: Schedule);
    /// Dirty pages have been taken: see [`target_i386::Vcpu::protect_cleaned`].
    fn protect_cleaned(&mut self);
}

/// What a snapshot is taken of: a machine whose CPUs do not execute, under its big lock.
pub(crate) struct Whole<'a> {
    pub pc: &'a Pc,
    pub time: &'a VirtualTime,
    pub identity: &'a Identity,
    pub cpus: &'a mut dyn Cpus,
    /// What was written to its drives.
    pub drives: &'a [Arc<Written>],
    /// Where its log stands, or after a snapshot was loaded: where that stood.
    pub position: Option<Position>,
}

/// What a guest could tell its machine by.
fn identity(pc: &Pc, vcpus: &[Box<Vcpu>], time: &VirtualTime, rtc: &str) -> Identity {
    let (model, place): (&Model, Topology) = vcpus
        .last()
        .map(|vcpu| (&*vcpu.model, vcpu.topology))
        .expect("a machine has a CPU");
    let features = Features::WORDS.iter().filter(|row| model.has(row.0));
    let features: Vec<_> = features.map(|row| row.1).collect();
    let blocks = pc.ram_blocks();
    let mut identity = Identity::default()
        .with("machine", concat!("pc-", env!("CARGO_PKG_VERSION")))
        .with("memory", format!("{} KiB", blocks[0].size() >> 10))
        .with("number of CPUs", vcpus.len().to_string())
        .with(
            "places for CPUs",
            format!(
                "{} dies of {} cores of {} threads, APIC ids to {}",
                place.dies, place.cores, place.threads, place.apic_id
            ),
        )
        .with(
            "CPU",
            format!(
                "{} {:x}.{:x}.{:x}",
                model.name, model.family, model.model, model.stepping
            ),
        )
        .with("CPU's vendor", format!("{:?}", model.vendor))
        .with(
            "CPU's leaves",
            format!("{:x} {:x} {}", model.level, model.xlevel, model.phys_bits),
        )
        .with("CPU's features", features.join(","))
        .with("virtual time", time.describe())
        .with("real-time clock", rtc)
        .with("firmware configuration", format!("{:016x}", pc.firmware_digest()));
    for block in &blocks[1..] {
        identity = identity.with(format!("memory '{}'", block.name()), block.size().to_string());
    }
    identity.with_devices(pc.devices.iter().map(|device| device.name().to_owned()))
}

impl Whole<'_> {
    /// How the snapshot of this moment begins.
    pub fn head(&self) -> Head {
        Head {
            identity: self.identity.clone(),
            summary: Summary {
                created: WallClock.now_ns() / 1_000_000_000,
                instructions: self.time.count.get(),
                virtual_ns: self.time.virtual_timers.now_ns(),
            },
            base: None,
        }
    }

    /// The machine as it is; costs what changed in memory since the last snapshot that was taken or loaded.
    pub fn save(&mut self, memory: &mut Memory) -> Snapshot {
        let mut blocks = memory.save();
        blocks.extend(drives::images(self.drives));
        self.cpus.protect_cleaned();
        let sections = self.sections();
        Snapshot {
            head: self.head(),
            sections,
            blocks,
        }
    }

    /// The machine becomes what it was; costs what changed in memory on the way from there to here.
    ///
    /// # Errors
    /// Another machine's snapshot, or not a sound one; nothing has changed then.
    pub fn load(&mut self, memory: &mut Memory, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.identity.check(&snapshot.head.identity)?;
        let (blocks, drives) = snapshot
            .blocks
            .split_at(memory.count().min(snapshot.blocks.len()));
        memory.check(blocks)?;
        drives::check(self.drives, drives)?;
        self.with_drives(drives.iter().map(|image| image.pages.clone()), |whole| {
            whole.load_sections(&snapshot.sections)
        })?;
        memory.load(blocks);
        self.cpus.protect_cleaned();
        Ok(())
    }
}

/// What a machine keeps for its snapshots.
pub(crate) struct Past {
    pub identity: Identity,
    pub memory: Memory,
    pub drives: Vec<Arc<Written>>,
}

impl Past {
    /// Of a new machine.
    pub fn new(pc: &Pc, vcpus: &[Box<Vcpu>], time: &VirtualTime, rtc: &str, drives: &[Arc<Written>]) -> Self {
        Self {
            identity: identity(pc, vcpus, time, rtc),
            memory: Memory::new(pc.ram_blocks(), PageStore::new()),
            drives: drives.to_vec(),
        }
    }
}
