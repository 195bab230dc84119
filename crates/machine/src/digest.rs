//! Digests of a machine's state: one number each for CPU, memory and devices, to compare two runs by.

use softmmu::RamBlock;
use std::fmt;
use std::hash::{Hash, Hasher};
use target_i386::{CpuState, Vcpu};
use xxhash_rust::xxh3::Xxh3;

/// What a machine has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Instructions executed since the machine was made.
    pub instructions: u64,
    /// The CPUs' architectural state.
    pub cpu: u64,
    /// All RAM.
    pub memory: u64,
    /// The state of all devices.
    pub devices: u64,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            instructions,
            cpu,
            memory,
            devices,
        } = self;
        write!(
            f,
            "digest after {instructions} instructions: cpu {cpu:016x} memory {memory:016x} devices {devices:016x}"
        )
    }
}

/// Bytes hashed at a time.
const CHUNK: usize = 1 << 16;

/// The CPU's architectural state.
pub fn cpu(vcpu: &Vcpu) -> u64 {
    let state: &CpuState = &vcpu.state;
    let bytes = postcard::to_stdvec(state).expect("CPU state is plain data");
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

/// The architectural state and the TLBs of all vCPUs: what is in a TLB is visible to the guest.
pub fn vcpus(vcpus: &[&Vcpu]) -> u64 {
    let mut hash = Hashed(Xxh3::new());
    for vcpu in vcpus {
        hash.write_u64(cpu(vcpu));
        vcpu.tlb.save().hash(&mut hash);
    }
    hash.finish()
}

/// General registers, RIP and RFLAGS of all vCPUs: costs nothing, and shows most of what goes wrong soon after.
pub fn registers(vcpus: &[&Vcpu]) -> u16 {
    let mut hash = Xxh3::new();
    for Vcpu { state, .. } in vcpus {
        let steering = [state.rip, state.flags.get()];
        for word in state.gpr.iter().chain(&steering) {
            hash.update(&word.to_le_bytes());
        }
    }
    hash.digest() as u16
}

/// XXH3 as the standard library wants it.
pub struct Hashed(pub Xxh3);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// One number for those of all CPUs.
pub fn of_cpus(each: impl Iterator<Item = u64>) -> u64 {
    let mut bytes = Vec::new();
    each.for_each(|digest| bytes.extend(digest.to_le_bytes()));
    match bytes[..] {
        // As it is, where there is but one.
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => xxhash_rust::xxh3::xxh3_64(&bytes),
    }
}

/// All RAM.
pub fn memory(ram: &RamBlock) -> u64 {
    let mut hash = Xxh3::new();
    let mut chunk = vec![0; CHUNK];
    for offset in (0..ram.size()).step_by(CHUNK) {
        let length = CHUNK.min((ram.size() - offset) as usize);
        if ram.read(offset, &mut chunk[..length]).is_some() {
            hash.update(&chunk[..length]);
        }
    }
    hash.digest()
}
