//! A guest with a complete stack (smoltcp's), a card that may be choosy, and the loop that a network needs.

use super::super::{Config, User};
use crate::Context;
use crate::wire::{Abilities, Card, Network, Offload};
use parking_lot::Mutex;
use smoltcp::iface::{Config as IfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, IpEndpoint};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use util_mainloop::clock::{ClockSource, MonotonicClock};
use util_mainloop::timer::TimerList;
use util_mainloop::{MainLoop, Timeout};

pub(super) const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
pub(super) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Frames on their way to the guest.
#[derive(Default)]
pub(super) struct TestCard {
    pub(super) frames: Mutex<VecDeque<Vec<u8>>>,
    /// It has no room.
    pub(super) full: AtomicBool,
    /// Every so many frames one is lost; 0: none.
    pub(super) loses: AtomicU32,
    seen: AtomicU32,
    /// The longest frame that came.
    pub(super) longest: AtomicU32,
}

impl Card for TestCard {
    fn can_receive(&self) -> bool {
        !self.full.load(Ordering::Relaxed) && self.frames.lock().len() < 64
    }

    fn receive(&self, frame: &[u8], offload: Offload) {
        self.longest.fetch_max(frame.len() as u32, Ordering::Relaxed);
        let loses = self.loses.load(Ordering::Relaxed);
        if loses != 0 && self.seen.fetch_add(1, Ordering::Relaxed) % loses == loses - 1 {
            return;
        }
        let mut frames = self.frames.lock();
        match offload.segment {
            Some(cut) => frames.extend(pieces(frame, usize::from(cut.size), usize::from(cut.headers))),
            None => {
                assert!(frame.len() <= 1514, "{}", frame.len());
                let mut frame = frame.to_vec();
                if let Some((start, offset)) = offload.checksum {
                    complete(&mut frame, usize::from(start), usize::from(offset));
                }
                frames.push_back(frame);
            }
        }
    }
}

/// Puts the checksum where the pseudo header's sum is.
fn complete(frame: &mut [u8], start: usize, offset: usize) {
    let sum = !crate::user::checksum::sum(&frame[start..]);
    frame[start + offset..start + offset + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Cuts a TCP segment over IPv4 as a card would.
fn pieces(frame: &[u8], size: usize, headers: usize) -> Vec<Vec<u8>> {
    use crate::user::checksum;
    let payload = &frame[headers..];
    assert!(payload.len() > size);
    let count = payload.len().div_ceil(size);
    let ip = |frame: &[u8], at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
    let (src, dst) = (ip(frame, 26), ip(frame, 30));
    let whole = checksum::pseudo(src, dst, 6, frame.len() - 34);
    assert_eq!(frame[50..52], whole.to_be_bytes(), "the pseudo header's sum");
    let chunks = payload.chunks(size).enumerate();
    chunks
        .map(|(index, part)| {
            let mut out = [&frame[..headers], part].concat();
            let length = (out.len() - 14) as u16;
            out[16..18].copy_from_slice(&length.to_be_bytes());
            out[24..26].fill(0);
            let sum = !checksum::sum(&out[14..34]);
            out[24..26].copy_from_slice(&sum.to_be_bytes());
            let seq = u32::from_be_bytes(out[38..42].try_into().unwrap()).wrapping_add((index * size) as u32);
            out[38..42].copy_from_slice(&seq.to_be_bytes());
            if index + 1 < count {
                // The end and the push belong to the last.
                out[47] &= !0x09;
            }
            let pseudo = checksum::pseudo(src, dst, 6, out.len() - 34);
            out[50..52].copy_from_slice(&pseudo.to_be_bytes());
            complete(&mut out, 34, 16);
            out
        })
        .collect()
}

/// The guest's driver.
struct Driver {
    card: Arc<TestCard>,
    net: Arc<User>,
}

struct Rx(Vec<u8>);
struct Tx(Arc<User>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Tx {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.send(&frame, Offload::default());
        result
    }
}

impl Device for Driver {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx)> {
        let frame = self.card.frames.lock().pop_front()?;
        Some((Rx(frame), Tx(Arc::clone(&self.net))))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx> {
        Some(Tx(Arc::clone(&self.net)))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

fn now() -> Instant {
    Instant::from_micros(MonotonicClock.now_ns() / 1000)
}

/// A loop, a network and a guest.
pub(super) struct Bench {
    pub(super) main_loop: MainLoop,
    pub(super) net: Arc<User>,
    pub(super) card: Arc<TestCard>,
    driver: Driver,
    pub(super) iface: Interface,
    pub(super) sockets: SocketSet<'static>,
}

/// A loop's context, with host time.
pub(super) fn context(main_loop: &MainLoop) -> Context {
    let realtime = TimerList::new(Arc::new(MonotonicClock));
    main_loop.handle().add_timers(&realtime);
    Context {
        main_loop: main_loop.handle(),
        realtime,
    }
}

impl Bench {
    pub(super) fn new(config: Config) -> Self {
        Self::with(config, Abilities::default())
    }

    /// With a card that can do `abilities`, and a guest that has its address.
    pub(super) fn with(config: Config, abilities: Abilities) -> Self {
        let main_loop = MainLoop::new().unwrap();
        let net = Arc::new(User::new(config, &context(&main_loop)).unwrap());
        net.set_card_abilities(abilities);
        let card = Arc::new(TestCard::default());
        let weak: Weak<dyn Card> = Arc::<TestCard>::downgrade(&card);
        net.attach(weak);
        let mut driver = Driver {
            card: Arc::clone(&card),
            net: Arc::clone(&net),
        };
        let config = IfaceConfig::new(HardwareAddress::Ethernet(EthernetAddress(MAC)));
        let mut iface = Interface::new(config, &mut driver, now());
        iface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(GUEST.into(), 24)).unwrap();
        });
        iface.routes_mut().add_default_ipv4_route(HOST).unwrap();
        Self {
            main_loop,
            net,
            card,
            driver,
            iface,
            sockets: SocketSet::new(Vec::new()),
        }
    }

    /// A moment of everything.
    pub(super) fn turn(&mut self) {
        self.main_loop
            .run_once(&mut (), Timeout::from_ns(200_000))
            .unwrap();
        let had_room = self.card.can_receive();
        self.iface.poll(now(), &mut self.driver, &mut self.sockets);
        if !had_room && self.card.can_receive() {
            self.net.accept_input();
        }
    }

    /// Turns until `done` gives something; panics if it does not for ten seconds.
    pub(super) fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = MonotonicClock.now_ns() + 10_000_000_000;
        loop {
            if let Some(result) = done(self) {
                return result;
            }
            assert!(
                MonotonicClock.now_ns() < end,
                "nothing came\n{}",
                self.net.table()
            );
            self.turn();
        }
    }

    /// Turns for so long.
    pub(super) fn pass(&mut self, ms: i64) {
        let end = MonotonicClock.now_ns() + ms * 1_000_000;
        while MonotonicClock.now_ns() < end {
            self.turn();
        }
    }

    pub(super) fn udp(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 16], vec![0; 65_536]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    pub(super) fn udp_send(&mut self, handle: SocketHandle, data: &[u8], to: SocketAddrV4) {
        let socket = self.sockets.get_mut::<udp::Socket>(handle);
        let to = IpEndpoint::new((*to.ip()).into(), to.port());
        socket.send_slice(data, to).unwrap();
    }

    pub(super) fn udp_receive(&mut self, handle: SocketHandle) -> (Vec<u8>, String) {
        self.until(|bench| {
            let socket = bench.sockets.get_mut::<udp::Socket>(handle);
            let (data, from) = socket.recv().ok()?;
            Some((data.to_vec(), from.endpoint.to_string()))
        })
    }

    pub(super) fn tcp(&mut self) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 256 << 10]);
        self.sockets.add(tcp::Socket::new(buffer(), buffer()))
    }

    pub(super) fn tcp_connect(&mut self, to: SocketAddrV4, port: u16) -> SocketHandle {
        let handle = self.tcp();
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        let to = IpEndpoint::new((*to.ip()).into(), to.port());
        socket.connect(self.iface.context(), to, port).unwrap();
        handle
    }

    pub(super) fn tcp_socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut::<tcp::Socket>(handle)
    }

    /// Sends all of `data` and takes what comes until the other side closes.
    pub(super) fn exchange(&mut self, handle: SocketHandle, data: &[u8]) -> Vec<u8> {
        let (mut sent, mut received) = (0, Vec::new());
        let mut buffer = vec![0; 65_536];
        self.until(|bench| {
            let before = (sent, received.len());
            let socket = bench.sockets.get_mut::<tcp::Socket>(handle);
            if socket.may_send() && sent < data.len() {
                sent += socket.send_slice(&data[sent..]).unwrap();
                if sent == data.len() {
                    socket.close();
                }
            }
            while let Ok(count @ 1..) = socket.recv_slice(&mut buffer) {
                received.extend_from_slice(&buffer[..count]);
            }
            let over = !socket.may_recv() && sent == data.len() && socket.state() != tcp::State::SynSent;
            // As long as something moves, there is time.
            if before != (sent, received.len()) {
                bench.turn();
            }
            over.then_some(())
        });
        received
    }
}
