//! Kernel images of a few bytes, made here so that the tests need no compiler and no download.

/// Where the multiboot kernel is linked.
const BASE: u32 = 0x10_0000;

/// An ELF32 file with a multiboot 1 header and `code` at its entry: flat 32-bit protected mode, interrupts off.
pub fn multiboot(code: &[u8]) -> Vec<u8> {
    const ELF_HEADER: u32 = 52;
    const PROGRAM_HEADER: u32 = 32;
    let start = ELF_HEADER + PROGRAM_HEADER;
    let mut body = Vec::new();
    // Magic, flags, checksum.
    words(&mut body, &[0x1bad_b002, 0, 0x1bad_b002_u32.wrapping_neg()]);
    body.extend(code);
    let size = start + body.len() as u32;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    halves(&mut elf, &[2, 3]); // executable, i386
    words(&mut elf, &[1, BASE + start + 12, ELF_HEADER, 0, 0]); // version, entry, program headers, no sections, flags
    halves(&mut elf, &[ELF_HEADER as u16, PROGRAM_HEADER as u16, 1, 0, 0, 0]);
    words(&mut elf, &[1, 0, BASE, BASE, size, size, 7, 0x1000]); // one segment: the whole file
    elf.extend(body);
    elf
}

fn words(to: &mut Vec<u8>, words: &[u32]) {
    to.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

fn halves(to: &mut Vec<u8>, halves: &[u16]) {
    to.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
}

/// What distinguishes one bzImage from another.
#[derive(Clone, Copy)]
pub struct BzImage {
    /// Boot protocol.
    pub version: u16,
    /// Memory from the load address that the kernel needs.
    pub init_size: u32,
    /// Bytes behind the setup sectors.
    pub payload: usize,
    /// Bytes behind the setup sectors that the header speaks of.
    pub syssize: usize,
}

/// A header like those of Debian's kernels, before 64 KiB of payload.
pub const BZIMAGE: BzImage = BzImage {
    version: 0x20f,
    init_size: 0x3f9_8000,
    payload: 64 << 10,
    syssize: 64 << 10,
};

impl BzImage {
    /// The file; its code is nothing but HLT.
    pub fn bytes(self) -> Vec<u8> {
        const SETUP_SECTORS: u8 = 39;
        let mut image = vec![0; (1 + usize::from(SETUP_SECTORS)) * 512];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x1f1, &[SETUP_SECTORS]);
        put(0x1f4, &(self.syssize as u32 / 16).to_le_bytes());
        put(0x1fe, &[0x55, 0xaa, 0xeb, 0x6a]);
        put(0x202, b"HdrS");
        put(0x206, &self.version.to_le_bytes());
        put(0x211, &[1]); // loaded high
        put(0x214, &0x10_0000_u32.to_le_bytes()); // code32_start
        put(0x22c, &0x7fff_ffff_u32.to_le_bytes()); // initrd_addr_max
        put(0x230, &0x20_0000_u32.to_le_bytes()); // kernel_alignment
        put(0x234, &[1]); // relocatable
        put(0x236, &0x7f_u16.to_le_bytes()); // xloadflags
        put(0x238, &2047_u32.to_le_bytes()); // cmdline_size
        put(0x258, &0x100_0000_u64.to_le_bytes()); // pref_address
        put(0x260, &self.init_size.to_le_bytes());
        image.resize(image.len() + self.payload, 0xf4);
        image
    }
}
