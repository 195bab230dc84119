//! The option ROM that puts a kernel from fw_cfg in place and enters it in real mode.
//!
//! SeaBIOS finds it among the general ROMs and calls its bootstrap entry vector. The code is ours and small enough to be
//! written by hand: each line has its bytes. It fetches four pieces by DMA (setup, kernel, command line, initrd: each has
//! keys for address, size and bytes), then enters the setup part as the Linux boot protocol says of 16-bit loaders: all
//! segments at its beginning, the stack below the command line, interrupts off, 512 bytes in. What QEMU's
//! `pc-bios/optionrom/linuxboot_dma.c` is for.

/// Its name in fw_cfg.
pub const FILE: &str = "genroms/linuxboot.bin";
/// What the boot order calls it.
pub const PATH: &str = "/rom@genroms/linuxboot.bin";

/// The bytes, `org 0`, 16-bit code.
#[rustfmt::skip]
pub const ROM: [u8; 512] = [
    0x55, 0xaa,                                  // rom: db 0x55, 0xaa ; an option ROM
    0x01,                                        // db 1 ; of 512 bytes
    0xcb,                                        // retf ; nothing to initialise
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x20, 0x00,                                  // dw pnp ; where the PnP header is
    0x00, 0x00, 0x00, 0x00,
    0x24, 0x50, 0x6e, 0x50,                      // pnp: db '$PnP' ; PnP BIOS specification 1.0a, 3.2
    0x01, 0x02,                                  // db 1, 2 ; revision 1, two paragraphs
    0x00, 0x00,                                  // dw 0 ; no other header
    0x00, 0x00,                                  // db 0, 0 ; reserved, checksum (nobody looks)
    0x00, 0x00, 0x00, 0x00,                      // dd 0 ; no device
    0x40, 0x00,                                  // dw maker ; manufacturer
    0x48, 0x00,                                  // dw name ; product: the menu shows it
    0x00, 0x00, 0x00, 0x00,                      // db 0, 0, 0, 0 ; kind of device, its abilities
    0x00, 0x00,                                  // dw 0 ; no boot connection vector
    0x00, 0x00,                                  // dw 0 ; no disconnect vector
    0x78, 0x00,                                  // dw boot ; bootstrap entry vector
    0x00, 0x00, 0x00, 0x00,                      // dw 0, 0 ; reserved, no static resources
    0x52, 0x65, 0x70, 0x72, 0x69, 0x73, 0x65, 0x00, // maker: db 'Reprise', 0
    0x4c, 0x69, 0x6e, 0x75, 0x78, 0x20, 0x6b, 0x65, 0x72, 0x6e, 0x65, 0x6c, 0x20, 0x66, 0x72, 0x6f, // name: db 'Linux kernel from the command line', 0
    0x6d, 0x20, 0x74, 0x68, 0x65, 0x20, 0x63, 0x6f, 0x6d, 0x6d, 0x61, 0x6e, 0x64, 0x20, 0x6c, 0x69,
    0x6e, 0x65, 0x00,
    0x16, 0x17, 0x18,                            // list: db 0x16, 0x17, 0x18 ; setup: keys of address, size, bytes
    0x07, 0x08, 0x11,                            // db 0x07, 0x08, 0x11 ; kernel
    0x13, 0x14, 0x15,                            // db 0x13, 0x14, 0x15 ; command line
    0x0a, 0x0b, 0x12,                            // db 0x0a, 0x0b, 0x12 ; initrd
    0x00,                                        // db 0 ; no more
    0xfa,                                        // boot: cli
    0xfc,                                        // cld
    0xbd, 0x6b, 0x00,                            // mov bp, list
    0x2e, 0x0f, 0xb6, 0x5e, 0x00,                // next: movzx bx, byte [cs:bp] ; address
    0x84, 0xdb,                                  // test bl, bl
    0x74, 0x22,                                  // jz enter
    0xe8, 0x62, 0x00,                            // call number
    0x66, 0x50,                                  // push eax
    0x2e, 0x0f, 0xb6, 0x5e, 0x01,                // movzx bx, byte [cs:bp+1] ; size
    0xe8, 0x58, 0x00,                            // call number
    0x66, 0x89, 0xc1,                            // mov ecx, eax
    0x66, 0x5e,                                  // pop esi
    0x2e, 0x0f, 0xb6, 0x5e, 0x02,                // movzx bx, byte [cs:bp+2] ; bytes
    0x83, 0xc5, 0x03,                            // add bp, 3
    0x67, 0xe3, 0xda,                            // jecxz next
    0xe8, 0x6c, 0x00,                            // call fetch
    0xeb, 0xd5,                                  // jmp next
    0xbb, 0x13, 0x00,                            // enter: mov bx, 0x13 ; command line's address: the heap ends there
    0xe8, 0x3d, 0x00,                            // call number
    0x66, 0x89, 0xc1,                            // mov ecx, eax
    0xbb, 0x16, 0x00,                            // mov bx, 0x16 ; setup's address
    0xe8, 0x34, 0x00,                            // call number
    0x66, 0x29, 0xc1,                            // sub ecx, eax
    0x83, 0xe9, 0x10,                            // sub cx, 16
    0x66, 0xc1, 0xe8, 0x04,                      // shr eax, 4
    0x8e, 0xd8,                                  // mov ds, ax
    0x8e, 0xc0,                                  // mov es, ax
    0x8e, 0xe0,                                  // mov fs, ax
    0x8e, 0xe8,                                  // mov gs, ax
    0x8e, 0xd0,                                  // mov ss, ax
    0x66, 0x0f, 0xb7, 0xe1,                      // movzx esp, cx
    0x83, 0xc0, 0x20,                            // add ax, 0x20 ; 16-bit entry: 512 bytes behind the beginning
    0x50,                                        // push ax
    0x6a, 0x00,                                  // push word 0
    0x66, 0x31, 0xc0,                            // xor eax, eax
    0x66, 0x89, 0xc3,                            // mov ebx, eax
    0x66, 0x89, 0xc1,                            // mov ecx, eax
    0x66, 0x89, 0xc2,                            // mov edx, eax
    0x66, 0x89, 0xc6,                            // mov esi, eax
    0x66, 0x89, 0xc7,                            // mov edi, eax
    0x66, 0x89, 0xc5,                            // mov ebp, eax
    0xcb,                                        // retf
    0x66, 0x51,                                  // number: push ecx ; item BX, a number, to EAX
    0x66, 0x56,                                  // push esi
    0x66, 0x6a, 0x00,                            // push dword 0
    0x66, 0x31, 0xf6,                            // xor esi, esi
    0x8c, 0xd6,                                  // mov si, ss
    0x66, 0xc1, 0xe6, 0x04,                      // shl esi, 4
    0x66, 0x0f, 0xb7, 0xc4,                      // movzx eax, sp
    0x66, 0x01, 0xc6,                            // add esi, eax ; where it goes: the stack
    0x66, 0xb9, 0x04, 0x00, 0x00, 0x00,          // mov ecx, 4
    0xe8, 0x07, 0x00,                            // call fetch
    0x66, 0x58,                                  // pop eax
    0x66, 0x5e,                                  // pop esi
    0x66, 0x59,                                  // pop ecx
    0xc3,                                        // ret
    0x66, 0x89, 0xf0,                            // fetch: mov eax, esi ; ECX bytes of item BX to ESI: a descriptor on the stack
    0x66, 0x0f, 0xc8,                            // bswap eax
    0x66, 0x50,                                  // push eax ; address, low half
    0x66, 0x6a, 0x00,                            // push dword 0 ; high half
    0x66, 0x89, 0xc8,                            // mov eax, ecx
    0x66, 0x0f, 0xc8,                            // bswap eax
    0x66, 0x50,                                  // push eax ; length
    0x66, 0x0f, 0xb7, 0xc3,                      // movzx eax, bx
    0x66, 0xc1, 0xe0, 0x10,                      // shl eax, 16
    0x0c, 0x0a,                                  // or al, 0x0a ; select and read
    0x66, 0x0f, 0xc8,                            // bswap eax
    0x66, 0x50,                                  // push eax ; control
    0x66, 0x31, 0xff,                            // xor edi, edi
    0x8c, 0xd7,                                  // mov di, ss
    0x66, 0xc1, 0xe7, 0x04,                      // shl edi, 4
    0x66, 0x0f, 0xb7, 0xc4,                      // movzx eax, sp
    0x66, 0x01, 0xc7,                            // add edi, eax
    0x66, 0x31, 0xc0,                            // xor eax, eax
    0xba, 0x14, 0x05,                            // mov dx, 0x514
    0x66, 0xef,                                  // out dx, eax ; the descriptor's address, high half
    0x66, 0x89, 0xf8,                            // mov eax, edi
    0x66, 0x0f, 0xc8,                            // bswap eax
    0xba, 0x18, 0x05,                            // mov dx, 0x518
    0x66, 0xef,                                  // out dx, eax ; low half: begin
    0x89, 0xe7,                                  // mov di, sp
    0x36, 0x66, 0x8b, 0x05,                      // wait_: mov eax, [ss:di]
    0x66, 0x85, 0xc0,                            // test eax, eax
    0x74, 0x0a,                                  // jz done
    0x66, 0xa9, 0x00, 0x00, 0x00, 0x01,          // test eax, 0x01000000 ; error
    0x74, 0xef,                                  // jz wait_
    0xcd, 0x18,                                  // int 0x18 ; nothing to boot here
    0x83, 0xc4, 0x10,                            // done: add sp, 16
    0xc3,                                        // ret
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x6e,                                        // db 0 ; checksum
];

#[cfg(test)]
mod tests {
    use super::ROM;

    /// What a BIOS looks at before it runs a ROM.
    #[test]
    fn header() {
        assert_eq!(
            (ROM[0], ROM[1], usize::from(ROM[2]) * 512),
            (0x55, 0xaa, ROM.len())
        );
        assert_eq!(ROM.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        let word = |at: usize| usize::from(u16::from_le_bytes([ROM[at], ROM[at + 1]]));
        let pnp = word(0x1a);
        assert_eq!(&ROM[pnp..pnp + 4], b"$PnP");
        assert_eq!(ROM[word(pnp + 0x1a)], 0xfa, "the entry vector begins with cli");
        assert!(ROM[word(pnp + 0x10)..].starts_with(b"Linux"));
    }
}
