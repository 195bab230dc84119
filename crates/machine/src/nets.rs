//! Networks: what cards send goes to a backend, what the backend has for a card comes by the machine's queue.
//!
//! Frames of a card flow straight out. Frames for a card are, in a recorded run, events that reach it at an instant of the
//! log; a replay takes them from there, and sends nothing out. Mirrors QEMU's `net/filter-replay.c`, without being asked for.

use anyhow::{Context as _, Result, anyhow, bail};
use hw_core::net::Segment;
use hw_core::{NetClient, NetPort, Offload, OffloadAbilities, VirtualClock};
use net::{Abilities, Card, Context, Dump, Kind, Network, SNAP_LENGTH, Socket, Spec, User};
use parking_lot::Mutex;
use replay::{Event, Mode, Replay};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

/// A copy of all frames of a network in a file (`-object filter-dump`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpConfig {
    /// The network's id.
    pub network: String,
    /// The file, in pcap format.
    pub file: PathBuf,
    /// Most bytes kept of a frame; none is the usual limit.
    pub limit: Option<u32>,
}

/// All networks of a machine.
#[derive(Default)]
pub(crate) struct Nets {
    /// In the order in which they were given, which is that of their numbers in a log.
    pub all: Vec<Arc<Net>>,
}

/// Bits of an event's flags.
const VERIFIED: u32 = 1;
const CHECKSUM: u32 = 2;
const SEGMENT: u32 = 4;
const IPV6: u32 = 8;
/// Bytes in front of the frame, if a checksum or a segment is left to the card: four numbers of 16 bits.
const PREFIX: usize = 8;

/// A card's way out, and in.
pub(crate) struct Net {
    id: String,
    /// The number by which events name it.
    filter: u32,
    /// None in a replay, where nobody is outside.
    network: Option<Arc<dyn Network>>,
    /// The same, if it is a NAT.
    user: Option<Arc<User>>,
    /// A function of the options alone: a card shows them to the guest, in a replay, too.
    abilities: Abilities,
    dump: Option<(Dump, VirtualClock)>,
    replay: OnceLock<Arc<Replay>>,
    card: Mutex<Option<Weak<dyn NetClient>>>,
}

impl Nets {
    /// Opens `specs`. A replay opens none.
    ///
    /// # Errors
    /// `-netdev ID: reason` for the first that cannot be had.
    pub fn open(
        specs: &[Spec],
        dumps: &[DumpConfig],
        is_replay: bool,
        context: &Context,
        clock: &VirtualClock,
    ) -> Result<Self> {
        let mut nets = Self::default();
        for spec in specs {
            let id = spec.id.clone().unwrap_or_default();
            if nets.find(&id).is_some() {
                bail!("-netdev {id}: Duplicate ID '{id}' for netdev");
            }
            let refuse = |reason: String| anyhow!("-netdev {id}: {reason}");
            let (network, user, abilities): (Option<Arc<dyn Network>>, _, _) = match &spec.kind {
                Kind::None => continue,
                Kind::User(_) if is_replay => (None, None, User::ABILITIES),
                Kind::User(config) => {
                    let user =
                        User::new((**config).clone(), context).map_err(|error| refuse(error.to_string()))?;
                    let user = Arc::new(user);
                    (Some(Arc::clone(&user) as _), Some(user), User::ABILITIES)
                }
                Kind::Socket(_) if is_replay => (None, None, Abilities::default()),
                Kind::Socket(spec) => {
                    let socket = Socket::new(spec, context).map_err(|error| refuse(error.to_string()))?;
                    (Some(Arc::new(socket) as _), None, Abilities::default())
                }
            };
            let dump = dumps.iter().find(|dump| dump.network == id);
            let dump = dump
                .map(|dump| {
                    Dump::create(&dump.file, dump.limit.unwrap_or(SNAP_LENGTH))
                        .with_context(|| format!("-object filter-dump: {}", dump.file.display()))
                })
                .transpose()?;
            nets.all.push(Arc::new(Net {
                id,
                filter: nets.all.len() as u32,
                network,
                user,
                abilities,
                dump: dump.map(|dump| (dump, clock.clone())),
                replay: OnceLock::new(),
                card: Mutex::default(),
            }));
        }
        if let Some(dump) = dumps.iter().find(|dump| nets.find(&dump.network).is_none()) {
            bail!("-object filter-dump: there is no netdev '{}'", dump.network);
        }
        Ok(nets)
    }

    /// From now on frames arrive, by way of this log if there is one.
    pub fn connect(&self, replay: &Arc<Replay>) {
        for net in &self.all {
            // Once a machine.
            let _ = net.replay.set(Arc::clone(replay));
            if let Some(network) = &net.network {
                let weak: Weak<Net> = Arc::downgrade(net);
                network.attach(weak);
            }
        }
    }

    /// The network with this id.
    pub fn find(&self, id: &str) -> Option<&Arc<Net>> {
        self.all.iter().find(|net| net.id == id)
    }

    /// Text of the monitor's `info network`.
    pub fn describe(&self) -> String {
        self.all.iter().map(|net| net.describe()).collect()
    }

    /// Text of the monitor's `info usernet`.
    pub fn describe_connections(&self) -> String {
        let tables = self
            .all
            .iter()
            .filter_map(|net| Some((&net.id, net.user.as_ref()?)));
        tables
            .map(|(id, user)| format!("{id}:\n{}", user.table()))
            .collect()
    }

    /// Adds a rule by which connections to the host reach the guest, or removes one.
    ///
    /// # Errors
    /// There is no such network, or the rule makes no sense.
    pub fn host_forward(&self, id: Option<&str>, rule: &str, add: bool) -> Result<(), String> {
        let mut users = self
            .all
            .iter()
            .filter_map(|net| Some((&net.id, net.user.as_ref()?)));
        let user = users.find(|(name, _)| id.is_none_or(|id| id == name.as_str()));
        let (_, user) = user.ok_or_else(|| match id {
            Some(id) => format!("unrecognized netdev id '{id}'"),
            None => "there is no user-mode network".to_owned(),
        })?;
        if add {
            user.add_host_forward(rule).map_err(|error| error.to_string())
        } else {
            user.remove_host_forward(rule)
        }
    }
}

impl Net {
    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn mode(&self) -> Mode {
        self.replay.get().map_or(Mode::None, |replay| replay.mode())
    }

    fn note(&self, frame: &[u8]) {
        if let Some((dump, clock)) = &self.dump {
            dump.add(clock.now_ns(), frame);
        }
    }

    fn deliver(&self, frame: &[u8], offload: Offload) {
        if let Some(card) = self.card() {
            self.note(frame);
            card.receive(frame, offload);
        }
    }

    fn card(&self) -> Option<Arc<dyn NetClient>> {
        self.card.lock().as_ref().and_then(Weak::upgrade)
    }

    /// A frame of the log reaches the card, on the vCPUs' thread.
    pub fn arrive(&self, flags: u32, bytes: &[u8]) {
        if let Some((frame, offload)) = decode(flags, bytes) {
            self.deliver(frame, offload);
        }
        // There is room in the queue again.
        self.accepts_input();
    }

    fn describe(&self) -> String {
        let network = self.network.as_ref();
        let network = network.map_or_else(|| "what the log has".to_owned(), |network| network.describe());
        format!("{}: {network}\n", self.id)
    }
}

/// A frame as an event holds it.
fn encode(frame: &[u8], offload: Offload) -> (u32, Vec<u8>) {
    let mut flags = if offload.verified { VERIFIED } else { 0 };
    let mut numbers = [0u16; PREFIX / 2];
    if let Some((start, offset)) = offload.checksum {
        flags |= CHECKSUM;
        numbers[..2].copy_from_slice(&[start, offset]);
    }
    if let Some(segment) = offload.segment {
        flags |= SEGMENT | if segment.ipv6 { IPV6 } else { 0 };
        numbers[2..].copy_from_slice(&[segment.size, segment.headers]);
    }
    let mut bytes = Vec::with_capacity(PREFIX + frame.len());
    if flags & (CHECKSUM | SEGMENT) != 0 {
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    bytes.extend_from_slice(frame);
    (flags, bytes)
}

/// The frame in an event; none if the event is damaged.
fn decode(flags: u32, bytes: &[u8]) -> Option<(&[u8], Offload)> {
    let mut offload = Offload {
        verified: flags & VERIFIED != 0,
        ..Offload::default()
    };
    if flags & (CHECKSUM | SEGMENT) == 0 {
        return Some((bytes, offload));
    }
    let (prefix, frame) = bytes.split_at_checked(PREFIX)?;
    let number = |at: usize| u16::from_le_bytes([prefix[2 * at], prefix[2 * at + 1]]);
    offload.checksum = (flags & CHECKSUM != 0).then(|| (number(0), number(1)));
    offload.segment = (flags & SEGMENT != 0).then(|| Segment {
        ipv6: flags & IPV6 != 0,
        size: number(2),
        headers: number(3),
    });
    Some((frame, offload))
}

impl NetPort for Net {
    fn send(&self, frame: &[u8], offload: Offload) {
        self.note(frame);
        let (Some(network), Mode::None | Mode::Record) = (&self.network, self.mode()) else {
            return;
        };
        let segment = offload.segment.map(|segment| net::Segment {
            ipv6: segment.ipv6,
            size: segment.size,
            headers: segment.headers,
        });
        network.send(
            frame,
            net::Offload {
                checksum: offload.checksum,
                segment,
                verified: offload.verified,
            },
        );
    }

    fn abilities(&self) -> OffloadAbilities {
        let Abilities { checksum, segment } = self.abilities;
        OffloadAbilities { checksum, segment }
    }

    fn set_card_abilities(&self, abilities: OffloadAbilities) {
        let OffloadAbilities { checksum, segment } = abilities;
        if let Some(network) = &self.network {
            network.set_card_abilities(Abilities { checksum, segment });
        }
    }

    fn accepts_input(&self) {
        if let Some(network) = &self.network {
            network.accept_input();
        }
    }

    fn attach(&self, client: Weak<dyn NetClient>) {
        *self.card.lock() = Some(client);
    }
}

impl Card for Net {
    fn can_receive(&self) -> bool {
        let has_room = |card: Arc<dyn NetClient>| card.can_receive();
        match (self.mode(), self.replay.get()) {
            // What the card cannot take when it arrives is lost, as on a wire; the queue must not grow.
            (Mode::Record, Some(replay)) => replay.has_room_for_frames() && self.card().is_some_and(has_room),
            (Mode::Play, _) => true,
            _ => self.card().is_some_and(has_room),
        }
    }

    fn receive(&self, frame: &[u8], offload: net::Offload) {
        let offload = Offload {
            checksum: offload.checksum,
            segment: offload.segment.map(|segment| Segment {
                ipv6: segment.ipv6,
                size: segment.size,
                headers: segment.headers,
            }),
            verified: offload.verified,
        };
        match (self.mode(), self.replay.get()) {
            (Mode::Record | Mode::Play, Some(replay)) => {
                let (flags, bytes) = encode(frame, offload);
                let filter = self.filter;
                let _ = replay.submit(Event::Net { filter, flags, bytes });
            }
            _ => self.deliver(frame, offload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_pass_through_events() {
        let segment = Segment {
            ipv6: true,
            size: 1460,
            headers: 74,
        };
        for offload in [
            Offload::default(),
            Offload {
                verified: true,
                ..Offload::default()
            },
            Offload {
                checksum: Some((34, 16)),
                ..Offload::default()
            },
            Offload {
                checksum: Some((34, 16)),
                segment: Some(segment),
                verified: false,
            },
            Offload {
                segment: Some(Segment {
                    ipv6: false,
                    ..segment
                }),
                ..Offload::default()
            },
        ] {
            let (flags, bytes) = encode(b"frame", offload);
            assert_eq!(
                decode(flags, &bytes),
                Some((&b"frame"[..], offload)),
                "{offload:?}"
            );
        }
        assert_eq!(decode(CHECKSUM, b"short"), None);
    }
}
