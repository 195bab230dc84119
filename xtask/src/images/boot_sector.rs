//! A floppy with a program of our own, as DOS's would be: real mode, nothing but the BIOS.
//!
//! The boot sector reads a second stage by int 13h; that checks geometry, tracks all over the disk, an error, writing,
//! the BIOS's clock and the screen, and turns the machine off. It prints by int 10h and, so that a test can read it, on
//! COM1. Every sector behind the first track holds its own number 256 times; one is written.

use super::SECTOR;
use anyhow::{Result, ensure};
use std::path::Path;

/// Sectors of a 3.5 inch floppy of 1.44 MB.
const SECTORS: usize = 2880;
/// Sectors of a track.
const TRACK: usize = 18;
/// What the program writes, and where.
const WRITTEN: (usize, u16) = (2001, 0xa55a);

/// The floppy.
pub fn floppy() -> Vec<u8> {
    let mut disk = vec![0; SECTORS * SECTOR];
    for (number, sector) in disk.chunks_exact_mut(SECTOR).enumerate().skip(TRACK) {
        sector.copy_from_slice(&(number as u16).to_le_bytes().repeat(SECTOR / 2));
    }
    let boot = [BOOT_CODE, BOOT_TEXT].concat();
    disk[..boot.len()].copy_from_slice(&boot);
    disk[SECTOR - 2..SECTOR].copy_from_slice(&[0x55, 0xaa]);
    let second = [STAGE_CODE, STAGE_TEXT].concat();
    disk[SECTOR..SECTOR + second.len()].copy_from_slice(&second);
    disk
}

/// Looks whether the image is as the program leaves it.
///
/// # Errors
/// A sector has other bytes.
pub fn check_written(image: &Path) -> Result<()> {
    let mut expected = floppy();
    let (number, word) = WRITTEN;
    expected[number * SECTOR..][..SECTOR].copy_from_slice(&word.to_le_bytes().repeat(SECTOR / 2));
    let found = std::fs::read(image)?;
    ensure!(
        found.len() == expected.len(),
        "the floppy has {} bytes now",
        found.len()
    );
    for (number, (found, expected)) in found.chunks(SECTOR).zip(expected.chunks(SECTOR)).enumerate() {
        ensure!(found == expected, "sector {number} of the floppy has other bytes");
    }
    Ok(())
}

/// At 7C00h.
#[rustfmt::skip]
const BOOT_CODE: &[u8] = &[
    // start:
    0xfa,                                // cli
    0x31, 0xc0,                          // xor ax, ax
    0x8e, 0xd8,                          // mov ds, ax
    0x8e, 0xc0,                          // mov es, ax
    0x8e, 0xd0,                          // mov ss, ax
    0xbc, 0x00, 0x7c,                    // mov sp, 0x7c00
    0xfb,                                // sti
    0xfc,                                // cld
    0x88, 0x16, 0xbc, 0x7c,              // mov [drive], dl ; the BIOS says what it booted
    0xba, 0xfb, 0x03,                    // mov dx, 0x3fb ; COM1: divisor latch
    0xb0, 0x80,                          // mov al, 0x80
    0xee,                                // out dx, al
    0xba, 0xf8, 0x03,                    // mov dx, 0x3f8 ; 115200 baud
    0xb8, 0x01, 0x00,                    // mov ax, 1
    0xee,                                // out dx, al
    0x42,                                // inc dx
    0x88, 0xe0,                          // mov al, ah
    0xee,                                // out dx, al
    0xba, 0xfb, 0x03,                    // mov dx, 0x3fb ; 8 bits, no parity
    0xb0, 0x03,                          // mov al, 3
    0xee,                                // out dx, al
    0xbe, 0x7d, 0x7c,                    // mov si, hello
    0xe8, 0x19, 0x00,                    // call print
    0xb8, 0x04, 0x02,                    // mov ax, 0x0204 ; read 4 sectors
    0xbb, 0x00, 0x7e,                    // mov bx, stage2
    0xb9, 0x02, 0x00,                    // mov cx, 2 ; from the second on
    0xb6, 0x00,                          // mov dh, 0
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xcd, 0x13,                          // int 0x13
    0xbe, 0x95, 0x7c,                    // mov si, unread
    0x72, 0x2b,                          // jc stop
    0xe9, 0xb8, 0x01,                    // jmp stage2
    // print: the text at SI: on the screen,
    0x56,                                // push si
    // .screen:
    0xac,                                // lodsb
    0x84, 0xc0,                          // test al, al
    0x74, 0x09,                          // jz .line
    0xb4, 0x0e,                          // mov ah, 0x0e
    0xbb, 0x07, 0x00,                    // mov bx, 7
    0xcd, 0x10,                          // int 0x10
    0xeb, 0xf2,                          // jmp .screen
    // .line:
    0x5e,                                // pop si ; then on COM1
    // .serial:
    0xac,                                // lodsb
    0x84, 0xc0,                          // test al, al
    0x74, 0x12,                          // jz .done
    0x88, 0xc4,                          // mov ah, al
    0xba, 0xfd, 0x03,                    // mov dx, 0x3fd
    // .busy:
    0xec,                                // in al, dx
    0xa8, 0x20,                          // test al, 0x20
    0x74, 0xfb,                          // jz .busy
    0x88, 0xe0,                          // mov al, ah
    0xba, 0xf8, 0x03,                    // mov dx, 0x3f8
    0xee,                                // out dx, al
    0xeb, 0xe9,                          // jmp .serial
    // .done:
    0xc3,                                // ret
    // stop: last words, then ACPI's power off as SeaBIOS places it
    0xe8, 0xd5, 0xff,                    // call print
    0xba, 0x04, 0x06,                    // mov dx, 0x604
    0xb8, 0x00, 0x20,                    // mov ax, 0x2000
    0xef,                                // out dx, ax
    // .halt:
    0xf4,                                // hlt
    0xeb, 0xfd,                          // jmp .halt
];

/// Behind it (7C7Dh, 7C95h), and the drive (7CBCh).
const BOOT_TEXT: &[u8] = b"\r\nfloppy: boot sector\r\n\0floppy: cannot read the second stage\r\n\0\0";

/// At 7E00h; the track it reads is at 8034h, a sector's buffer at 8600h.
#[rustfmt::skip]
const STAGE_CODE: &[u8] = &[
    // stage2:
    0xbe, 0x2f, 0x7f,                    // mov si, second
    0xe8, 0x42, 0xfe,                    // call print
    0xb4, 0x08,                          // mov ah, 8 ; geometry: 80 cylinders, 2 heads, 18 sectors
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xcd, 0x13,                          // int 0x13
    0xbe, 0x46, 0x7f,                    // mov si, no_geometry
    0x0f, 0x82, 0x5b, 0xfe,              // jc stop
    0x81, 0xf9, 0x12, 0x4f,              // cmp cx, 0x4f12
    0x0f, 0x85, 0x53, 0xfe,              // jne stop
    0x80, 0xfe, 0x01,                    // cmp dh, 1
    0x0f, 0x85, 0x4c, 0xfe,              // jne stop
    0x31, 0xc0,                          // xor ax, ax ; AH = 8 changes ES
    0x8e, 0xc0,                          // mov es, ax
    0xc7, 0x06, 0x34, 0x80, 0x01, 0x00,  // mov word [track], 1 ; every 13th track: both heads, all over the disk
    // tracks:
    0xa1, 0x34, 0x80,                    // mov ax, [track]
    0x88, 0xc5,                          // mov ch, al
    0xd0, 0xed,                          // shr ch, 1 ; cylinder
    0x88, 0xc6,                          // mov dh, al
    0x80, 0xe6, 0x01,                    // and dh, 1 ; head
    0xb1, 0x01,                          // mov cl, 1
    0xbb, 0x00, 0x10,                    // mov bx, 0x1000 ; to 10000h: DMA stays in 64 KiB
    0x8e, 0xc3,                          // mov es, bx
    0x31, 0xdb,                          // xor bx, bx
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xb8, 0x12, 0x02,                    // mov ax, 0x0212
    0xcd, 0x13,                          // int 0x13
    0xbe, 0x5f, 0x7f,                    // mov si, no_track
    0x0f, 0x82, 0x1d, 0xfe,              // jc stop
    0xa1, 0x34, 0x80,                    // mov ax, [track] ; every word of a sector is the sector's number
    0xbb, 0x12, 0x00,                    // mov bx, 18
    0xf7, 0xe3,                          // mul bx
    0x31, 0xff,                          // xor di, di
    0xbb, 0x12, 0x00,                    // mov bx, 18
    // .sector:
    0xb9, 0x00, 0x01,                    // mov cx, 256
    0xf3, 0xaf,                          // repe scasw
    0xbe, 0x80, 0x7f,                    // mov si, bad_track
    0x0f, 0x85, 0x04, 0xfe,              // jne stop
    0x40,                                // inc ax
    0x4b,                                // dec bx
    0x75, 0xf0,                          // jnz .sector
    0x83, 0x06, 0x34, 0x80, 0x0d,        // add word [track], 13
    0x81, 0x3e, 0x34, 0x80, 0xa0, 0x00,  // cmp word [track], 160
    0x72, 0xb1,                          // jb tracks
    0x31, 0xc0,                          // xor ax, ax
    0x8e, 0xc0,                          // mov es, ax
    0xb8, 0x01, 0x02,                    // mov ax, 0x0201 ; a track has no sector 19
    0xbb, 0x00, 0x86,                    // mov bx, buffer
    0xb9, 0x13, 0x00,                    // mov cx, 0x0013
    0xb6, 0x00,                          // mov dh, 0
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xcd, 0x13,                          // int 0x13
    0xbe, 0xa3, 0x7f,                    // mov si, too_many
    0x0f, 0x83, 0xd7, 0xfd,              // jnc stop
    0xb4, 0x00,                          // mov ah, 0 ; after an error: reset
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xcd, 0x13,                          // int 0x13
    0xbf, 0x00, 0x86,                    // mov di, buffer ; sector 2001: cylinder 55, head 1, sector 4
    0xb8, 0x5a, 0xa5,                    // mov ax, 0xa55a
    0xb9, 0x00, 0x01,                    // mov cx, 256
    0xf3, 0xab,                          // rep stosw
    0xb8, 0x01, 0x03,                    // mov ax, 0x0301
    0xbb, 0x00, 0x86,                    // mov bx, buffer
    0xb9, 0x04, 0x37,                    // mov cx, 0x3704
    0xb6, 0x01,                          // mov dh, 1
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xcd, 0x13,                          // int 0x13
    0xbe, 0xc3, 0x7f,                    // mov si, unwritten
    0x0f, 0x82, 0xac, 0xfd,              // jc stop
    0xbf, 0x00, 0x86,                    // mov di, buffer ; read it back over zeros
    0x31, 0xc0,                          // xor ax, ax
    0xb9, 0x00, 0x01,                    // mov cx, 256
    0xf3, 0xab,                          // rep stosw
    0xb8, 0x01, 0x02,                    // mov ax, 0x0201
    0xbb, 0x00, 0x86,                    // mov bx, buffer
    0xb9, 0x04, 0x37,                    // mov cx, 0x3704
    0xb6, 0x01,                          // mov dh, 1
    0x8a, 0x16, 0xbc, 0x7c,              // mov dl, [drive]
    0xcd, 0x13,                          // int 0x13
    0xbe, 0xc3, 0x7f,                    // mov si, unwritten
    0x0f, 0x82, 0x8a, 0xfd,              // jc stop
    0xbf, 0x00, 0x86,                    // mov di, buffer
    0xb8, 0x5a, 0xa5,                    // mov ax, 0xa55a
    0xb9, 0x00, 0x01,                    // mov cx, 256
    0xf3, 0xaf,                          // repe scasw
    0x0f, 0x85, 0x7b, 0xfd,              // jne stop
    0xb4, 0x00,                          // mov ah, 0 ; two ticks of the BIOS's clock
    0xcd, 0x1a,                          // int 0x1a
    0x83, 0xc2, 0x02,                    // add dx, 2
    0x89, 0xd3,                          // mov bx, dx
    // .tick:
    0xf4,                                // hlt
    0xb4, 0x00,                          // mov ah, 0
    0xcd, 0x1a,                          // int 0x1a
    0x39, 0xda,                          // cmp dx, bx
    0x72, 0xf7,                          // jb .tick
    0xb4, 0x02,                          // mov ah, 2 ; a character on the screen, read back
    0xb7, 0x00,                          // mov bh, 0
    0xba, 0x14, 0x0a,                    // mov dx, 0x0a14
    0xcd, 0x10,                          // int 0x10
    0xb8, 0x23, 0x09,                    // mov ax, 0x0923
    0xbb, 0x1f, 0x00,                    // mov bx, 0x001f
    0xb9, 0x01, 0x00,                    // mov cx, 1
    0xcd, 0x10,                          // int 0x10
    0xb4, 0x08,                          // mov ah, 8
    0xb7, 0x00,                          // mov bh, 0
    0xcd, 0x10,                          // int 0x10
    0xbe, 0xeb, 0x7f,                    // mov si, no_screen
    0x3d, 0x23, 0x1f,                    // cmp ax, 0x1f23
    0x75, 0x03,                          // jne finish
    0xbe, 0x16, 0x80,                    // mov si, passed
    // finish:
    0xe9, 0x41, 0xfd,                    // jmp stop
];

/// At 7F2Fh: one text for each way to end; the last is the good one.
const STAGE_TEXT: &[u8] = b"\
floppy: second stage\r\n\0\
floppy: wrong geometry\r\n\0\
floppy: a track cannot be read\r\n\0\
floppy: a sector has other bytes\r\n\0\
floppy: sector 19 can be read\r\n\0\
floppy: what was written is not there\r\n\0\
floppy: the screen has another character\r\n\0\
\r\nfloppy: all checks passed\r\n\0\
\0\0";

#[cfg(test)]
mod tests {
    use super::*;

    /// The program knows its texts by address.
    #[test]
    fn texts_are_where_the_program_looks() {
        let disk = floppy();
        for (address, start) in [
            (0x7c7d, "\r\nfloppy: boot sector"),
            (0x7c95, "floppy: cannot"),
            (0x7f2f, "floppy: second stage"),
            (0x7f46, "floppy: wrong"),
            (0x7f80, "floppy: a sector"),
            (0x8016, "\r\nfloppy: all checks passed\r\n\0\0\0"),
        ] {
            let at = address - 0x7c00;
            assert_eq!(String::from_utf8_lossy(&disk[at..at + start.len()]), start);
        }
        assert_eq!(disk[0x7cbc - 0x7c00], 0);
    }
}
