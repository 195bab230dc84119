//! Accesses by linear address: TLB slow path, page walks, page crossings, devices.

use super::{Operand, Privilege};
use crate::{Fault, Vcpu, paging};
use softmmu::tlb::{Access, Probe, Slow};
use softmmu::{GuestPhys, GuestVirt, PAGE_SIZE};

impl Vcpu {
    /// Reads at a linear address.
    ///
    /// # Errors
    /// #PF.
    #[inline]
    pub fn read_linear<T: Operand>(&mut self, addr: u64, privilege: Privilege) -> Result<T, Fault> {
        if let Some(value) = self.tlb.load(self.mmu_index(privilege), GuestVirt(addr)) {
            return Ok(value);
        }
        self.read_linear_slow(addr, privilege)
    }

    /// Writes at a linear address.
    ///
    /// # Errors
    /// #PF.
    #[inline]
    pub fn write_linear<T: Operand>(
        &mut self,
        addr: u64,
        privilege: Privilege,
        value: T,
    ) -> Result<(), Fault> {
        if let Some(()) = self.tlb.store(self.mmu_index(privilege), GuestVirt(addr), value) {
            return Ok(());
        }
        self.write_linear_slow(addr, privilege, value)
    }

    #[inline(never)]
    fn read_linear_slow<T: Operand>(&mut self, addr: u64, privilege: Privilege) -> Result<T, Fault> {
        let value = self.read_linear_filling(addr, privilege)?;
        self.debug_access(addr, T::SIZE, Access::Read);
        Ok(value)
    }

    fn read_linear_filling<T: Operand>(&mut self, addr: u64, privilege: Privilege) -> Result<T, Fault> {
        if crosses(addr, T::SIZE) {
            let mut bytes = [0; 32];
            let bytes = &mut bytes[..T::SIZE as usize];
            self.read_bytes_linear(addr, privilege, bytes)?;
            return Ok(T::from_bytes(bytes));
        }
        let mmu = self.mmu_index(privilege);
        loop {
            match self.tlb.slow_load(mmu, GuestVirt(addr)) {
                Slow::Done(value) => return Ok(value),
                Slow::Io(at) => {
                    let mut bytes = [0; 32];
                    let bytes = &mut bytes[..T::SIZE as usize];
                    self.device_read(at, bytes);
                    return Ok(T::from_bytes(bytes));
                }
                Slow::Miss => paging::fill(self, addr, Access::Read, privilege)?,
            }
            if let Some(value) = self.tlb.load(mmu, GuestVirt(addr)) {
                return Ok(value);
            }
        }
    }

    #[inline(never)]
    fn write_linear_slow<T: Operand>(
        &mut self,
        addr: u64,
        privilege: Privilege,
        value: T,
    ) -> Result<(), Fault> {
        self.write_linear_filling(addr, privilege, value)?;
        self.debug_access(addr, T::SIZE, Access::Write);
        Ok(())
    }

    fn write_linear_filling<T: Operand>(
        &mut self,
        addr: u64,
        privilege: Privilege,
        value: T,
    ) -> Result<(), Fault> {
        if crosses(addr, T::SIZE) {
            let mut bytes = [0; 32];
            let bytes = &mut bytes[..T::SIZE as usize];
            value.put_bytes(bytes);
            return self.write_bytes_linear(addr, privilege, bytes);
        }
        let mmu = self.mmu_index(privilege);
        loop {
            match self.tlb.slow_store(mmu, GuestVirt(addr), value) {
                Slow::Done(()) => {
                    self.after_slow_store();
                    return Ok(());
                }
                Slow::Io(at) => {
                    let mut bytes = [0; 32];
                    let bytes = &mut bytes[..T::SIZE as usize];
                    value.put_bytes(bytes);
                    self.device_write(at, bytes);
                    return Ok(());
                }
                Slow::Miss => paging::fill(self, addr, Access::Write, privilege)?,
            }
            if let Some(()) = self.tlb.store(mmu, GuestVirt(addr), value) {
                return Ok(());
            }
        }
    }

    /// Reads, computes and writes back at a linear address; see [`Vcpu::rmw`].
    ///
    /// # Errors
    /// #PF, as a write.
    pub fn rmw_linear<T: Operand, R>(
        &mut self,
        addr: u64,
        privilege: Privilege,
        lock: bool,
        mut f: impl FnMut(T) -> (T, R),
    ) -> Result<R, Fault> {
        self.probe_linear(addr, T::SIZE, Access::Write, privilege)?;
        let mmu = self.mmu_index(privilege);
        // What the host has no atomic operation for is done while nobody else executes.
        if lock
            && (crosses(addr, T::SIZE)
                || T::SIZE >= 16 && !addr.is_multiple_of(16)
                || matches!(self.tlb.probe(mmu, GuestVirt(addr), Access::Write), Probe::Io(_)))
        {
            return self.alone(|cpu| {
                let old = cpu.read_linear::<T>(addr, privilege)?;
                let (new, result) = f(old);
                cpu.write_linear(addr, privilege, new)?;
                Ok(result)
            });
        }
        loop {
            let old = self.read_linear::<T>(addr, privilege)?;
            let (new, result) = f(old);
            if lock {
                match self.tlb.slow_cas(mmu, GuestVirt(addr), old, new) {
                    Slow::Done(Ok(_)) => {
                        self.after_slow_store();
                        self.debug_access(addr, T::SIZE, Access::Write);
                        return Ok(result);
                    }
                    Slow::Done(Err(_)) => continue,
                    Slow::Miss => {
                        paging::fill(self, addr, Access::Write, privilege)?;
                        continue;
                    }
                    Slow::Io(_) => {}
                }
            }
            self.write_linear(addr, privilege, new)?;
            return Ok(result);
        }
    }

    /// Checks that `len` bytes from `addr` can be accessed, page by page, filling the TLB.
    ///
    /// # Errors
    /// #PF.
    pub fn probe_linear(
        &mut self,
        addr: u64,
        len: u64,
        access: Access,
        privilege: Privilege,
    ) -> Result<(), Fault> {
        let mmu = self.mmu_index(privilege);
        let mut at = addr;
        let mut left = len.max(1);
        loop {
            if self.tlb.probe(mmu, GuestVirt(at), access) == Probe::Miss {
                paging::fill(self, at, access, privilege)?;
            }
            let in_page = PAGE_SIZE - at % PAGE_SIZE;
            if left <= in_page {
                return Ok(());
            }
            left -= in_page;
            at = self.truncate_linear(at.wrapping_add(in_page));
        }
    }

    /// Checks that `len` bytes from `addr` can be written.
    ///
    /// # Errors
    /// #PF.
    pub fn probe_write_linear(&mut self, addr: u64, len: u64, privilege: Privilege) -> Result<(), Fault> {
        self.probe_linear(addr, len, Access::Write, privilege)
    }

    /// Reads bytes, across pages if need be.
    ///
    /// # Errors
    /// #PF, before anything was read.
    pub fn read_bytes_linear(&mut self, addr: u64, privilege: Privilege, to: &mut [u8]) -> Result<(), Fault> {
        if crosses(addr, to.len() as u64) {
            self.probe_linear(addr, to.len() as u64, Access::Read, privilege)?;
        }
        let mut at = addr;
        let mut rest = to;
        while !rest.is_empty() {
            let in_page = (PAGE_SIZE - at % PAGE_SIZE) as usize;
            let done = if rest.len() >= 8 && in_page >= 8 {
                rest[..8].copy_from_slice(&self.read_linear::<u64>(at, privilege)?.to_le_bytes());
                8
            } else if rest.len() >= 4 && in_page >= 4 {
                rest[..4].copy_from_slice(&self.read_linear::<u32>(at, privilege)?.to_le_bytes());
                4
            } else if rest.len() >= 2 && in_page >= 2 {
                rest[..2].copy_from_slice(&self.read_linear::<u16>(at, privilege)?.to_le_bytes());
                2
            } else {
                rest[0] = self.read_linear::<u8>(at, privilege)?;
                1
            };
            rest = &mut rest[done..];
            at = self.truncate_linear(at.wrapping_add(done as u64));
        }
        Ok(())
    }

    /// Writes bytes, across pages if need be; all or none.
    ///
    /// # Errors
    /// #PF, before anything was written.
    pub fn write_bytes_linear(&mut self, addr: u64, privilege: Privilege, from: &[u8]) -> Result<(), Fault> {
        if crosses(addr, from.len() as u64) {
            self.probe_linear(addr, from.len() as u64, Access::Write, privilege)?;
        }
        let mut at = addr;
        let mut rest = from;
        while !rest.is_empty() {
            let in_page = (PAGE_SIZE - at % PAGE_SIZE) as usize;
            let done = if rest.len() >= 8 && in_page >= 8 {
                self.write_linear(at, privilege, u64::from_bytes(&rest[..8]))?;
                8
            } else if rest.len() >= 4 && in_page >= 4 {
                self.write_linear(at, privilege, u32::from_bytes(&rest[..4]))?;
                4
            } else if rest.len() >= 2 && in_page >= 2 {
                self.write_linear(at, privilege, u16::from_bytes(&rest[..2]))?;
                2
            } else {
                self.write_linear(at, privilege, rest[0])?;
                1
            };
            rest = &rest[done..];
            at = self.truncate_linear(at.wrapping_add(done as u64));
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn truncate_linear(&self, addr: u64) -> u64 {
        // System structures in compatibility mode lie anywhere in 64 bits.
        if self.mode.lma { addr } else { addr & 0xffff_ffff }
    }

    /// A store that did not take the fast path may have hit decoded code.
    pub(crate) fn after_slow_store(&mut self) {
        if self.code.has_news() {
            self.leave = true;
        }
    }

    /// Reads from what is not RAM, in pieces a bus carries. The device sees the exact instruction count; the
    /// block ends after this instruction.
    pub fn device_read(&mut self, at: GuestPhys, to: &mut [u8]) {
        self.before_device();
        let mut at = at;
        for piece in pieces(to.len()) {
            let (start, size) = piece;
            let value = self.memory.load(at, size as u32).unwrap_or(u64::MAX);
            to[start..start + size].copy_from_slice(&value.to_le_bytes()[..size]);
            at = at.add(size as u64);
        }
    }

    /// Writes to what is not RAM; as [`Vcpu::device_read`].
    pub fn device_write(&mut self, at: GuestPhys, from: &[u8]) {
        self.before_device();
        let mut at = at;
        for (start, size) in pieces(from.len()) {
            let mut bytes = [0; 8];
            bytes[..size].copy_from_slice(&from[start..start + size]);
            // What the bus refuses vanishes, as on a PC.
            let _ = self.memory.store(at, size as u32, u64::from_le_bytes(bytes));
            at = at.add(size as u64);
        }
    }

    /// Call before anything outside the CPU can look at the clock: publishes the exact count and makes the
    /// run loop leave the block after the current instruction.
    pub fn before_device(&mut self) {
        self.publish_count();
        self.leave = true;
    }
}

#[inline(always)]
fn crosses(addr: u64, len: u64) -> bool {
    addr % PAGE_SIZE + len > PAGE_SIZE
}

/// Start and size of the accesses that make up `len` bytes: 8, 4, 2, 1.
fn pieces(len: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let size = [8, 4, 2, 1].into_iter().find(|&size| start + size <= len)?;
        start += size;
        Some((start - size, size))
    })
}
