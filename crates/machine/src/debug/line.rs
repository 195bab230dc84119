//! The character device of a protocol server: what arrives is kept for the main loop's next turn, and taken in pieces
//! only as fast as the peer takes the answers.

use chardev::{Chardev, Event, Frontend};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Bytes kept until they are worked on; more stay with the host.
const ROOM: usize = 16 << 10;
/// Bytes worked on before somebody looks whether the peer still reads.
const PIECE: usize = 512;
/// With so many bytes waiting for the peer nothing more is worked on. What one piece asks for comes on top.
const CLOGGED: usize = 1 << 20;

/// What happened.
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
    news: Mutex<VecDeque<News>>,
}

impl Frontend for Inbox {
    fn can_receive(&self) -> usize {
        let len = |news: &News| match news {
            News::Bytes(bytes) => bytes.len(),
            News::Opened | News::Closed => 0,
        };
        ROOM - self.news.lock().iter().map(len).sum::<usize>().min(ROOM)
    }

    fn receive(&self, data: &[u8]) {
        let mut news = self.news.lock();
        if let Some(News::Bytes(bytes)) = news.back_mut() {
            bytes.extend_from_slice(data);
        } else {
            news.push_back(News::Bytes(data.to_vec()));
        }
    }

    fn event(&self, event: Event) {
        let mut news = self.news.lock();
        match event {
            // What is left of an earlier connection has nobody to be answered to; and a peer that comes and goes fills
            // nothing.
            Event::Opened => {
                news.clear();
                news.extend([News::Closed, News::Opened]);
            }
            Event::Closed => news.push_back(News::Closed),
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

    /// Whether the peer does not read: nothing is worked on until it does.
    pub fn is_clogged(&self) -> bool {
        self.backend.waiting() > CLOGGED
    }

    /// Whether [`Line::next`] has something.
    pub fn has_news(&self) -> bool {
        match self.inbox.news.lock().front() {
            None => false,
            Some(News::Bytes(_)) => !self.is_clogged(),
            Some(News::Opened | News::Closed) => true,
        }
    }

    /// Looks whether anything that waits is what `ends` means, and takes nothing. For journeys through a replay.
    pub fn look(&self, ends: fn(&News) -> bool) -> impl Fn() -> bool + Send + Sync + 'static {
        let inbox = Arc::clone(&self.inbox);
        move || inbox.news.lock().iter().any(ends)
    }

    /// The next thing that happened, if it can be worked on.
    pub fn next(&self) -> Option<News> {
        if !self.has_news() {
            return None;
        }
        let mut inbox = self.inbox.news.lock();
        let mut news = inbox.pop_front()?;
        if let News::Bytes(bytes) = &mut news {
            // What ends a long command must not be taken together with it.
            let interrupt = bytes.iter().position(|&byte| byte == 0x03);
            let len = interrupt.map_or(PIECE, |at| at.clamp(1, PIECE));
            if bytes.len() > len {
                let rest = bytes.split_off(len);
                inbox.push_front(News::Bytes(rest));
            }
        }
        drop(inbox);
        self.backend.accept_input();
        Some(news)
    }

    /// Sends.
    pub fn send(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.backend.write(bytes);
        }
    }

    /// Waits until the host has taken everything, as long as it takes some. For the end.
    pub fn flush(&self) {
        self.backend.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A peer that does not read.
    #[derive(Default)]
    struct Wall {
        frontend: Mutex<Option<Weak<dyn Frontend>>>,
        waiting: AtomicUsize,
    }

    impl Chardev for Wall {
        fn write(&self, data: &[u8]) {
            self.waiting.fetch_add(data.len(), Ordering::Relaxed);
        }
        fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), chardev::InUse> {
            *self.frontend.lock() = Some(frontend);
            Ok(())
        }
        fn accept_input(&self) {}
        fn flush(&self) {}
        fn describe(&self) -> String {
            "wall".into()
        }
        fn waiting(&self) -> usize {
            self.waiting.load(Ordering::Relaxed)
        }
    }

    fn line() -> (Line, Arc<Wall>, Arc<dyn Frontend>) {
        let wall = Arc::new(Wall::default());
        let line = Line::new(Arc::clone(&wall) as _).expect("nobody else");
        let frontend = wall.frontend.lock().as_ref().and_then(Weak::upgrade);
        (line, wall, frontend.expect("it is alive"))
    }

    #[test]
    fn a_peer_that_does_not_read_is_not_worked_for() {
        let (line, wall, frontend) = line();
        frontend.event(Event::Opened);
        let mut sent = 0;
        for _ in 0..100 {
            let room = frontend.can_receive();
            if room > 0 {
                frontend.receive(&vec![b'x'; room]);
                sent += room;
            }
            while let Some(news) = line.next() {
                if let News::Bytes(bytes) = news {
                    assert!(bytes.len() <= PIECE);
                    line.send(&vec![0; 100 * bytes.len()]);
                }
            }
        }
        assert!(line.is_clogged() && !line.has_news());
        assert!(wall.waiting() <= CLOGGED + 100 * PIECE, "{}", wall.waiting());
        assert!(sent <= CLOGGED / 100 + ROOM + PIECE, "{sent}");
        wall.waiting.store(0, Ordering::Relaxed);
        assert!(line.has_news());
    }

    /// Ctrl-C is seen while the order before it is carried out, and taken by itself.
    #[test]
    fn ctrl_c_is_not_taken_with_an_order() {
        let (line, _, frontend) = line();
        let look = line.look(|news| matches!(news, News::Bytes(bytes) if bytes.contains(&0x03)));
        frontend.receive(b"$bc#c5");
        assert!(!look());
        frontend.receive(b"\x03$g#67");
        for (taken, waits) in [("$bc#c5", true), ("\x03", false), ("$g#67", false)] {
            assert_eq!(line.next(), Some(News::Bytes(taken.into())));
            assert_eq!(look(), waits, "behind {taken:?}");
        }
        assert_eq!(line.next(), None);
    }

    #[test]
    fn peers_that_come_and_go_fill_nothing() {
        let (line, _, frontend) = line();
        for _ in 0..1000 {
            frontend.event(Event::Opened);
            frontend.receive(b"hello");
            frontend.event(Event::Closed);
        }
        let news: Vec<_> = std::iter::from_fn(|| line.next()).collect();
        assert_eq!(
            news,
            [
                News::Closed,
                News::Opened,
                News::Bytes(b"hello".to_vec()),
                News::Closed
            ]
        );
    }
}
