//! One debugger's conversation: bytes to packets, packets to the debuggee and to orders, stops to packets.

use crate::adapter::Adapter;
use crate::debuggee::{Debuggee, Space, WatchKind};
use crate::packets::{Framing, PACKET, Packet, enclose};
use gdbstub::common::{Signal, Tid};
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStub, MultiThreadStopReason};
use gdbstub::target::ext::base::reverse_exec::ReplayLogPosition;
use gdbstub::target::ext::breakpoints::WatchKind as GdbWatchKind;
use std::convert::Infallible;

/// How a resumed machine moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Every CPU runs, but `steps` execute one instruction (the first that has, stops all), and `held` none.
    Forward {
        /// CPUs that make a single step.
        steps: Vec<usize>,
        /// CPUs that stay where they are.
        held: Vec<usize>,
    },
    /// To the instruction before.
    StepBack {
        /// Whose.
        cpu: usize,
    },
    /// Back to the nearest breakpoint or watchpoint, or to the beginning.
    Back,
}

/// What the machine is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run, and tell by [`Session::stopped`] when and why that ended.
    Resume(Motion),
    /// Stop, and tell by [`Session::stopped`].
    Interrupt,
    /// Run this line in the monitor, and answer by [`Session::answer`].
    Monitor(String),
    /// The debugger leaves: run on without it.
    Detach,
    /// End the machine.
    Kill,
    /// The debugger sent what makes no sense, for this reason; the conversation begins anew.
    Broken(String),
}

/// Why a machine stopped. CPUs are numbered from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Before the instruction at a breakpoint.
    Breakpoint {
        /// Which CPU.
        cpu: usize,
        /// Linear address.
        addr: u64,
    },
    /// After an instruction that accessed watched memory.
    Watch {
        /// Which CPU.
        cpu: usize,
        /// Linear address of the access.
        addr: u64,
        /// What was watched for.
        kind: WatchKind,
    },
    /// A step, forward or back, is done.
    Step {
        /// Which CPU.
        cpu: usize,
    },
    /// Somebody stopped it.
    Interrupted {
        /// The CPU to look at.
        cpu: usize,
    },
    /// There is nothing before this.
    Begin {
        /// The CPU to look at.
        cpu: usize,
    },
    /// The recording ends here.
    End {
        /// The CPU to look at.
        cpu: usize,
    },
    /// The machine is gone, with this status.
    Exited(u8),
}

/// What is to be sent.
#[derive(Default)]
struct Outbox(Vec<u8>);

impl Connection for Outbox {
    type Error = Infallible;

    fn write(&mut self, byte: u8) -> Result<(), Infallible> {
        self.0.push(byte);
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

type State<D> = GdbStubStateMachine<'static, Adapter<D>, Outbox>;

/// One debugger's conversation with a debuggee.
pub struct Session<D: Debuggee> {
    adapter: Adapter<D>,
    framing: Framing,
    /// None only while it is being moved on.
    state: Option<State<D>>,
    /// Packets are not acknowledged any more.
    no_ack: bool,
    output: Vec<u8>,
    orders: Vec<Order>,
}

impl<D: Debuggee> Session<D> {
    /// No conversation yet, about `debuggee`.
    pub fn new(debuggee: D) -> Self {
        Self {
            adapter: Adapter::new(debuggee),
            framing: Framing::default(),
            state: None,
            no_ack: false,
            output: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// A debugger has connected; the machine stands still from now on.
    pub fn begin(&mut self) {
        self.end();
        let stub = GdbStub::builder(Outbox::default())
            .packet_buffer_size(PACKET)
            .build();
        let state = stub
            .ok()
            .and_then(|stub| stub.run_state_machine(&mut self.adapter).ok());
        debug_assert!(state.is_some(), "nothing that could fail depends on the peer");
        self.state = state;
    }

    /// The debugger has gone: its breakpoints go, too.
    pub fn end(&mut self) {
        self.adapter.forget();
        self.framing = Framing::default();
        self.state = None;
        self.no_ack = false;
        self.output.clear();
    }

    /// Whether a debugger is connected.
    pub fn is_open(&self) -> bool {
        self.state.is_some()
    }

    /// Whether the debugger waits for the machine to stop.
    pub fn is_running(&self) -> bool {
        matches!(self.state, Some(GdbStubStateMachine::Running(_)))
    }

    /// The debuggee.
    pub fn debuggee(&mut self) -> &mut D {
        &mut self.adapter.debuggee
    }

    /// Takes what the debugger sent; what is to be done, in order. Memory and registers are asked of the debuggee
    /// meanwhile.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Order> {
        for &byte in bytes {
            if let Some(packet) = self.framing.feed(byte) {
                self.packet(packet);
            }
        }
        std::mem::take(&mut self.orders)
    }

    /// What is to be sent to the debugger.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The machine has stopped by itself, or as it was told. Nothing is said to a debugger that believes it stopped
    /// already.
    pub fn stopped(&mut self, stop: Stop) {
        let reason = self.reason(stop);
        self.drive(|state, adapter| match state {
            GdbStubStateMachine::Running(inner) => {
                inner.report_stop(adapter, reason).map_err(|e| e.to_string())
            }
            other => Ok(other),
        });
    }

    /// Text for the person at the debugger, while it waits for the machine.
    pub fn say(&mut self, text: &str) {
        // In pieces that gdb has room for.
        for piece in text.as_bytes().chunks(PACKET / 4) {
            let mut body = vec![b'O'];
            for byte in piece {
                body.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
            self.output.extend(enclose(&body));
        }
    }

    /// The answer to [`Order::Monitor`].
    pub fn answer(&mut self, text: &str) {
        self.say(text);
        self.output.extend(enclose(b"OK"));
    }

    fn packet(&mut self, packet: Packet) {
        let own = match packet {
            Packet::Plain(bytes) => return self.plain(&bytes),
            Packet::Damaged => {
                self.output.push(b'-');
                return;
            }
            Packet::Monitor(line) => {
                self.orders.push(Order::Monitor(line));
                None
            }
            Packet::SetPhysical(physical) => {
                self.adapter.space = if physical { Space::Physical } else { Space::Virtual };
                Some("OK".to_owned())
            }
            Packet::IsPhysical => Some(u8::from(self.adapter.space == Space::Physical).to_string()),
            Packet::Error(number) => Some(format!("E{number:02x}")),
        };
        if !self.no_ack {
            self.output.push(b'+');
        }
        if let Some(body) = own {
            self.output.extend(enclose(body.as_bytes()));
        }
    }

    fn plain(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.drive(|state, adapter| match state {
                GdbStubStateMachine::Idle(inner) => {
                    inner.incoming_data(adapter, byte).map_err(|e| e.to_string())
                }
                GdbStubStateMachine::Running(inner) => {
                    inner.incoming_data(adapter, byte).map_err(|e| e.to_string())
                }
                other => Ok(other),
            });
        }
        self.no_ack |= bytes.starts_with(b"$QStartNoAckMode#");
    }

    /// Moves the state machine on, and collects what comes of it.
    fn drive(&mut self, act: impl FnOnce(State<D>, &mut Adapter<D>) -> Result<State<D>, String>) {
        let Some(state) = self.state.take() else {
            return;
        };
        let moved = act(state, &mut self.adapter).and_then(|state| self.settle(state));
        match moved {
            Ok(state) => self.state = Some(self.collect(state)),
            Err(reason) => {
                // What it wrote is lost with it; a new conversation answers what comes next.
                self.begin();
                self.orders.push(Order::Broken(reason));
            }
        }
    }

    /// Leaves the states that wait for us.
    fn settle(&mut self, state: State<D>) -> Result<State<D>, String> {
        Ok(match state {
            GdbStubStateMachine::CtrlCInterrupt(inner) => {
                let state = inner
                    .interrupt_handled(&mut self.adapter, None::<MultiThreadStopReason<u64>>)
                    .map_err(|e| e.to_string())?;
                if matches!(state, GdbStubStateMachine::Running(_)) {
                    self.orders.push(Order::Interrupt);
                }
                state
            }
            GdbStubStateMachine::Disconnected(inner) => {
                match inner.get_reason() {
                    DisconnectReason::Disconnect => {
                        self.adapter.forget();
                        self.orders.push(Order::Detach);
                    }
                    DisconnectReason::Kill => self.orders.push(Order::Kill),
                    DisconnectReason::TargetExited(_) | DisconnectReason::TargetTerminated(_) => {}
                }
                inner.return_to_idle()
            }
            state => state,
        })
    }

    fn collect(&mut self, mut state: State<D>) -> State<D> {
        let outbox = match &mut state {
            GdbStubStateMachine::Idle(inner) => inner.borrow_conn(),
            GdbStubStateMachine::Running(inner) => inner.borrow_conn(),
            GdbStubStateMachine::CtrlCInterrupt(inner) => inner.borrow_conn(),
            GdbStubStateMachine::Disconnected(inner) => inner.borrow_conn(),
        };
        self.output.append(&mut outbox.0);
        if let Some(motion) = self.adapter.motion.take() {
            self.orders.push(Order::Resume(motion));
        }
        state
    }

    fn reason(&self, stop: Stop) -> MultiThreadStopReason<u64> {
        let tid = |cpu: usize| Tid::new(cpu + 1).unwrap_or(Tid::MIN);
        let signal = |cpu: usize, signal: Signal| MultiThreadStopReason::SignalWithThread {
            tid: tid(cpu),
            signal,
        };
        match stop {
            Stop::Breakpoint { cpu, addr } if self.adapter.points.software.contains(&addr) => {
                MultiThreadStopReason::SwBreak(tid(cpu))
            }
            Stop::Breakpoint { cpu, .. } => MultiThreadStopReason::HwBreak(tid(cpu)),
            Stop::Watch { cpu, addr, kind } => MultiThreadStopReason::Watch {
                tid: tid(cpu),
                kind: match kind {
                    WatchKind::Write => GdbWatchKind::Write,
                    WatchKind::Read => GdbWatchKind::Read,
                    WatchKind::Access => GdbWatchKind::ReadWrite,
                },
                addr,
            },
            Stop::Begin { cpu } | Stop::End { cpu } if self.adapter.debuggee.replays() => {
                MultiThreadStopReason::ReplayLog {
                    tid: Some(tid(cpu)),
                    pos: if matches!(stop, Stop::Begin { .. }) {
                        ReplayLogPosition::Begin
                    } else {
                        ReplayLogPosition::End
                    },
                }
            }
            Stop::Step { cpu } => signal(cpu, Signal::SIGTRAP),
            Stop::Interrupted { cpu } | Stop::Begin { cpu } | Stop::End { cpu } => {
                signal(cpu, Signal::SIGINT)
            }
            Stop::Exited(status) => MultiThreadStopReason::Exited(status),
        }
    }
}

#[cfg(test)]
mod tests;
