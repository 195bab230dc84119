//! Files by which Linux's `perf` names generated code: `/tmp/perf-PID.map` and jitdump.
//!
//! Formats: `tools/perf/Documentation/jit-interface.txt` and `jitdump-specification.txt` of the kernel's sources
//! (version 1). Symbols contain the guest's address, as QEMU's `-perfmap` and `-jitdump` do it.
#![allow(unsafe_code)] // maps the dump file, by which perf finds it

use parking_lot::Mutex;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::thread::gettid;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::ptr::null_mut;
use util_mainloop::clock::{ClockSource, MonotonicClock};

/// `/tmp/perf-PID.map`: a line of start, size and name for each piece of code. Code that took the place of evicted
/// code follows it in the file; only [`JitDump`] says when.
#[derive(Debug)]
pub struct PerfMap(Mutex<BufWriter<File>>);

impl PerfMap {
    /// Where `perf report` looks for the map of this process.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create() -> io::Result<Self> {
        Self::create_at(Path::new(&format!("/tmp/perf-{}.map", std::process::id())))
    }

    /// A map at `path`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create_at(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(BufWriter::new(File::create(path)?))))
    }

    /// Names `len` bytes of code at `address`.
    pub fn add(&self, address: u64, len: usize, name: &str) {
        // A full disk spoils the profile, not the guest.
        let _ = writeln!(self.0.lock(), "{address:x} {len:x} {name}");
    }
}

/// Bytes of the file mapped as a mark.
const MARK: usize = 4096;
/// "JiTD" as a number in the host's byte order.
const MAGIC: u32 = 0x4a69_5444;
/// ELF's number of the host's processor.
const MACHINE: u32 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
const JIT_CODE_LOAD: u32 = 0;
const JIT_CODE_CLOSE: u32 = 3;

/// `jit-PID.dump`: every piece of code with its bytes, and when it came. Times are CLOCK_MONOTONIC, so the recording
/// is to be made by `perf record -k mono`.
#[derive(Debug)]
pub struct JitDump {
    state: Mutex<Dump>,
    /// Address of the mapping.
    mark: usize,
}

#[derive(Debug)]
struct Dump {
    file: BufWriter<File>,
    /// Number of the next piece.
    index: u64,
}

impl JitDump {
    /// A dump of this process in `directory`.
    ///
    /// # Errors
    /// The file cannot be made, or its file system forbids executable mappings.
    pub fn create_in(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!("jit-{}.dump", std::process::id()));
        let mut file = File::create_new(&path).or_else(|error| {
            // One of an earlier process of this number.
            if error.kind() == io::ErrorKind::AlreadyExists {
                File::options().read(true).write(true).truncate(true).open(&path)
            } else {
                Err(error)
            }
        })?;
        file.write_all(&header())?;
        // perf record sees executable mappings and takes this one's name for the dump's place.
        // SAFETY: a new mapping at an address of the host's choice overlaps nothing; nobody reads it.
        let mark = unsafe {
            mmap(
                null_mut(),
                MARK,
                ProtFlags::READ | ProtFlags::EXEC,
                MapFlags::PRIVATE,
                &file,
                0,
            )
        }?;
        Ok(Self {
            state: Mutex::new(Dump {
                file: BufWriter::new(file),
                index: 0,
            }),
            mark: mark as usize,
        })
    }

    /// Records `code`, which has just been placed at `address`.
    pub fn add(&self, address: u64, code: &[u8], name: &str) {
        let mut dump = self.state.lock();
        let tid = gettid().as_raw_nonzero().get() as u32;
        let record = load_record(now(), tid, address, code, name, dump.index);
        dump.index += 1;
        // As for the map.
        let _ = dump.file.write_all(&record);
    }
}

impl Drop for JitDump {
    fn drop(&mut self) {
        let end = [JIT_CODE_CLOSE.to_ne_bytes(), 16_u32.to_ne_bytes()].concat();
        let dump = self.state.get_mut();
        let _ = dump.file.write_all(&end);
        let _ = dump.file.write_all(&now().to_ne_bytes());
        let _ = dump.file.flush();
        // SAFETY: mapped by `create_in` with this length, and nobody else knows of it.
        let _ = unsafe { munmap(self.mark as *mut _, MARK) };
    }
}

fn now() -> u64 {
    MonotonicClock.now_ns() as u64
}

fn header() -> Vec<u8> {
    const SIZE: u32 = 40;
    let words = [MAGIC, 1, SIZE, MACHINE, 0, std::process::id()];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    bytes.extend(now().to_ne_bytes());
    // Flags: the times are no TSC values.
    bytes.extend(0_u64.to_ne_bytes());
    bytes
}

fn load_record(time: u64, tid: u32, address: u64, code: &[u8], name: &str, index: u64) -> Vec<u8> {
    const FIXED: usize = 56;
    let size = FIXED + name.len() + 1 + code.len();
    let mut bytes = Vec::with_capacity(size);
    bytes.extend(JIT_CODE_LOAD.to_ne_bytes());
    bytes.extend((size as u32).to_ne_bytes());
    bytes.extend(time.to_ne_bytes());
    bytes.extend(std::process::id().to_ne_bytes());
    bytes.extend(tid.to_ne_bytes());
    // Where it runs, and where it lies: the same.
    for word in [address, address, code.len() as u64, index] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.extend(code);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("accel-tcg-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        path
    }

    #[test]
    fn map_lines() {
        let directory = scratch("map");
        let map = PerfMap::create_at(&directory.join("map")).expect("a file");
        map.add(0x7f00_0000_1000, 0x123, "guest-0xffffffff81000000");
        map.add(0x7f00_0000_2000, 16, "thunks");
        drop(map);
        let text = std::fs::read_to_string(directory.join("map")).expect("written");
        assert_eq!(
            text,
            "7f0000001000 123 guest-0xffffffff81000000\n7f0000002000 10 thunks\n"
        );
        assert!(PerfMap::create_at(&directory.join("no/such")).is_err());
        let _ = std::fs::remove_dir_all(directory);
    }

    /// Reads the dump back as perf would.
    #[test]
    fn dump_records() {
        let directory = scratch("dump");
        let before = now();
        let dump = JitDump::create_in(&directory).expect("a file");
        dump.add(0x1000, &[0x90, 0xc3], "first");
        dump.add(0x2000, &[0xcc], "second");
        drop(dump);
        let path = directory.join(format!("jit-{}.dump", std::process::id()));
        let bytes = std::fs::read(&path).expect("written");
        let u32_at = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four"));
        let u64_at = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight"));
        assert_eq!([u32_at(0), u32_at(4), u32_at(8), u32_at(12)], [MAGIC, 1, 40, 62]);
        assert_eq!(u32_at(20), std::process::id());
        assert!(u64_at(24) >= before);
        let mut at = u32_at(8) as usize;
        for (n, (name, address, code)) in [("first", 0x1000, &[0x90, 0xc3][..]), ("second", 0x2000, &[0xcc])]
            .into_iter()
            .enumerate()
        {
            assert_eq!(u32_at(at), JIT_CODE_LOAD);
            assert!(u64_at(at + 8) >= before);
            assert_eq!(u32_at(at + 16), std::process::id());
            assert_eq!(
                [u64_at(at + 24), u64_at(at + 32), u64_at(at + 40), u64_at(at + 48)],
                [address, address, code.len() as u64, n as u64]
            );
            let end = at + u32_at(at + 4) as usize;
            let text = &bytes[at + 56..end - code.len()];
            assert_eq!(text, [name.as_bytes(), b"\0"].concat());
            assert_eq!(&bytes[end - code.len()..end], code);
            at = end;
        }
        assert_eq!([u32_at(at), u32_at(at + 4)], [JIT_CODE_CLOSE, 16]);
        assert_eq!(bytes.len(), at + 16);
        // A second process of the same number starts over.
        drop(JitDump::create_in(&directory).expect("the file again"));
        assert_eq!(std::fs::metadata(&path).expect("there").len(), 40 + 16);
        assert!(JitDump::create_in(&directory.join("no")).is_err());
        let _ = std::fs::remove_dir_all(directory);
    }
}
