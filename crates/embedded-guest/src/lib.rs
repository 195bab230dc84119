//! The guest that boots when no kernel is given, as a bzImage.
//!
//! Sources are in `guest/`; `build.rs` compiles and wraps them. Data flows one way: sources -> ELF -> flat image
//! behind a boot header -> [`BZIMAGE`].
//!
//! ```
//! assert_eq!(&embedded_guest::BZIMAGE[0x202..0x206], b"HdrS");
//! ```

/// A Linux bzImage: boot sector and header, then the 64-bit program.
pub const BZIMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.bzimage"));

/// What it waits with for commands.
pub const PROMPT: &str = "reprise> ";

#[cfg(test)]
mod tests {
    use super::BZIMAGE;

    #[test]
    fn header_is_of_the_boot_protocol() {
        assert_eq!(BZIMAGE[0x1fe..0x200], [0x55, 0xaa]);
        assert_eq!(&BZIMAGE[0x202..0x206], b"HdrS");
        assert!(BZIMAGE.len() > 4096, "there is a program behind the header");
    }
}
