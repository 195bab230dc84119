//! Compiles `guest/` for the bare machine and wraps it as a bzImage.
//!
//! `rustc` links an ELF file at 1 MiB; its load segments become one flat image; a boot sector with the Linux setup
//! header (Documentation/arch/x86/boot.rst) goes in front. No tool beyond `rustc` and its linker is needed.

use std::path::Path;
use std::process::Command;

/// Physical address the guest is linked for; `guest/link.ld` says the same.
const LOAD_ADDRESS: u64 = 0x10_0000;
/// Memory the guest needs from there: image, zeroed data, stack.
const INIT_SIZE: u32 = 0x10_0000;
/// Sectors of setup code after the boot sector; ours are empty.
const SETUP_SECTORS: u8 = 1;

fn main() {
    println!("cargo::rerun-if-changed=guest");
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR").expect("set by cargo");
    let elf = Path::new(&out).join("guest.elf");
    compile(&elf);
    let flat = flatten(&std::fs::read(&elf).expect("just linked"));
    std::fs::write(Path::new(&out).join("guest.bzimage"), wrap(&flat)).expect("OUT_DIR is writable");
}

fn compile(elf: &Path) {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    let status = Command::new(std::env::var("RUSTC").expect("set by cargo"))
        // The program uses nothing of the operating system that the target is named after.
        .args([
            "--target",
            "x86_64-unknown-linux-gnu",
            "--edition",
            "2024",
            "--crate-name",
            "guest",
        ])
        .args([
            "-C",
            "opt-level=2",
            "-C",
            "panic=abort",
            "-C",
            "relocation-model=static",
            "-C",
            "strip=symbols",
        ])
        .args([
            "-C",
            "link-arg=-nostartfiles",
            "-C",
            "link-arg=-nostdlib",
            "-C",
            "link-arg=-static",
        ])
        .args(["-C", "link-arg=-no-pie", "-C", "link-arg=-Wl,--build-id=none"])
        .arg(format!("-Clink-arg=-Wl,-T,{root}/guest/link.ld"))
        .arg("-o")
        .arg(elf)
        .arg(format!("{root}/guest/main.rs"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("rustc runs");
    assert!(status.success(), "the embedded guest does not compile");
}

/// The bytes that the ELF file's load segments put at [`LOAD_ADDRESS`] and after.
fn flatten(elf: &[u8]) -> Vec<u8> {
    let field = |at: usize, size: usize| {
        elf[at..at + size]
            .iter()
            .rev()
            .fold(0u64, |value, &byte| value << 8 | u64::from(byte))
    };
    let (table, entry_size, entries) = (
        field(32, 8) as usize,
        field(54, 2) as usize,
        field(56, 2) as usize,
    );
    let mut flat = Vec::new();
    for header in (0..entries).map(|i| table + i * entry_size) {
        const PT_LOAD: u64 = 1;
        if field(header, 4) != PT_LOAD {
            continue;
        }
        let (offset, size) = (field(header + 8, 8) as usize, field(header + 32, 8) as usize);
        let at = (field(header + 24, 8) - LOAD_ADDRESS) as usize;
        if flat.len() < at + size {
            flat.resize(at + size, 0);
        }
        flat[at..at + size].copy_from_slice(&elf[offset..offset + size]);
    }
    flat
}

/// Boot sector, one empty setup sector, program.
fn wrap(program: &[u8]) -> Vec<u8> {
    let mut image = vec![0; (1 + usize::from(SETUP_SECTORS)) * 512];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[SETUP_SECTORS]);
    put(0x1f4, &(program.len().div_ceil(16) as u32).to_le_bytes()); // syssize, in paragraphs
    put(0x1fe, &[0x55, 0xaa]);
    put(0x200, &[0xeb, 0x6a]); // jump over the header; real-mode loaders end in the setup code, which is empty
    put(0x202, b"HdrS");
    put(0x206, &0x20f_u16.to_le_bytes()); // protocol 2.15
    put(0x211, &[1]); // LOADED_HIGH
    put(0x214, &(LOAD_ADDRESS as u32).to_le_bytes()); // code32_start
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes()); // initrd_addr_max
    put(0x236, &1_u16.to_le_bytes()); // xloadflags: 64-bit entry at +200h
    put(0x238, &255_u32.to_le_bytes()); // cmdline_size
    put(0x258, &LOAD_ADDRESS.to_le_bytes()); // pref_address
    put(0x260, &INIT_SIZE.to_le_bytes());
    image.extend_from_slice(program);
    image.resize(image.len().next_multiple_of(16), 0);
    image
}
