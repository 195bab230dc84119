//! Whole machines in this process: equal runs under counted time, several at once, resets, and nothing left behind.

use accel_tcg::{InstructionTime, Sleep};
use chardev::{Chardev, Frontend, InUse, Ringbuf};
use machine::{Backend, BootFiles, Config, DebugExit, Digest, Time};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

const SCREEN: usize = 1 << 16;

fn counted(shift: u32) -> Time {
    Time::Counted(
        InstructionTime::from_shift(shift).expect("at most 10"),
        Sleep::Off,
    )
}

/// What the embedded guest prints when it is told to run `commands`, and what the machine is at the end.
fn embedded(commands: &str, time: Time) -> (String, Digest) {
    let screen = Arc::new(Ringbuf::new(SCREEN));
    let mut boot = BootFiles::embedded();
    boot.append = format!("run={commands}");
    let (status, digest) = machine::run_and_digest(Config {
        memory: 64 << 20,
        boot: Some(boot),
        serials: vec![Backend::Opened(Arc::clone(&screen) as _)],
        time,
        ..Config::default()
    })
    .expect("it boots");
    assert_eq!(status, 0);
    (
        String::from_utf8(screen.read(SCREEN)).expect("the guest prints ASCII"),
        digest,
    )
}

#[test]
fn the_same_guest_twice() {
    let commands = "cpu,mem,pci,bench,args,poweroff";
    let (first, second) = (embedded(commands, counted(3)), embedded(commands, counted(3)));
    assert!(
        first.0.contains("This is the guest that lives inside reprise."),
        "{}",
        first.0
    );
    assert_eq!(first, second);
    // Another pace is another run: the digests do look at what time does.
    assert_ne!(first.1, embedded(commands, counted(4)).1);
}

#[test]
fn several_at_once() {
    let alone = embedded("bench,poweroff", counted(2));
    let threads = [counted(2), Time::Host, counted(2)]
        .map(|time| std::thread::spawn(move || embedded("bench,poweroff", time)));
    let [first, _, second] = threads.map(|thread| thread.join().expect("no panic"));
    assert_eq!(first, alone);
    assert_eq!(second, alone);
}

/// A serial line's other end that remembers everything and never types.
#[derive(Default)]
struct Paper(Mutex<Vec<u8>>);

impl Chardev for Paper {
    fn write(&self, data: &[u8]) {
        self.0.lock().extend_from_slice(data);
    }
    fn attach(&self, _: Weak<dyn Frontend>) -> Result<(), InUse> {
        Ok(())
    }
    fn accept_input(&self) {}
    fn flush(&self) {}
    fn describe(&self) -> String {
        "paper".into()
    }
}

/// A multiboot kernel that counts its starts in CMOS, destroys itself in memory, and resets; the third time it
/// leaves with the count. It only gets there if each reset loads it again and keeps the CMOS.
#[rustfmt::skip]
const PHOENIX: &[u8] = &[
    0x66, 0xba, 0xf8, 0x03, 0xb0, b'*', 0xee, // print *
    0xb0, 0x50, 0xe6, 0x70,                   // select CMOS byte 50h
    0xe4, 0x71, 0xfe, 0xc0,                   // in al, 71h; inc al
    0x88, 0xc3, 0xe6, 0x71,                   // mov bl, al; out 71h, al
    0x80, 0xfb, 0x03, 0x75, 0x04,             // cmp bl, 3; jne over the exit
    0x88, 0xd8, 0xe6, 0xf4,                   // mov al, bl; out 0f4h, al
    0xbf, 0x60, 0x00, 0x10, 0x00,             // mov edi, start of the code
    0xb0, 0xf4, 0xb9, 0x1c, 0x00, 0x00, 0x00, 0xf3, 0xaa, // fill it with HLT
    0xb0, 0xfe, 0xe6, 0x64,                   // reset by the keyboard controller
    0xf4, 0xeb, 0xfd,
];

fn multiboot(code: &[u8]) -> Vec<u8> {
    // The address form: load and enter at 1 MiB + 60h, no ELF.
    const FLAGS: u32 = 1 << 16;
    const LOAD: u32 = 0x10_0000;
    let checksum = 0x1bad_b002_u32.wrapping_add(FLAGS).wrapping_neg();
    let words = [0x1bad_b002, FLAGS, checksum, LOAD, LOAD, 0, 0, LOAD + 0x60];
    let mut image: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    image.resize(0x60, 0);
    image.extend(code);
    image
}

#[test]
fn a_reset_loads_the_kernel_again() {
    for time in [counted(3), Time::Host] {
        let paper = Arc::new(Paper::default());
        let mut boot = BootFiles::embedded();
        boot.kernel = multiboot(PHOENIX).into();
        let status = machine::run(Config {
            memory: 32 << 20,
            boot: Some(boot),
            serials: vec![Backend::Opened(Arc::clone(&paper) as _)],
            debug_exit: Some(DebugExit { port: 0xf4, size: 1 }),
            time,
            ..Config::default()
        });
        assert_eq!(status.expect("it boots"), 3 << 1 | 1);
        assert_eq!(*paper.0.lock(), b"***");
        // The machine is gone, and with it its hold on our device.
        assert_eq!(
            Arc::strong_count(&paper),
            1,
            "a part of the machine is still alive"
        );
    }
}

#[test]
fn refusals_are_one_line() {
    let refused = |change: fn(&mut Config)| {
        let mut config = Config {
            memory: 64 << 20,
            ..Config::default()
        };
        change(&mut config);
        format!("{:#}", machine::run(config).expect_err("it cannot run"))
    };
    let memory = refused(|config| config.memory = 1 << 20);
    assert_eq!(
        memory,
        "-m 1M: memory size must be a multiple of 4 KiB and at least 2 MiB"
    );
    let serials = refused(|config| config.serials = vec![Backend::Described("null".into()); 5]);
    assert_eq!(serials, "-serial null: a PC has 4 serial ports");
}
