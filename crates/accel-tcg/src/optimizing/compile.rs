//! The thread that compiles regions: one for a machine, with a [`Client`] for each vCPU. It sees copied bytes only:
//! what it gets is lowered, compiled and placed, and the address goes back to the vCPU, which decides whether the region
//! is still true. What a vCPU retires comes back here once no vCPU can be inside it.

#![allow(clippy::result_large_err)] // Cranelift's error is what it is

use super::listing::{Listing, Wish};
use super::module::{Full, RegionModule};
use super::reclaim::Seat;
use crate::code_buffer::{CodeBuffer, Mapping};
use cranelift_codegen::Context;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_module::{FuncId, Module, ModuleError};
use crossbeam_epoch::Collector;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use target_i386::clif::{self, Lowering, Region};
use util_mainloop::clock::{ClockSource, MonotonicClock};

/// What a region was asked for as: comes back with the answer.
pub type Ticket = u64;

enum Request {
    Compile(Ticket, Box<Region>, Sender<Answer>),
    /// Nobody executes this function any more.
    Forget(FuncId),
    Quit,
}

/// A compiled region.
pub struct Compiled {
    /// Number in the module.
    pub id: FuncId,
    /// Host address.
    pub code: u64,
    /// Bytes of host code.
    pub len: usize,
    /// What it was made from.
    pub region: Box<Region>,
    /// What is shown of it, if somebody wants to see it.
    pub listing: Option<Box<Listing>>,
}

/// An answer.
pub struct Answer {
    /// Of which request.
    pub ticket: Ticket,
    /// The region; none if it cannot be compiled.
    pub compiled: Option<Compiled>,
    /// So many bytes were missing.
    pub full: Option<usize>,
    /// Nanoseconds that it took.
    pub time: i64,
}

/// The compiling thread of a machine.
pub struct Compiler {
    requests: Sender<Request>,
    thread: Option<JoinHandle<()>>,
    /// Who may be inside its code.
    collector: Collector,
    /// Keeps the code mapped whatever becomes of the thread.
    _mapping: Arc<Mapping>,
    size: usize,
}

/// The compiling thread as a vCPU sees it.
pub struct Client {
    answers: Receiver<Answer>,
    /// For requests.
    answering: Sender<Answer>,
    /// Of the vCPU among those that execute what was compiled.
    seat: Seat,
    compiler: Arc<Compiler>,
}

/// Cranelift for this host.
///
/// # Errors
/// Cranelift does not know the host.
pub fn host_isa() -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("regalloc_algorithm", "backtracking"),
        (
            "enable_verifier",
            if cfg!(debug_assertions) { "true" } else { "false" },
        ),
        ("unwind_info", "false"),
        ("machine_code_cfg_info", "false"),
        ("enable_probestack", "false"),
    ] {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    cranelift_native::builder()?
        .finish(Flags::new(flags))
        .map_err(|error| error.to_string())
}

/// Lowers and compiles regions into a module.
struct Worker {
    module: RegionModule,
    context: Context,
    lowering: Lowering,
    slow: FuncId,
    wish: Wish,
}

impl Worker {
    fn new(isa: OwnedTargetIsa, buffer: CodeBuffer, wish: Wish) -> Result<Self, ModuleError> {
        let mut module = RegionModule::new(isa, buffer);
        let slow =
            module.declare_helper("slow", &clif::slow_signature(), clif::slow as *const () as usize)?;
        Ok(Self {
            context: module.make_context(),
            module,
            lowering: Lowering::default(),
            slow,
            wish,
        })
    }

    /// Forgets whatever is half done.
    fn clear(&mut self) {
        self.context = self.module.make_context();
        self.lowering = Lowering::default();
    }

    fn compile(&mut self, region: Box<Region>) -> Result<Compiled, ModuleError> {
        self.module.clear_context(&mut self.context);
        let disassembles = cfg!(target_arch = "x86_64");
        self.context.set_disasm(self.wish.host && !disassembles);
        let slow = self
            .module
            .declare_func_in_func(self.slow, &mut self.context.func);
        let config = self.module.target_config();
        self.lowering.lower(&region, &mut self.context.func, slow, config);
        let id = self.module.declare_next(&clif::signature())?;
        let defined = self.module.define_function(id, &mut self.context);
        match (defined, self.module.address(id)) {
            (Ok(()), Some((code, len))) => {
                let listing = self.context.compiled_code().filter(|_| self.wish.any());
                let function = self.wish.clif.then_some(&self.context.func);
                let listing =
                    listing.map(|made| Box::new(Listing::new(function, made, self.module.bytes(id))));
                Ok(Compiled {
                    id,
                    code,
                    len,
                    region,
                    listing,
                })
            }
            (Err(error), _) => {
                self.module.forget(id);
                Err(error)
            }
            (Ok(()), None) => Err(ModuleError::Backend(anyhow::Error::msg("no address"))),
        }
    }

    fn answer(&mut self, ticket: Ticket, region: Box<Region>) -> Answer {
        let start = MonotonicClock.now_ns();
        // A mistake in a compiler costs a region, not the guest.
        let made = catch_unwind(AssertUnwindSafe(|| self.compile(region)));
        let (compiled, full) = match made {
            Ok(Ok(compiled)) => (Some(compiled), None),
            Ok(Err(ModuleError::Backend(error))) if error.is::<Full>() => {
                (None, error.downcast_ref::<Full>().map(|full| full.0))
            }
            Ok(Err(error)) => {
                tracing::debug!("a region was not compiled: {error}");
                (None, None)
            }
            Err(_) => {
                self.clear();
                (None, None)
            }
        };
        Answer {
            ticket,
            compiled,
            full,
            time: MonotonicClock.now_ns() - start,
        }
    }

    fn serve(mut self, requests: &Receiver<Request>) {
        while let Ok(request) = requests.recv() {
            match request {
                Request::Compile(ticket, region, answers) => {
                    let answer = self.answer(ticket, region);
                    if let Err(unwanted) = answers.send(answer)
                        && let Some(compiled) = unwanted.0.compiled
                    {
                        // Its vCPU is gone, and nobody ever saw the code.
                        self.module.forget(compiled.id);
                    }
                }
                Request::Forget(id) => self.module.forget(id),
                Request::Quit => return,
            }
        }
    }
}

impl Compiler {
    /// A thread that places code in `buffer`, and lists what `wish` says.
    ///
    /// # Errors
    /// The host has no thread to give, or Cranelift does not know it.
    pub fn new(buffer: CodeBuffer, wish: Wish) -> io::Result<Arc<Self>> {
        let (mapping, size) = (buffer.mapping(), buffer.len());
        let isa = host_isa().map_err(io::Error::other)?;
        let worker = Worker::new(isa, buffer, wish).map_err(io::Error::other)?;
        let (requests, served) = channel();
        let thread = std::thread::Builder::new()
            .name("regions".into())
            .spawn(move || worker.serve(&served))?;
        Ok(Arc::new(Self {
            requests,
            thread: Some(thread),
            collector: Collector::new(),
            _mapping: mapping,
            size,
        }))
    }

    /// A vCPU's side of it.
    pub fn client(self: &Arc<Self>) -> Client {
        let (answering, answers) = channel();
        Client {
            answers,
            answering,
            seat: Seat::new(&self.collector),
            compiler: Arc::clone(self),
        }
    }

    /// Bytes for code.
    pub fn size(&self) -> usize {
        self.size
    }

    fn is_gone(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Client {
    /// The machine's compiling thread.
    pub fn compiler(&self) -> &Arc<Compiler> {
        &self.compiler
    }

    /// Asks for a region.
    pub fn compile(&self, ticket: Ticket, region: Box<Region>) {
        let request = Request::Compile(ticket, region, self.answering.clone());
        // A thread that is gone compiles nothing more; what runs goes on without.
        let _ = self.compiler.requests.send(request);
    }

    /// Gives a region's code back, as soon as no vCPU can be inside: no table leads to it any more.
    pub fn retire(&mut self, id: FuncId) {
        let requests = self.compiler.requests.clone();
        self.seat.retire(move || {
            let _ = requests.send(Request::Forget(id));
        });
    }

    /// How many regions' code has been given back.
    pub fn reclaimed(&self) -> u64 {
        self.seat.disposed()
    }

    /// The vCPU begins to execute.
    pub fn enter(&mut self) {
        self.seat.enter();
    }

    /// The vCPU is in none of the regions that it entered before.
    #[inline]
    pub fn pass(&mut self) {
        self.seat.pass();
    }

    /// The vCPU has stopped executing.
    pub fn leave(&mut self) {
        self.seat.leave();
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// The next answer; none if the thread is gone. The vCPU is in no region.
    pub fn wait(&mut self) -> Option<Answer> {
        loop {
            match self.answers.recv_timeout(Duration::from_millis(20)) {
                Ok(answer) => return Some(answer),
                Err(_) if self.compiler.is_gone() => return self.answer(),
                Err(_) => self.seat.pass(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
