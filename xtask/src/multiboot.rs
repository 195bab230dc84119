//! A multiboot kernel of 100 bytes: writes one byte to a port and stops.
//!
//! Made here byte by byte, so that the boot tests need no 32-bit compiler. ELF32 (System V ABI, i386), with a
//! multiboot 1 header in front of the code.

/// Where it is linked.
const BASE: u32 = 0x10_0000;
const ELF_HEADER: u32 = 52;
const PROGRAM_HEADER: u32 = 32;

/// The ELF file of a kernel that writes `value` to `port`.
pub fn exit_kernel(port: u16, value: u8) -> Vec<u8> {
    let [port_low, port_high] = port.to_le_bytes();
    let mut body = Vec::new();
    // Multiboot header: magic, flags, checksum.
    for word in [0x1bad_b002_u32, 0, 0x1bad_b002_u32.wrapping_neg()] {
        body.extend(word.to_le_bytes());
    }
    body.extend([0x66, 0xba, port_low, port_high]); // mov dx, port
    body.extend([0xb0, value]); // mov al, value
    body.extend([0xee]); // out dx, al
    body.extend([0xf4, 0xeb, 0xfd]); // hlt; jmp to the hlt
    let start = ELF_HEADER + PROGRAM_HEADER;
    let size = start + body.len() as u32;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |elf: &mut Vec<u8>, words: &[u16]| words.iter().for_each(|w| elf.extend(w.to_le_bytes()));
    let word = |elf: &mut Vec<u8>, words: &[u32]| words.iter().for_each(|w| elf.extend(w.to_le_bytes()));
    half(&mut elf, &[2, 3]); // executable, i386
    word(&mut elf, &[1, BASE + start + 12, ELF_HEADER, 0, 0]); // version, entry, program headers, no sections
    half(&mut elf, &[ELF_HEADER as u16, PROGRAM_HEADER as u16, 1, 0, 0, 0]);
    word(&mut elf, &[1, 0, BASE, BASE, size, size, 7, 0x1000]); // one segment: the whole file
    elf.extend(body);
    elf
}

#[cfg(test)]
mod tests {
    #[test]
    fn header_adds_up() {
        let elf = super::exit_kernel(0xf4, 0x21);
        let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap());
        assert_eq!(word(84).wrapping_add(word(88)).wrapping_add(word(92)), 0);
        assert_eq!(word(24), 0x10_0000 + 96, "entry is behind the multiboot header");
    }
}
