//! Requests in flight, by the host's clock and by counted time.

use super::*;
use hw_core::testing::{TestClock, check_saved_state};
use util_mainloop::{BigLock, MainLoop, Timeout};

/// A disk in memory which fails when told to.
struct Memory {
    bytes: Mutex<Vec<u8>>,
    fails: Mutex<Option<BlockError>>,
}

impl Memory {
    fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: Mutex::new(vec![0; size]),
            fails: Mutex::default(),
        })
    }

    fn change(&self, offset: u64, length: usize, f: impl FnOnce(&mut [u8])) -> Result<(), BlockError> {
        if let Some(error) = *self.fails.lock() {
            return Err(error);
        }
        let mut bytes = self.bytes.lock();
        let range = bytes.get_mut(offset as usize..offset as usize + length);
        range.map(f).ok_or(BlockError::OutOfRange)
    }
}

impl Image for Memory {
    fn format(&self) -> &'static str {
        "test"
    }
    fn size(&self) -> u64 {
        self.bytes.lock().len() as u64
    }
    fn read_only(&self) -> bool {
        false
    }
    fn can_discard(&self) -> bool {
        true
    }
    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), BlockError> {
        self.change(offset, to.len(), |bytes| to.copy_from_slice(bytes))
    }
    fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), BlockError> {
        self.change(offset, from.len(), |bytes| bytes.copy_from_slice(from))
    }
    fn flush(&self) -> Result<(), BlockError> {
        Ok(())
    }
    fn discard(&self, _: u64, _: u64) -> Result<(), BlockError> {
        Ok(())
    }
    fn write_zeroes(&self, offset: u64, length: u64, _: bool) -> Result<(), BlockError> {
        self.change(offset, length as usize, |bytes| bytes.fill(0))
    }
}

#[derive(Default)]
struct Client(Mutex<Vec<(u64, DiskResult)>>);

impl DiskClient for Client {
    fn complete(&self, tag: u64, result: DiskResult) {
        self.0.lock().push((tag, result));
    }
}

impl Client {
    fn take(&self) -> Vec<(u64, DiskResult)> {
        std::mem::take(&mut *self.0.lock())
    }
}

struct Rig {
    main_loop: MainLoop,
    requests: Arc<Requests>,
    image: Arc<Memory>,
    client: Arc<Client>,
    drive: Arc<Drive>,
}

fn rig(clock: Option<&TestClock>, config: DriveConfig) -> Rig {
    let main_loop = MainLoop::new().unwrap();
    let requests = Requests::new(main_loop.handle());
    let image = Memory::new(8192);
    let pace = match clock {
        Some(clock) => Pace::Counted(clock.clock()),
        None => Pace::Host(main_loop.handle()),
    };
    let drive = Drive::new("d".into(), config, Some(image.clone() as _), pace, &requests);
    let client = Arc::new(Client::default());
    let weak: Weak<Client> = Arc::downgrade(&client);
    drive.attach(weak);
    Rig {
        main_loop,
        requests,
        image,
        client,
        drive,
    }
}

impl Rig {
    /// Turns the main loop until `count` requests are complete.
    fn wait(&mut self, count: usize) -> Vec<(u64, DiskResult)> {
        let lock = BigLock::new();
        let mut all = Vec::new();
        for _ in 0..200 {
            all.extend(self.client.take());
            if all.len() >= count {
                break;
            }
            self.main_loop
                .run_once(&mut lock.period(), Timeout::from_ns(50_000_000))
                .unwrap();
        }
        all
    }
}

const READ: DiskOp = DiskOp::Read {
    offset: 512,
    length: 512,
};

fn write(value: u8) -> DiskOp {
    DiskOp::Write {
        offset: 512,
        data: vec![value; 512],
        durable: false,
    }
}

#[test]
fn counted_requests_are_done_at_their_instant_and_in_order() {
    let clock = TestClock::new();
    let rig = rig(Some(&clock), DriveConfig::new("-drive"));
    rig.drive.submit(7, write(5));
    rig.drive.submit(8, READ);
    assert_eq!(rig.client.take(), []);
    clock.advance_to(latency_ns(512) - 1);
    assert_eq!(rig.client.take(), []);
    clock.advance_to(latency_ns(512));
    assert_eq!(rig.client.take(), [(7, Ok(vec![]))]);
    clock.advance_to(2 * latency_ns(512));
    assert_eq!(rig.client.take(), [(8, Ok(vec![5; 512]))]);
    assert_eq!(clock.deadline(), None);
}

#[test]
fn counted_requests_survive_a_snapshot_and_not_a_reset() {
    let clock = TestClock::new();
    let (used, fresh) = (
        rig(Some(&clock), DriveConfig::new("-drive")),
        rig(Some(&clock), DriveConfig::new("-drive")),
    );
    used.drive.submit(1, write(9));
    check_saved_state(&*used.drive, &*fresh.drive);
    clock.advance(latency_ns(512));
    assert_eq!(fresh.client.take(), [(1, Ok(vec![]))]);
    assert_eq!(fresh.image.bytes.lock()[512], 9);
    fresh.drive.submit(2, READ);
    fresh.drive.reset(ResetPhase::Enter);
    clock.advance(1_000_000_000);
    assert_eq!(fresh.client.take(), []);
}

#[test]
fn what_was_written_shows_in_the_state() {
    let clock = TestClock::new();
    let saved = |value| {
        let rig = rig(Some(&clock), DriveConfig::new("-drive"));
        rig.drive.submit(0, write(value));
        clock.advance(1_000_000);
        rig.drive.save()
    };
    assert_eq!(saved(1), saved(1));
    assert_ne!(saved(1), saved(2));
}

#[test]
fn the_host_does_requests_on_threads_and_the_loop_completes_them() {
    let mut rig = rig(None, DriveConfig::new("-drive"));
    rig.drive.submit(1, write(3));
    rig.drive.submit(2, READ);
    rig.drive.submit(
        3,
        DiskOp::Read {
            offset: 8192,
            length: 512,
        },
    );
    let mut all = rig.wait(3);
    all.sort_by_key(|&(tag, _)| tag);
    assert_eq!(
        all,
        [
            (1, Ok(vec![])),
            (2, Ok(vec![3; 512])),
            (3, Err(DiskError::OutOfRange))
        ]
    );
    rig.drive.submit(4, READ);
    rig.drive.forget();
    rig.drive.settle();
    rig.drive.submit(5, READ);
    assert_eq!(
        rig.wait(1),
        [(5, Ok(vec![3; 512]))],
        "what was forgotten does not come back"
    );
}

#[test]
fn what_happens_when_the_host_fails() {
    for (policy, failure, answer) in [
        (OnError::Report, BlockError::Io, Err(DiskError::Io)),
        (OnError::NoSpace, BlockError::Io, Err(DiskError::Io)),
        (OnError::Ignore, BlockError::NoSpace, Ok(vec![])),
        (OnError::Stop, BlockError::ReadOnly, Err(DiskError::ReadOnly)),
    ] {
        let mut config = DriveConfig::new("-drive");
        config.on_write_error = policy;
        let mut rig = rig(None, config);
        *rig.image.fails.lock() = Some(failure);
        rig.drive.submit(1, write(1));
        assert_eq!(rig.wait(1), [(1, answer)], "{policy:?}, {failure:?}");
        assert!(!rig.requests.take().io_error);
    }
}

#[test]
fn a_full_disk_stops_the_machine_and_cont_tries_again() {
    let mut rig = rig(None, DriveConfig::new("-drive"));
    *rig.image.fails.lock() = Some(BlockError::NoSpace);
    rig.drive.submit(1, write(4));
    rig.drive.settle();
    let lock = BigLock::new();
    rig.main_loop
        .run_once(&mut lock.period(), Timeout::from_ns(50_000_000))
        .unwrap();
    assert!(rig.requests.take().io_error);
    assert_eq!(rig.client.take(), []);
    *rig.image.fails.lock() = None;
    rig.drive.retry();
    assert_eq!(rig.wait(1), [(1, Ok(vec![]))]);
    assert_eq!(rig.image.bytes.lock()[512], 4);
}

#[test]
fn the_tray() {
    let mut config = DriveConfig::new("-cdrom");
    config.media = Media::Cdrom;
    let rig = rig(None, config);
    assert_eq!(
        rig.drive
            .medium()
            .map(|medium| (medium.read_only, medium.block_size)),
        Some((true, 2048))
    );
    rig.drive.eject(true);
    assert_eq!(rig.drive.medium(), None);
    rig.drive.eject(false);
    assert!(rig.drive.medium().is_some());
    rig.drive.change(None);
    assert_eq!(rig.drive.medium(), None);
}
