//! The channels as SeaBIOS and Linux drive them, and as nobody should.

use super::*;
use crate::testing::{Memory, pattern};
use hw_core::DiskError;
use hw_core::testing::{
    Action, MemoryDisk, RecordingSink, Rig, TestClock, check_actions, check_reset, check_saved_state,
};
use proptest::prelude::*;

const DISK: usize = 4 << 20;
const CD: usize = 300 * 2048;

struct Bench {
    ide: Arc<Ide>,
    windows: Vec<IoWindow>,
    master: IoWindow,
    disk: Arc<MemoryDisk>,
    cd: Arc<MemoryDisk>,
    memory: Memory,
    dma: Dma,
    sink: Arc<RecordingSink>,
}

/// A disk as first master, a CD drive as second master.
fn bench() -> Bench {
    let (memory, sink) = (Memory::new(1 << 20), RecordingSink::new());
    let disk = MemoryDisk::new(pattern(DISK));
    let dma = memory.dma();
    let cd = MemoryDisk::cd(Some(pattern(CD)));
    let drive =
        |kind, disk: &Arc<MemoryDisk>| Some(DriveConfig::new(kind, Arc::clone(disk) as Arc<dyn Disk>));
    let ide = Ide::new(
        [[drive(Kind::Disk, &disk), None], [drive(Kind::Cd, &cd), None]],
        [sink.line(14), sink.line(15)],
        dma.clone(),
    );
    let windows = [0, 1].iter().flat_map(|&channel| ide.windows(channel)).collect();
    let master = ide.bus_master_window();
    Bench {
        ide,
        windows,
        master,
        disk,
        cd,
        memory,
        dma,
        sink,
    }
}

impl Bench {
    fn window(&self, port: u64) -> (&IoWindow, u64) {
        let window = self
            .windows
            .iter()
            .find(|window| (window.base..window.base + window.size).contains(&port))
            .unwrap();
        (window, port - window.base)
    }

    fn inb(&self, port: u64) -> u8 {
        let (window, at) = self.window(port);
        window.ops.read(at, 1).unwrap() as u8
    }

    fn outb(&self, port: u64, value: u8) {
        let (window, at) = self.window(port);
        window.ops.write(at, 1, value.into()).unwrap();
    }

    fn insw(&self, port: u64, words: usize) -> Vec<u8> {
        let (window, at) = self.window(port);
        (0..words)
            .flat_map(|_| (window.ops.read(at, 2).unwrap() as u16).to_le_bytes())
            .collect()
    }

    fn outsw(&self, port: u64, data: &[u8]) {
        let (window, at) = self.window(port);
        for word in data.chunks(2) {
            let value = u16::from_le_bytes([word[0], word[1]]);
            window.ops.write(at, 2, value.into()).unwrap();
        }
    }

    fn bm(&self, register: u64) -> u8 {
        self.master.ops.read(register, 1).unwrap() as u8
    }

    fn set_bm(&self, register: u64, value: u8) {
        self.master.ops.write(register, 1, value.into()).unwrap();
    }

    fn command(&self, code: u8, count: u16, lba: u64, device: u8) {
        for shift in [8, 0] {
            self.outb(0x1f2, (count >> shift) as u8);
            let lba = if shift == 8 { lba >> 24 } else { lba };
            self.outb(0x1f3, lba as u8);
            self.outb(0x1f4, (lba >> 8) as u8);
            self.outb(0x1f5, (lba >> 16) as u8);
        }
        self.outb(0x1f6, device);
        self.outb(0x1f7, code);
    }

    /// Puts a table of regions at 1000h and starts the first channel's bus master.
    fn start_dma(&self, channel: u64, regions: &[(u32, u16)], to_memory: bool) {
        for (index, (at, length)) in regions.iter().enumerate() {
            let last = if index + 1 == regions.len() {
                0x8000_0000
            } else {
                0
            };
            let entry = u64::from(*at) | u64::from(u32::from(*length) | last) << 32;
            self.memory.write(0x1000 + index as u64 * 8, &entry.to_le_bytes());
        }
        let base = channel * 8;
        for (index, byte) in 0x1000_u32.to_le_bytes().into_iter().enumerate() {
            self.set_bm(base + 4 + index as u64, byte);
        }
        self.set_bm(base + 2, BM_ERROR | BM_INTERRUPT);
        let direction = if to_memory { BM_TO_MEMORY } else { 0 };
        self.set_bm(base, direction);
        self.set_bm(base, direction | BM_START);
    }

    fn packet(&self, packet: &[u8], dma: bool, limit: u16) {
        self.outb(0x176, 0xa0);
        self.outb(0x171, dma.into());
        self.outb(0x174, limit as u8);
        self.outb(0x175, (limit >> 8) as u8);
        self.outb(0x177, 0xa0);
        assert_eq!((self.inb(0x376) & 0x88, self.inb(0x172) & 7), (8, 1));
        let mut bytes = [0; 12];
        bytes[..packet.len()].copy_from_slice(packet);
        self.outsw(0x170, &bytes);
    }

    /// Reads what a packet command answers, piece by piece.
    fn answer(&self) -> Result<Vec<u8>, u8> {
        let mut data = Vec::new();
        loop {
            self.cd.complete_all();
            assert!(self.sink.level(15), "no interrupt");
            let status = self.inb(0x177);
            assert!(!self.sink.level(15), "the status register acknowledges");
            if status & 1 != 0 {
                return Err(self.inb(0x171));
            }
            if status & 8 == 0 {
                assert_eq!(self.inb(0x172) & 7, 3);
                return Ok(data);
            }
            assert_eq!(self.inb(0x172) & 7, 2);
            let length = usize::from(self.inb(0x174)) | usize::from(self.inb(0x175)) << 8;
            let mut piece = self.insw(0x170, length.div_ceil(2));
            piece.truncate(length);
            data.extend(piece);
        }
    }
}

/// A power-on disk's identity, as words.
fn words(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[test]
fn detection_as_seabios_does_it() {
    let bench = bench();
    // Both channels: reset, signature.
    for (base, control, mid, high) in [(0x1f0, 0x3f6, 0, 0), (0x170, 0x376, 0x14, 0xeb)] {
        bench.outb(base + 6, 0xa0);
        bench.outb(base + 2, 0x55);
        bench.outb(base + 3, 0xaa);
        assert_eq!((bench.inb(base + 2), bench.inb(base + 3)), (0x55, 0xaa));
        bench.outb(control, 0x0e);
        assert_eq!(bench.inb(base + 7) & 0x80, 0x80);
        bench.outb(control, 0x0a);
        assert_eq!(bench.inb(base + 7) & 0x80, 0);
        assert_eq!((bench.inb(base + 4), bench.inb(base + 5)), (mid, high));
        // Nobody is the slave.
        bench.outb(base + 6, 0xb0);
        assert_eq!((bench.inb(base + 7), bench.inb(base + 2)), (0, 0));
        bench.outb(base + 6, 0xa0);
        bench.outb(control, 0x08);
    }
    // A packet device declines, and says what it is.
    bench.outb(0x177, 0xec);
    assert_eq!((bench.inb(0x177) & 9, bench.inb(0x171)), (1, 4));
    bench.outb(0x177, 0xa1);
    let identity = words(&bench.insw(0x170, 256));
    assert_eq!(identity[0], 0x85c0);
    bench.outb(0x1f7, 0xec);
    assert!(bench.sink.level(14));
    assert_eq!(bench.inb(0x3f6), 0x58);
    assert!(bench.sink.level(14), "the alternate status acknowledges nothing");
    assert_eq!(bench.inb(0x1f7), 0x58);
    assert!(!bench.sink.level(14));
    let bytes = bench.insw(0x1f0, 256);
    let identity = words(&bytes);
    assert_eq!((identity[60], identity[61], identity[100]), (8192, 0, 8192));
    assert_eq!(&bytes[54..70], b"ERRPSI EAHDRIDKS");
    assert_eq!(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0);
    assert_eq!(bench.inb(0x1f7), 0x50);
    // A channel without drives: not busy.
    let nobody = Ide::new(
        Default::default(),
        [IrqLine::disconnected(), IrqLine::disconnected()],
        bench.memory.dma(),
    );
    assert_eq!(nobody.windows(0)[0].ops.read(7, 1).unwrap(), 0);
    assert_eq!(nobody.windows(0)[0].ops.read(0, 2).unwrap(), 0);
}

#[test]
fn sectors_by_the_cpu() {
    let bench = bench();
    let bytes = pattern(DISK);
    // Code, sectors, first, device, sectors at a time.
    for (code, count, lba, device, block) in [
        (0x20, 3, 5, 0xe0, 1),
        (0x24, 2, 8190, 0xe0, 1),
        (0xc4, 19, 7, 0xe0, 8),
        (0x29, 8, 100, 0xe0, 8),
        // Cylinder 1, head 2, sector 3 of 16 heads and 63 sectors.
        (0x20, 1, 0x0000_0103, 0xa2, 1),
    ] {
        bench.outb(0x1f2, 8);
        bench.outb(0x1f7, 0xc6);
        bench.inb(0x1f7);
        bench.command(code, count, lba, device);
        let first = if device & 0x40 == 0 {
            (16 + 2) * 63 + 2
        } else {
            lba as usize
        };
        let mut data = Vec::new();
        let mut left = usize::from(count);
        while left > 0 {
            assert_eq!(bench.inb(0x1f7), 0x80, "{code:x}: busy while the disk reads");
            assert!(bench.disk.complete_next());
            assert!(bench.sink.level(14));
            assert_eq!(bench.inb(0x1f7), 0x58);
            let sectors = left.min(block);
            data.extend(bench.insw(0x1f0, 256 * sectors));
            left -= sectors;
        }
        assert_eq!(bench.inb(0x1f7), 0x50);
        assert!(
            data == bytes[first * 512..(first + usize::from(count)) * 512],
            "{code:x}"
        );
    }
    // Writes: the first block is asked for without an interrupt.
    bench.command(0xc5, 10, 50, 0xe0);
    assert!(!bench.sink.level(14));
    for sectors in [8, 2] {
        assert_eq!(bench.inb(0x1f7), 0x58);
        bench.outsw(0x1f0, &vec![0x77; sectors * 512]);
        assert_eq!(bench.inb(0x1f7), 0x80);
        assert!(!bench.sink.level(14) && bench.disk.complete_next());
        assert!(bench.sink.level(14));
    }
    assert_eq!(bench.inb(0x1f7), 0x50);
    let now = bench.disk.bytes();
    assert!(now[50 * 512..60 * 512].iter().all(|&byte| byte == 0x77));
    assert_eq!(
        (now[50 * 512 - 1], now[60 * 512]),
        (bytes[50 * 512 - 1], bytes[60 * 512])
    );
    // Nothing is read or written that is not asked for.
    assert_eq!(bench.insw(0x1f0, 1), [0, 0]);
    bench.outsw(0x1f0, &[1, 2]);
    assert!(bench.disk.bytes() == now);
}

#[test]
fn sectors_by_the_bus_master() {
    let bench = bench();
    let bytes = pattern(DISK);
    bench.command(0x25, 256, 1000, 0xe0);
    bench.start_dma(0, &[(0x1_0000, 0), (0x3_0000, 0x8000), (0x4_0000, 0x8000)], true);
    assert_eq!((bench.bm(2) & 7, bench.inb(0x3f6)), (BM_ACTIVE, 0x80));
    bench.disk.complete_all();
    assert!(bench.sink.level(14));
    assert_eq!((bench.bm(2) & 7, bench.inb(0x1f7)), (BM_INTERRUPT, 0x50));
    let got = [
        bench.memory.read(0x1_0000, 0x1_0000),
        bench.memory.read(0x3_0000, 0x8000),
        bench.memory.read(0x4_0000, 0x8000),
    ];
    assert!(got.concat() == bytes[1000 * 512..1256 * 512]);
    bench.set_bm(0, 0);

    // More room than data: the engine stays active. Less: it stops, and nobody is told.
    bench.command(0xc8, 1, 0, 0xe0);
    bench.start_dma(0, &[(0x1_0000, 1024)], true);
    bench.disk.complete_all();
    assert_eq!(
        (bench.bm(2) & 7, bench.inb(0x1f7)),
        (BM_INTERRUPT | BM_ACTIVE, 0x50)
    );
    bench.set_bm(0, 0);
    bench.command(0xc8, 4, 0, 0xe0);
    bench.start_dma(0, &[(0x1_0000, 1024)], true);
    bench.disk.complete_all();
    assert_eq!((bench.bm(2) & 7, bench.sink.level(14)), (0, false));
    bench.set_bm(0, 0);

    // Not allowed to.
    bench.dma.set_enabled(false);
    bench.command(0xc8, 1, 0, 0xe0);
    bench.start_dma(0, &[(0x1_0000, 512)], true);
    bench.disk.complete_all();
    assert_eq!(
        (bench.bm(2) & 7, bench.inb(0x1f7) & 1),
        (BM_INTERRUPT | BM_ERROR, 1)
    );
    bench.set_bm(0, 0);
    bench.dma.set_enabled(true);

    // To the disk, started before the command came.
    bench.memory.write(0x5_0000, &[0x5a; 4096]);
    bench.start_dma(0, &[(0x5_0000, 2048), (0x5_0800, 2048)], false);
    bench.command(0xca, 8, 16, 0xe0);
    bench.disk.complete_all();
    assert_eq!((bench.bm(2) & 7, bench.inb(0x1f7)), (BM_INTERRUPT, 0x50));
    assert!(
        bench.disk.bytes()[16 * 512..24 * 512]
            .iter()
            .all(|&byte| byte == 0x5a)
    );

    // Trimmed sectors are given back.
    let list = [24_u64 | 8 << 48, 40 | 1 << 48];
    let mut block = vec![0; 512];
    for (entry, place) in list.iter().zip(block.chunks_mut(8)) {
        place.copy_from_slice(&entry.to_le_bytes());
    }
    bench.memory.write(0x5_0000, &block);
    bench.outb(0x1f1, 1);
    bench.command(0x06, 1, 0, 0xe0);
    bench.start_dma(0, &[(0x5_0000, 512)], false);
    bench.disk.complete_all();
    assert_eq!(bench.inb(0x1f7), 0x50);
    let now = bench.disk.bytes();
    assert!(now[24 * 512..32 * 512].iter().all(|&byte| byte == 0) && now[40 * 512..41 * 512] == [0; 512]);
    assert!(now[32 * 512..40 * 512] == bytes[32 * 512..40 * 512]);
}

#[test]
fn everything_else_a_disk_is_asked() {
    let bench = bench();
    // Code, features, count, lba, device; status and error, once the disk is done.
    for (code, feature, count, lba, device, status, error) in [
        (0xe7, 0, 0, 0, 0xe0, 0x50, 0),
        (0xea, 0, 0, 0, 0xe0, 0x50, 0),
        (0x40, 0, 1, 8191, 0xe0, 0x50, 0),
        (0x40, 0, 1, 8192, 0xe0, 0x51, 0x10),
        (0x42, 0, 2, 8191, 0xe0, 0x51, 0x10),
        (0x20, 0, 2, 8191, 0xe0, 0x51, 0x10),
        (0x24, 0, 1, 0xffff_ffff_ffff, 0xe0, 0x51, 0x10),
        // Sector 0 of a track.
        (0x20, 0, 1, 0, 0xa0, 0x51, 0x10),
        (0xc6, 0, 3, 0, 0xe0, 0x51, 4),
        (0xc6, 0, 32, 0, 0xe0, 0x51, 4),
        (0xc4, 0, 1, 0, 0xe0, 0x51, 4),
        (0xef, 3, 0x45, 0, 0xe0, 0x50, 0),
        (0xef, 3, 0x46, 0, 0xe0, 0x51, 4),
        (0xef, 2, 0, 0, 0xe0, 0x50, 0),
        (0xef, 0x82, 0, 0, 0xe0, 0x50, 0),
        (0xef, 0x77, 0, 0, 0xe0, 0x51, 4),
        (0x91, 0, 0, 0, 0xaf, 0x51, 4),
        (0x91, 0, 17, 0, 0xa3, 0x50, 0),
        (0x10, 0, 0, 0, 0xe0, 0x50, 0),
        (0x70, 0, 0, 1, 0xe0, 0x50, 0),
        (0xe0, 0, 0, 0, 0xe0, 0x50, 0),
        (0x94, 0, 0, 0, 0xe0, 0x50, 0),
        (0x08, 0, 0, 0, 0xe0, 0x51, 4),
        (0xa0, 0, 0, 0, 0xe0, 0x51, 4),
        (0xa1, 0, 0, 0, 0xe0, 0x51, 4),
        (0x00, 0, 0, 0, 0xe0, 0x51, 4),
        (0xff, 0, 0, 0, 0xe0, 0x51, 4),
    ] {
        bench.outb(0x1f1, feature);
        bench.command(code, count, lba, device);
        bench.disk.complete_all();
        assert!(bench.sink.level(14), "{code:x}: no interrupt");
        assert_eq!(
            (bench.inb(0x1f7), bench.inb(0x1f1)),
            (status, error),
            "{code:x} {feature:x} {count} {lba}"
        );
    }
    assert_eq!(bench.disk.flushes(), 3);
    bench.command(0xf8, 0, 0, 0xe0);
    assert_eq!(
        [0x1f3, 0x1f4, 0x1f5, 0x1f6].map(|port| bench.inb(port)),
        [0xff, 0x1f, 0, 0xe0]
    );
    bench.command(0x27, 0, 0, 0xe0);
    bench.outb(0x3f6, 0x80);
    assert_eq!([0x1f3, 0x1f4, 0x1f5].map(|port| bench.inb(port)), [0, 0, 0]);
    bench.outb(0x3f6, 0);
    bench.command(0xe5, 0, 0, 0xe0);
    assert_eq!(bench.inb(0x1f2), 0xff);
    bench.command(0x90, 0, 0, 0xe0);
    assert_eq!((bench.inb(0x1f1), bench.inb(0x1f2), bench.inb(0x1f3)), (1, 1, 1));
}

#[test]
fn errors_of_the_host() {
    let bench = bench();
    bench.disk.fail_next(DiskError::Io);
    bench.command(0x20, 2, 9, 0xe0);
    bench.disk.complete_all();
    assert_eq!(
        (bench.inb(0x1f7), bench.inb(0x1f1), bench.inb(0x1f3)),
        (0x51, 0x40, 9)
    );
    bench.disk.fail_next(DiskError::NoSpace);
    bench.command(0x30, 1, 9, 0xe0);
    bench.outsw(0x1f0, &[0; 512]);
    bench.disk.complete_all();
    assert_eq!((bench.inb(0x1f7), bench.inb(0x1f1)), (0x51, 4));
    bench.disk.fail_next(DiskError::Io);
    bench.command(0xe7, 0, 0, 0xe0);
    bench.disk.complete_all();
    assert_eq!(bench.inb(0x1f7), 0x51);
}

#[test]
fn interrupts_can_be_off() {
    let bench = bench();
    bench.outb(0x3f6, 2);
    bench.command(0xe5, 0, 0, 0xe0);
    assert!(!bench.sink.level(14));
    bench.outb(0x3f6, 0);
    assert!(bench.sink.level(14));
    bench.outb(0x1f6, 0xf0);
    assert!(!bench.sink.level(14), "the other drive has nothing to say");
}

#[test]
fn a_cd_as_linux_reads_it() {
    let bench = bench();
    let bytes = pattern(CD);
    // It was switched on.
    bench.packet(&[0], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x60));
    bench.packet(&[3, 0, 0, 0, 18], false, 0xfffe);
    assert_eq!(bench.answer().unwrap()[12], 0x29);
    bench.packet(&[3, 0, 0, 0, 18], false, 0xfffe);
    assert_eq!(bench.answer().unwrap()[12], 0, "told once");
    bench.packet(&[0], false, 0xfffe);
    assert_eq!(bench.answer(), Ok(Vec::new()));
    bench.packet(&[0x12, 0, 0, 0, 36], false, 0xfffe);
    let inquiry = bench.answer().unwrap();
    assert_eq!(
        (inquiry.len(), inquiry[0], &inquiry[8..15]),
        (36, 5, &b"REPRISE"[..])
    );
    bench.packet(&[0x25], false, 8);
    assert_eq!(bench.answer().unwrap(), [0, 0, 1, 43, 0, 0, 8, 0]);
    // By the CPU: as many bytes at a time as it likes.
    for limit in [0xfffe, 2048, 4096, 5000, 512, 0] {
        bench.packet(&[0x28, 0, 0, 0, 0, 7, 0, 0, 50], false, limit);
        assert!(bench.answer().unwrap() == bytes[7 * 2048..57 * 2048], "{limit}");
    }
    // By the bus master, in several requests.
    bench.packet(&[0xa8, 0, 0, 0, 0, 0, 0, 0, 1, 0], true, 0);
    bench.start_dma(
        1,
        &[
            (0x2_0000, 0),
            (0x3_0000, 0),
            (0x4_0000, 0),
            (0x5_0000, 0),
            (0x6_0000, 0),
            (0x7_0000, 0),
            (0x8_0000, 0),
            (0x9_0000, 0),
        ],
        true,
    );
    bench.cd.complete_all();
    assert_eq!((bench.bm(10) & 7, bench.inb(0x177)), (BM_INTERRUPT, 0x50));
    assert!(bench.memory.read(0x2_0000, 256 * 2048) == bytes[..256 * 2048]);
    bench.set_bm(8, 0);
    // A short answer by the bus master.
    bench.packet(&[0x43, 0, 0, 0, 0, 0, 0, 0, 20], true, 0);
    bench.start_dma(1, &[(0x2_0000, 20)], true);
    assert_eq!(bench.inb(0x177), 0x50);
    assert_eq!(bench.memory.read(0x2_0000, 20)[..4], [0, 18, 1, 1]);
    bench.set_bm(8, 0);

    // Beyond the end; of a command that it has not; a host that cannot read.
    bench.packet(&[0x28, 0, 0, 0, 1, 43, 0, 0, 2], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x54));
    bench.packet(&[0xfe], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x54));
    bench.cd.fail_next(DiskError::Io);
    bench.packet(&[0x28, 0, 0, 0, 0, 0, 0, 0, 1], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x30));

    // Another disc.
    bench.cd.change(None);
    bench.packet(&[0], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x60));
    bench.packet(&[0], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x20));
    bench.cd.change(Some(vec![5; 2048 * 20]));
    bench.packet(&[0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8], false, 0xfffe);
    assert_eq!(bench.answer().unwrap()[4..6], [2, 2]);
    bench.packet(&[0], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x60));
    bench.packet(&[0x25], false, 8);
    assert_eq!(bench.answer().unwrap()[3], 19);
    // Locked in, and out.
    bench.packet(&[0x1e, 0, 0, 0, 1], false, 0xfffe);
    bench.answer().unwrap();
    assert!(bench.cd.is_locked());
    bench.packet(&[0x1b, 0, 0, 0, 2], false, 0xfffe);
    assert_eq!(bench.answer(), Err(0x54));
    bench.packet(&[0x1e], false, 0xfffe);
    bench.answer().unwrap();
    bench.packet(&[0x1b, 0, 0, 0, 2], false, 0xfffe);
    bench.answer().unwrap();
    assert!(bench.cd.bytes().is_empty());
}

#[test]
fn resets_forget_requests() {
    let bench = bench();
    bench.command(0x20, 1, 0, 0xe0);
    assert_eq!(bench.disk.waiting().len(), 1);
    bench.outb(0x3f6, 4);
    bench.outb(0x3f6, 0);
    assert!(bench.disk.waiting().is_empty());
    assert_eq!(bench.inb(0x1f7), 0x50);
    check_reset(&*bench.ide, || bench.command(0xef, 0, 0, 0xe0));
}

#[test]
fn a_request_in_flight_survives() {
    let (first, second) = (bench(), bench());
    first.command(0x25, 16, 3, 0xe0);
    first.start_dma(0, &[(0x1_0000, 8192)], true);
    check_saved_state(&*first.ide, &*second.ide);
    // Memory, disk and device, as a snapshot has them.
    first.disk.copy_to(&second.disk);
    second.memory.write(0x1000, &first.memory.read(0x1000, 64));
    second.ide.load(&first.ide.save()).unwrap();
    second.disk.complete_all();
    assert!(second.sink.level(14));
    assert!(second.memory.read(0x1_0000, 8192) == pattern(DISK)[3 * 512..19 * 512]);
}

fn action() -> impl Strategy<Value = Action> {
    let command = prop::sample::select(vec![
        0x20_u64, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xe7, 0xec, 0xef, 0xa0,
        0xa1, 0x90, 0x08, 0x06, 0x91,
    ]);
    prop_oneof![
        3 => (0..5_u8, 0..8_u64, 0..3_u8).prop_map(|(w, o, s)| Action::Read(w, o, s)),
        3 => (0..4_u8, Just(0), Just(1), any::<u64>()).prop_map(|(w, o, s, v)| Action::Write(w & 2, o, s, v)),
        3 => (0..5_u8, 0..16_u64, 0..3_u8, prop_oneof![0..8_u64, any::<u64>()]).prop_map(|(w, o, s, v)| Action::Write(w, o, s, v)),
        4 => (0..2_u8, command).prop_map(|(w, c)| Action::Write(w * 2, 7, 0, c)),
        1 => (0..2_u8, prop_oneof![Just(0xe0_u64), Just(0xa0), Just(0xf0)]).prop_map(|(w, v)| Action::Write(w * 2, 6, 0, v)),
        // The disks answer when this pin moves.
        4 => any::<bool>().prop_map(|level| Action::Pin(0, level)),
        1 => Just(Action::Reset),
    ]
}

/// Disks that answer when they are told to.
struct Answers(Vec<Arc<MemoryDisk>>);

impl hw_core::IrqSink for Answers {
    fn set_irq(&self, _pin: u32, _level: bool) {
        for disk in &self.0 {
            disk.complete_next();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence(before in prop::collection::vec(action(), 1..120), after in prop::collection::vec(action(), 1..40)) {
        // What is in flight is the disks' to save: they have nothing at the cut.
        let mut before = before;
        before.extend([true; 4].map(|level| Action::Pin(0, level)));
        before.push(Action::Write(1, 0, 0, 4));
        before.push(Action::Write(3, 0, 0, 4));
        check_actions(|| {
            let bench = bench();
            let mut windows = bench.windows;
            windows.push(bench.master);
            Rig {
                clock: TestClock::new(),
                device: bench.ide,
                windows,
                pins: Some((Arc::new(Answers(vec![bench.disk, bench.cd])), 1)),
            }
        }, &before, &after);
    }
}
