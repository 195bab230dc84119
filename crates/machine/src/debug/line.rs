//! The character device of a protocol server: what arrives is kept for the main loop's next turn.

use chardev::{Chardev, Event, Frontend};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Bytes kept until the next turn; more stay with the host.
const ROOM: usize = 64 << 10;

/// What happened since the last turn, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// Somebody connected.
    Opened,
    /// The connection ended.
    Closed,
    /// Bytes.
    Bytes(Vec<u8>),
}

#[derive(Default)]
struct Inbox {
    news: Mutex<Vec<News>>,
}

impl Inbox {
    fn waiting(news: &[News]) -> usize {
        let len = |news: &News| match news {
            News::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        news.iter().map(len).sum()
    }
}

impl Frontend for Inbox {
    fn can_receive(&self) -> usize {
        ROOM - Self::waiting(&self.news.lock()).min(ROOM)
    }

    fn receive(&self, data: &[u8]) {
        let mut news = self.news.lock();
        if let Some(News::Bytes(bytes)) = news.last_mut() {
            bytes.extend_from_slice(data);
        } else {
            news.push(News::Bytes(data.to_vec()));
        }
    }

    fn event(&self, event: Event) {
        let mut news = self.news.lock();
        match event {
            Event::Opened => news.push(News::Opened),
            Event::Closed => {
                // What it sent before it went is still worth an answer to nobody; what it asked for is done.
                news.push(News::Closed);
            }
            Event::Break | Event::FocusIn | Event::FocusOut => {}
        }
    }
}

/// A server's end of a character device.
pub struct Line {
    backend: Arc<dyn Chardev>,
    inbox: Arc<Inbox>,
}

impl Line {
    /// Takes `backend` for itself.
    ///
    /// # Errors
    /// It has a user already.
    pub fn new(backend: Arc<dyn Chardev>) -> Result<Self, chardev::InUse> {
        let inbox = Arc::new(Inbox::default());
        let frontend: Weak<dyn Frontend> = Arc::downgrade(&inbox) as Weak<dyn Frontend>;
        backend.attach(frontend)?;
        Ok(Self { backend, inbox })
    }

    /// Whether something has happened.
    pub fn has_news(&self) -> bool {
        !self.inbox.news.lock().is_empty()
    }

    /// What has happened; there is room for more now.
    pub fn take(&self) -> Vec<News> {
        let news = std::mem::take(&mut *self.inbox.news.lock());
        self.backend.accept_input();
        news
    }

    /// Sends.
    pub fn send(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.backend.write(bytes);
        }
    }

    /// Waits until the host has taken everything. For the end.
    pub fn flush(&self) {
        self.backend.flush();
    }
}
