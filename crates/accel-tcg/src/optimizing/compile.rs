//! The thread that compiles regions. It sees copied bytes only: what it gets is lowered, compiled and placed, and the
//! address goes back to the vCPU, which decides whether the region is still true.

#![allow(clippy::result_large_err)] // Cranelift's error is what it is

use super::module::{Full, RegionModule};
use crate::code_buffer::CodeBuffer;
use cranelift_codegen::Context;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_module::{FuncId, Module, ModuleError};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use target_i386::clif::{self, Lowering, Region};

/// What a region was asked for as: comes back with the answer.
pub type Ticket = u64;

enum Request {
    Compile(Ticket, Box<Region>),
    /// Nobody executes this function any more.
    Forget(FuncId),
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
}

/// An answer.
pub struct Answer {
    /// Of which request.
    pub ticket: Ticket,
    /// The region; none if it cannot be compiled.
    pub compiled: Option<Compiled>,
    /// Room is what was missing.
    pub full: bool,
}

/// The compiling thread as a vCPU sees it.
pub struct Compiler {
    requests: Option<Sender<Request>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    /// Keeps the code mapped whatever becomes of the thread.
    _buffer: Arc<Mutex<CodeBuffer>>,
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
}

impl Worker {
    fn new(isa: OwnedTargetIsa, buffer: Arc<Mutex<CodeBuffer>>) -> Result<Self, ModuleError> {
        let mut module = RegionModule::new(isa, buffer);
        let slow =
            module.declare_helper("slow", &clif::slow_signature(), clif::slow as *const () as usize)?;
        Ok(Self {
            context: module.make_context(),
            module,
            lowering: Lowering::default(),
            slow,
        })
    }

    fn compile(&mut self, region: &Region) -> Result<(FuncId, u64, usize), ModuleError> {
        self.module.clear_context(&mut self.context);
        let slow = self
            .module
            .declare_func_in_func(self.slow, &mut self.context.func);
        let config = self.module.target_config();
        self.lowering.lower(region, &mut self.context.func, slow, config);
        let id = self.module.declare_next(&clif::signature())?;
        let defined = self.module.define_function(id, &mut self.context);
        match (defined, self.module.address(id)) {
            (Ok(()), Some((code, len))) => Ok((id, code, len)),
            (Err(error), _) => {
                self.module.forget(id);
                Err(error)
            }
            (Ok(()), None) => Err(ModuleError::Backend(anyhow::Error::msg("no address"))),
        }
    }

    fn serve(mut self, requests: &Receiver<Request>, answers: &Sender<Answer>) {
        while let Ok(request) = requests.recv() {
            let (ticket, region) = match request {
                Request::Compile(ticket, region) => (ticket, region),
                Request::Forget(id) => {
                    self.module.forget(id);
                    continue;
                }
            };
            let (compiled, full) = match self.compile(&region) {
                Ok((id, code, len)) => {
                    let compiled = Compiled {
                        id,
                        code,
                        len,
                        region,
                    };
                    (Some(compiled), false)
                }
                Err(ModuleError::Backend(error)) if error.is::<Full>() => (None, true),
                Err(error) => {
                    tracing::debug!("a region was not compiled: {error}");
                    (None, false)
                }
            };
            let answer = Answer {
                ticket,
                compiled,
                full,
            };
            if answers.send(answer).is_err() {
                break;
            }
        }
    }
}

impl Compiler {
    /// A thread with `size` bytes for code.
    ///
    /// # Errors
    /// The host has no executable memory or no thread to give, or Cranelift does not know it.
    pub fn new(size: usize) -> io::Result<Self> {
        let buffer = Arc::new(Mutex::new(CodeBuffer::new(size)?));
        let isa = host_isa().map_err(io::Error::other)?;
        let worker = Worker::new(isa, buffer.clone()).map_err(io::Error::other)?;
        let (requests, served) = channel();
        let (answering, answers) = channel();
        let thread = std::thread::Builder::new()
            .name("regions".into())
            .spawn(move || worker.serve(&served, &answering))?;
        Ok(Self {
            requests: Some(requests),
            answers,
            thread: Some(thread),
            _buffer: buffer,
        })
    }

    /// Asks for a region.
    pub fn compile(&self, ticket: Ticket, region: Box<Region>) {
        self.send(Request::Compile(ticket, region));
    }

    /// Gives a region's code back: nobody executes it or will.
    pub fn forget(&self, id: FuncId) {
        self.send(Request::Forget(id));
    }

    fn send(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // A thread that is gone compiles nothing more; what runs goes on without.
            let _ = requests.send(request);
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// The next answer; none if the thread is gone.
    pub fn wait(&self) -> Option<Answer> {
        self.answers.recv().ok()
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
