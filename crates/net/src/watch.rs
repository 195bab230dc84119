//! A descriptor of the host's that the main loop watches for as long as its owner lives.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use util_mainloop::{FdToken, Interest, LoopHandle, Ready};

/// An open descriptor and the loop's interest in it.
pub(crate) struct Watch {
    main_loop: LoopHandle,
    fd: Arc<OwnedFd>,
    token: FdToken,
    interest: Interest,
}

impl Watch {
    /// Has `handler` called on the loop's thread whenever `fd`, which does not block, is ready as `interest` says.
    pub(crate) fn new(
        main_loop: &LoopHandle,
        fd: OwnedFd,
        interest: Interest,
        handler: impl FnMut(Ready) + Send + 'static,
    ) -> Self {
        let fd = Arc::new(fd);
        let token = main_loop.add_fd(Arc::clone(&fd), interest, handler);
        Self {
            main_loop: main_loop.clone(),
            fd,
            token,
            interest,
        }
    }

    /// Changes the interest.
    pub(crate) fn set(&mut self, interest: Interest) {
        if self.interest != interest {
            self.interest = interest;
            self.main_loop.set_interest(self.token, interest);
        }
    }

    /// What it is watched for.
    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.main_loop.remove_fd(self.token);
    }
}
