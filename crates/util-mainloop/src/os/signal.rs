//! Signals as readable events: SIGTERM, SIGHUP, SIGWINCH and their like arrive in the loop, not on some stack.
//!
//! The signals are blocked on the calling thread and on every thread it starts afterwards, so make the
//! [`SignalFd`] before any other thread.

#![allow(unsafe_code)] // signalfd and the signal mask have no safe binding in rustix.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Continued after having been stopped.
pub const SIGCONT: i32 = libc::SIGCONT;
/// Hang-up of the controlling terminal.
pub const SIGHUP: i32 = libc::SIGHUP;
/// Interrupt from the terminal (Ctrl-C, unless the terminal is raw).
pub const SIGINT: i32 = libc::SIGINT;
/// Request to end.
pub const SIGTERM: i32 = libc::SIGTERM;
/// The terminal window has another size.
pub const SIGWINCH: i32 = libc::SIGWINCH;

/// A signal that arrived, and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The signal's number.
    pub number: i32,
    /// The sending process; 0 for the kernel.
    pub pid: u32,
    /// The sending user.
    pub uid: u32,
}

/// A descriptor that is readable while one of its signals is pending. Watch it with
/// [`LoopHandle::add_fd`](crate::LoopHandle::add_fd). Dropping it restores the signal mask it found, if on the same thread.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
    before: libc::sigset_t,
    thread: u64,
}

impl SignalFd {
    /// Blocks `signals` and makes them readable.
    ///
    /// # Errors
    /// A number that is no signal, or no descriptor left.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set it is given.
        let mut set: libc::sigset_t = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        for &signal in signals {
            // SAFETY: `set` is initialised; an invalid number is refused by the call.
            if unsafe { libc::sigaddset(&raw mut set, signal) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: `set` is initialised; flags are valid.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has just made this descriptor, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut before = MaybeUninit::uninit();
        // SAFETY: `set` is initialised, `before` is room for the old mask, which the call fills in on success.
        let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, before.as_mut_ptr()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: pthread_sigmask succeeded, so it has filled the old mask in.
        let before = unsafe { before.assume_init() };
        Ok(Self {
            fd,
            before,
            thread: crate::thread::number(),
        })
    }

    /// The next pending signal; none if there is none. Equal signals may have been merged into one.
    ///
    /// # Errors
    /// What the host's read failed with.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        loop {
            // SAFETY: `info` is `size` writable bytes.
            let got = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
            if usize::try_from(got).is_ok_and(|got| got == size) {
                // SAFETY: signalfd fills whole records, and any bytes are a valid record of integers.
                let info = unsafe { info.assume_init() };
                return Ok(Some(Signal {
                    number: info.ssi_signo.cast_signed(),
                    pid: info.ssi_pid,
                    uid: info.ssi_uid,
                }));
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Ok(None),
                _ => return Err(error),
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for SignalFd {
    fn drop(&mut self) {
        if self.thread == crate::thread::number() {
            // SAFETY: `before` is a mask that pthread_sigmask has filled in.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn signals_arrive_in_the_loop() {
        // On a thread of its own: the mask is per thread, and the test harness keeps its signals.
        std::thread::spawn(|| {
            let fd = Arc::new(SignalFd::new(&[SIGWINCH]).unwrap());
            assert_eq!(fd.read().unwrap(), None);
            let mut main_loop = crate::MainLoop::new().unwrap();
            let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
            main_loop
                .handle()
                .add_fd(Arc::clone(&fd), crate::Interest::READ, {
                    let seen = Arc::clone(&seen);
                    move |_| seen.lock().extend(fd.read().unwrap())
                });
            // SAFETY: sends a signal to this thread, where it is blocked and so harmless.
            unsafe { libc::pthread_kill(libc::pthread_self(), SIGWINCH) };
            main_loop.run_once(&mut (), crate::Timeout::NEVER).unwrap();
            let seen = seen.lock();
            assert_eq!(seen[0].number, SIGWINCH);
            assert_eq!(seen[0].pid, std::process::id());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(SignalFd::new(&[9999]).is_err());
    }
}
