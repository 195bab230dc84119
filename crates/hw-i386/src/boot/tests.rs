//! Loaders against images made here, and against damaged copies of them.

use super::bytes::{Fields, put};
use super::*;
use crate::ram_layout::MIB;
use proptest::prelude::*;

const RAM: u64 = 256 * MIB;

/// A bzImage of protocol 2.15 with one setup sector and 1 KiB of payload.
fn bzimage() -> Vec<u8> {
    let mut image = vec![0u8; 1024 + 1024];
    image[spec::SETUP_SECTS] = 1;
    put(&mut image, spec::SYSSIZE, &64u32.to_le_bytes());
    image[spec::JUMP] = 0xeb;
    image[spec::JUMP + 1] = 0x6a;
    put(&mut image, spec::HEADER, b"HdrS");
    put(&mut image, spec::VERSION, &0x20fu16.to_le_bytes());
    image[spec::LOADFLAGS] = 1;
    put(&mut image, spec::CODE32_START, &0x10_0000u32.to_le_bytes());
    put(&mut image, spec::INITRD_ADDR_MAX, &0x7fff_ffffu32.to_le_bytes());
    put(&mut image, spec::KERNEL_ALIGNMENT, &0x20_0000u32.to_le_bytes());
    image[spec::RELOCATABLE] = 1;
    put(&mut image, spec::XLOADFLAGS, &0x7fu16.to_le_bytes());
    put(&mut image, spec::CMDLINE_SIZE, &2047u32.to_le_bytes());
    put(&mut image, spec::PREF_ADDRESS, &0x100_0000u64.to_le_bytes());
    put(&mut image, spec::INIT_SIZE, &0x200_0000u32.to_le_bytes());
    image
}

/// An ELF file with one segment at 1 MiB, entered at `1 MiB + 4`; with a PVH note if asked for.
fn elf(is_64bit: bool, note: bool) -> Vec<u8> {
    let mut image = vec![0u8; 0x400];
    put(
        &mut image,
        0,
        &[0x7f, b'E', b'L', b'F', if is_64bit { 2 } else { 1 }, 1, 1],
    );
    put(&mut image, 16, &[2, 0, if is_64bit { 62 } else { 3 }, 0]);
    let count = 1 + u8::from(note);
    let segments = [
        (1u64, 0x200u64, 0x10_0000u64, 0x100u64, 0x200u64),
        (4, 0x300, 0, 20, 20),
    ];
    if is_64bit {
        put(&mut image, 24, &0x10_0004u64.to_le_bytes());
        put(&mut image, 32, &64u64.to_le_bytes());
        put(&mut image, 54, &[56, 0, count, 0]);
        for (i, (kind, offset, addr, file, mem)) in segments.into_iter().enumerate() {
            let at = 64 + i * 56;
            put(&mut image, at, &(kind as u32).to_le_bytes());
            for (n, value) in [offset, addr, addr, file, mem].into_iter().enumerate() {
                put(&mut image, at + 8 + n * 8, &value.to_le_bytes());
            }
        }
    } else {
        put(&mut image, 24, &0x10_0004u32.to_le_bytes());
        put(&mut image, 28, &52u32.to_le_bytes());
        put(&mut image, 42, &[32, 0, count, 0]);
        for (i, (kind, offset, addr, file, mem)) in segments.into_iter().enumerate() {
            let at = 52 + i * 32;
            for (n, value) in [kind, offset, addr, addr, file, mem].into_iter().enumerate() {
                put(&mut image, at + n * 4, &(value as u32).to_le_bytes());
            }
        }
    }
    put(
        &mut image,
        0x300,
        &[
            4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, b'X', b'e', b'n', 0, 0x10, 0, 0x10, 0,
        ],
    );
    image
}

/// A multiboot image by address fields.
fn multiboot() -> Vec<u8> {
    let mut image = vec![0u8; 0x200];
    let flags = 1u32 << 16 | 1;
    let fields = [
        0x1bad_b002,
        flags,
        0u32.wrapping_sub(0x1bad_b002).wrapping_sub(flags),
        0x10_0010,
        0x10_0000,
        0,
        0x10_1000,
        0x10_0040,
    ];
    for (i, field) in fields.into_iter().enumerate() {
        put(&mut image, 0x10 + i * 4, &field.to_le_bytes());
    }
    image
}

fn request(kernel: Vec<u8>, cmdline: &str) -> BootRequest<'_> {
    BootRequest {
        name: "k",
        kernel: kernel.into(),
        modules: Vec::new(),
        cmdline,
        ram: RamLayout::new(RAM),
        long_mode: true,
        rsdp: Some(0xf_0000),
    }
}

fn module(size: usize) -> Module {
    Module {
        data: vec![7u8; size].into(),
        string: "a x".into(),
    }
}

/// The bytes a plan leaves at `at`.
fn memory(plan: &BootPlan, at: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; len];
    for load in &plan.loads {
        load.pieces(|start, piece| {
            for (i, &b) in piece.iter().enumerate() {
                let address = start.0 + i as u64;
                if address >= at && address < at + len as u64 {
                    bytes[(address - at) as usize] = b;
                }
            }
        });
    }
    bytes
}

#[test]
fn linux_64() {
    let mut request = request(bzimage(), "console=ttyS0");
    request.modules.push(module(5000));
    let plan = plan(&request).unwrap();
    assert_eq!(
        (plan.kind, plan.entry.mode, plan.entry.rip),
        (KernelKind::Linux, EntryMode::Long, 0x100_0200)
    );
    let page = memory(&plan, plan.entry.rsi, 4096);
    assert_eq!(page.u32(spec::HEADER), Some(u32::from_le_bytes(*b"HdrS")));
    assert_eq!(page[spec::TYPE_OF_LOADER], 0xff);
    assert_eq!(page.u64(spec::params::RSDP), Some(0xf_0000));
    assert_eq!(page[spec::params::E820_ENTRIES], 6);
    assert_eq!(page.u64(spec::params::E820_TABLE + 3 * 20), Some(MIB));
    let initrd = page.u32(spec::RAMDISK_IMAGE).unwrap() as u64;
    assert_eq!(initrd, RAM - 0x2_0000 - 0x2000);
    assert_eq!(page.u32(spec::RAMDISK_SIZE), Some(5000));
    assert_eq!(memory(&plan, initrd, 2), [7, 7]);
    let line = page.u32(spec::CMD_LINE_PTR).unwrap() as u64;
    assert_eq!(memory(&plan, line, 14), b"console=ttyS0\0");
    let mut cpu = target_i386::CpuState::default();
    apply(&plan.entry, &mut cpu);
    assert_eq!((cpu.cr0, cpu.cr4, cpu.msr.efer), (0x8000_0011, 0x20, 0x500));
    assert_eq!((cpu.seg[1].limit, cpu.seg[1].attr), (u32::MAX, 0xa0_9b00));
    // The last page directory entry maps the last 2 MiB below 4 GiB.
    assert_eq!(
        memory(&plan, cpu.cr3 + 0x6000 - 8, 8),
        0xffe0_00e3u64.to_le_bytes()
    );
}

#[test]
fn maps_of_memory() {
    let text = |size| {
        let ranges = memory_map(&RamLayout::new(size));
        ranges
            .iter()
            .map(|r| format!("{:#x}+{:#x} {:?}\n", r.start, r.size, r.kind))
            .collect::<String>()
    };
    expect_test::expect![[r#"
        0x0+0x9fc00 Ram
        0x9fc00+0x400 Reserved
        0xf0000+0x10000 Reserved
        0x100000+0x1fee0000 Ram
        0x1ffe0000+0x20000 Acpi
        0xfffc0000+0x40000 Reserved
    "#]]
    .assert_eq(&text(512 * MIB));
    expect_test::expect![[r#"
        0x0+0x9fc00 Ram
        0x9fc00+0x400 Reserved
        0xf0000+0x10000 Reserved
        0x100000+0xbfee0000 Ram
        0xbffe0000+0x20000 Acpi
        0xfffc0000+0x40000 Reserved
        0x100000000+0x40000000 Ram
    "#]]
    .assert_eq(&text(4096 * MIB));
}

#[test]
fn linux_32() {
    let mut image = bzimage();
    put(&mut image, spec::XLOADFLAGS, &4u16.to_le_bytes());
    let plan = plan(&request(image, "")).unwrap();
    assert_eq!(
        (plan.entry.mode, plan.entry.rip),
        (EntryMode::Protected, 0x100_0000)
    );
    let mut no_long_mode = request(bzimage(), "");
    no_long_mode.long_mode = false;
    assert_eq!(
        super::plan(&no_long_mode).unwrap().entry.mode,
        EntryMode::Protected
    );
}

#[test]
fn refusals() {
    let edit = |f: &dyn Fn(&mut Vec<u8>)| {
        let mut image = bzimage();
        f(&mut image);
        image
    };
    for (kernel, ram, cmdline, initrd, text) in [
        (
            vec![],
            RAM,
            "",
            0,
            "not a bootable kernel (no Linux, multiboot or ELF header)",
        ),
        (
            b"root:x:0:0".to_vec(),
            RAM,
            "",
            0,
            "not a bootable kernel (no Linux, multiboot or ELF header)",
        ),
        (
            edit(&|i| i.truncate(1500)),
            RAM,
            "",
            0,
            "the file is truncated: 1500 bytes of at least 2048",
        ),
        (
            edit(&|i| i.truncate(0x206)),
            RAM,
            "",
            0,
            "the file is truncated: 518 bytes of at least 656",
        ),
        (
            edit(&|i| put(i, spec::VERSION, &[7, 2])),
            RAM,
            "",
            0,
            "boot protocol 2.07 is older than 2.10: it needs a real-mode BIOS",
        ),
        (
            edit(&|i| put(i, spec::CODE32_START, &[0; 4])),
            RAM,
            "",
            0,
            "boot protocol 2.15 without a 32-bit entry: it needs a real-mode BIOS",
        ),
        (
            bzimage(),
            16 * MIB,
            "",
            0,
            "needs 49 MiB of memory, the machine has 16 MiB",
        ),
        (
            bzimage(),
            MIB,
            "",
            0,
            "needs 49 MiB of memory, the machine has 1 MiB",
        ),
        (
            edit(&|i| put(i, spec::CMDLINE_SIZE, &[4, 0, 0, 0])),
            RAM,
            "quiet",
            0,
            "the command line has 5 characters, this kernel takes at most 4",
        ),
        (bzimage(), RAM, "a\0b", 0, "the command line contains a zero byte"),
        (
            bzimage(),
            64 * MIB,
            "",
            20 * MIB as usize,
            "20971520 bytes do not fit between the kernel's end 0x3000000 and 0x3fe0000; give the machine more memory (-m)",
        ),
        (
            elf(true, false)[..0x240].to_vec(),
            RAM,
            "",
            0,
            "the file is truncated: 576 bytes of at least 768",
        ),
    ] {
        let mut request = request(kernel, cmdline);
        request.ram = RamLayout::new(ram);
        if initrd > 0 {
            request.modules.push(module(initrd));
        }
        assert_eq!(plan(&request).unwrap_err().to_string(), text);
    }
}

#[test]
fn elf_entries() {
    for (is_64bit, note, kind, mode, rip) in [
        (true, true, KernelKind::Pvh, EntryMode::Protected, 0x10_0010),
        (false, true, KernelKind::Pvh, EntryMode::Protected, 0x10_0010),
        (true, false, KernelKind::Elf, EntryMode::Long, 0x10_0004),
        (false, false, KernelKind::Elf, EntryMode::Protected, 0x10_0004),
    ] {
        let plan = plan(&request(elf(is_64bit, note), "x")).unwrap();
        assert_eq!(
            (plan.kind, plan.entry.mode, plan.entry.rip),
            (kind, mode, rip),
            "{is_64bit} {note}"
        );
        if note {
            let info = memory(&plan, plan.entry.rbx, 56);
            assert_eq!((info.u32(0), info.u32(48)), (Some(0x336e_c578), Some(6)));
            assert_eq!(memory(&plan, info.u64(24).unwrap(), 2), b"x\0");
        }
        let mut request = request(elf(is_64bit, note), "");
        request.long_mode = false;
        assert_eq!(super::plan(&request).is_err(), is_64bit);
    }
}

#[test]
fn multiboot_modules() {
    let mut request = request(multiboot(), "args");
    request.modules = vec![module(10), module(5000)];
    let plan = plan(&request).unwrap();
    assert_eq!((plan.entry.rax, plan.entry.rip), (0x2bad_b002, 0x10_0040));
    let info = memory(&plan, plan.entry.rbx, 4096);
    assert_eq!(
        (info.u32(0), info.u32(4), info.u32(20)),
        (Some(0x24f), Some(639), Some(2))
    );
    assert_eq!(memory(&plan, info.u32(16).unwrap() as u64, 7), b"k args\0");
    let modules = info.u32(24).unwrap() as usize - place::INFO as usize;
    assert_eq!(
        (info.u32(modules), info.u32(modules + 4)),
        (Some(0x10_1000), Some(0x10_100a))
    );
    assert_eq!(
        (info.u32(modules + 16), info.u32(modules + 20)),
        (Some(0x10_2000), Some(0x10_3388))
    );
    assert_eq!(memory(&plan, info.u32(modules + 8).unwrap() as u64, 4), b"a x\0");
    // A multiboot header inside a 64-bit ELF is refused.
    let mut elf = elf(true, false);
    let sum = 0u32.wrapping_sub(0x1bad_b002);
    put(&mut elf, 0x280, &0x1bad_b002u32.to_le_bytes());
    put(&mut elf, 0x288, &sum.to_le_bytes());
    assert_eq!(
        super::plan(&super::tests::request(elf, "")).unwrap_err(),
        BootError::Multiboot64
    );
}

proptest! {
    /// Whatever the headers say, a plan either is refused or loads RAM only.
    #[test]
    fn damaged_images(
        which in 0usize..7,
        edits in prop::collection::vec((0usize..0x400, any::<u8>()), 0..12),
        wide in prop::collection::vec((0usize..0x100, any::<u32>()), 0..4),
        cut in 0usize..0x1000,
        ram in prop::sample::select(vec![MIB, 16 * MIB, 256 * MIB, 5 << 30]),
        initrd in prop::option::of(0usize..0x10000),
    ) {
        let mut image = match which {
            0 | 1 => bzimage(),
            2 => multiboot(),
            n => elf(n & 1 == 0, n > 4),
        };
        for (at, value) in edits {
            if let Some(byte) = image.get_mut(at) { *byte = value; }
        }
        for (at, value) in wide {
            if let Some(bytes) = image.get_mut(at * 4..at * 4 + 4) { bytes.copy_from_slice(&value.to_le_bytes()); }
        }
        image.truncate(cut.max(4));
        let mut request = request(image, "a=b");
        request.ram = RamLayout::new(ram);
        request.modules.extend(initrd.map(module));
        if let Ok(plan) = plan(&request) {
            for load in &plan.loads {
                prop_assert!(request.ram.ram_offset(load.at, load.len()).is_some());
            }
        }
    }
}
