//! What hangs on the board: drives, networks, cards, the way for keys.
//!
//! Drives are opened before there is a board, which has some of them on its own controllers; everything else is made for the
//! board's slots and becomes a part of it. Nothing of that has begun to work when the board is complete.

use crate::cards::Wires;
use crate::drives::{Drives, Interface, Pace};
use crate::input::Input;
use crate::nets::Nets;
use crate::requests::Requests;
use crate::rng::{Rng, Source};
use crate::rr::Log;
use crate::virtual_time::VirtualTime;
use crate::{Config, DeviceConfig, Time};
use anyhow::{Context, Result};
use hw_core::VirtualClock;
use hw_i386::VgaConfig;
use hw_i386::pc::Pc;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use target_i386::CpuState;
use util_mainloop::LoopHandle;

/// The last byte of the first Ethernet address, as under QEMU.
const FIRST_MAC: u8 = 0x56;

/// Everything that was plugged in, as far as the machine has to do with it.
pub struct Peripherals {
    pub drives: Arc<Drives>,
    pub nets: Arc<Nets>,
    pub input: Arc<Input>,
}

/// Opens the drives of `config`.
///
/// # Errors
/// The first that cannot be had, in words for the user.
pub fn open_drives(
    config: &Config,
    main_loop: &LoopHandle,
    time: &VirtualTime,
    requests: &Arc<Requests>,
) -> Result<Drives> {
    let is_logged = !matches!(config.log, Log::None);
    let pace = || match config.time {
        Time::Host => Pace::Host(main_loop.clone()),
        Time::Counted(..) => Pace::Counted(VirtualClock::new(Arc::clone(&time.virtual_timers))),
    };
    Drives::open(&config.drives, is_logged, pace, requests)
}

impl Peripherals {
    /// Makes the cards and networks of `config` and plugs them into `pc`, which is complete then.
    ///
    /// # Errors
    /// The first that cannot be had, in words for the user.
    pub fn plug(
        config: &Config,
        mut pc: Pc,
        mut drives: Drives,
        main_loop: &LoopHandle,
        time: &VirtualTime,
    ) -> Result<(Arc<Pc>, Self)> {
        let clock = VirtualClock::new(Arc::clone(&time.virtual_timers));
        let context = net::Context {
            main_loop: main_loop.clone(),
            realtime: Arc::clone(&time.realtime_timers),
        };
        let is_replay = matches!(config.log, Log::Replay(_));
        let nets = Nets::open(&config.networks, &config.dumps, is_replay, &context, &clock)?;
        let ports = nets
            .all
            .iter()
            .map(|net| (net.id().to_owned(), Arc::clone(net) as _));
        let is_counted = matches!(config.time, Time::Counted(..));
        let entropy = |name: String| {
            let source = if is_counted {
                Source::Seed(CpuState::default().entropy)
            } else {
                let file = File::open("/dev/urandom").map_err(|error| format!("/dev/urandom: {error}"))?;
                Source::Host(file)
            };
            Ok(Rng::new(name, source, &clock))
        };
        let mut wires = Wires {
            drives: &mut drives,
            nets: ports.collect(),
            chars: BTreeMap::new(),
            entropy: &entropy,
            rngs: Vec::new(),
            next_mac: FIRST_MAC,
        };
        if config.vga {
            pc.plug_vga(VgaConfig::default(), &config.firmware.video)
                .context("-vga std")?;
        }
        for device in &config.devices {
            wires.plug(&mut pc, device)?;
        }
        for id in wires.drives.ids(Interface::Virtio) {
            wires.plug(&mut pc, &DeviceConfig::new("virtio-blk-pci", &[("drive", &id)]))?;
        }
        wires.rngs.into_iter().for_each(|rng| pc.add_device(rng));
        for drive in &drives.all {
            pc.add_device(Arc::clone(drive) as _);
        }
        let input = Input::new(&clock);
        pc.add_device(Arc::clone(&input) as _);
        let pc = Arc::new(pc);
        input.connect(&pc);
        let peripherals = Self {
            drives: Arc::new(drives),
            nets: Arc::new(nets),
            input,
        };
        Ok((pc, peripherals))
    }
}
