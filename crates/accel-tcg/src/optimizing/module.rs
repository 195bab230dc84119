//! Cranelift's view of our code buffer: an implementation of `cranelift_module::Module` that defines functions in a
//! [`CodeBuffer`], forgets single ones, and uses their room and their numbers again.
//!
//! Helpers are declared once, by name and address; calls of them are absolute, since the executable may be further
//! than 2 GiB from the buffer. There is no data.

#![allow(clippy::result_large_err)] // Cranelift's error is what it is

use crate::code_buffer::CodeBuffer;
use cranelift_codegen::Context;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_module::{
    DataDescription, DataId, FuncId, Linkage, Module, ModuleDeclarations, ModuleError, ModuleReloc,
    ModuleRelocTarget, ModuleResult,
};
use std::collections::{BTreeMap, HashMap};

/// Where functions begin: a multiple of this.
const ALIGN: usize = 32;

/// The buffer has no room for a function. Found in [`ModuleError::Backend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for {0} bytes of code")]
pub struct Full(pub usize);

/// Free pieces of a buffer, by offset; neighbours are one piece.
#[derive(Debug, Default)]
struct Free(BTreeMap<usize, usize>);

impl Free {
    fn take(&mut self, len: usize) -> Option<usize> {
        let (&at, &room) = self.0.iter().find(|&(_, &room)| room >= len)?;
        self.0.remove(&at);
        if room > len {
            self.0.insert(at + len, room - len);
        }
        Some(at)
    }

    fn give(&mut self, mut at: usize, mut len: usize) {
        if let Some((&before, &room)) = self.0.range(..at).next_back()
            && before + room == at
        {
            self.0.remove(&before);
            at = before;
            len += room;
        }
        if let Some(room) = self.0.remove(&(at + len)) {
            len += room;
        }
        self.0.insert(at, len);
    }
}

/// A function's place.
#[derive(Clone, Copy, Debug)]
struct Defined {
    at: usize,
    /// What it takes.
    room: usize,
    /// What of that is code.
    len: usize,
}

/// Functions in a code buffer.
pub struct RegionModule {
    isa: OwnedTargetIsa,
    declarations: ModuleDeclarations,
    buffer: CodeBuffer,
    free: Free,
    defined: HashMap<FuncId, Defined>,
    /// Addresses of helpers.
    helpers: HashMap<FuncId, usize>,
    /// Numbers of forgotten functions: declarations are never taken back.
    spare: Vec<FuncId>,
}

impl RegionModule {
    /// A module without functions.
    pub fn new(isa: OwnedTargetIsa, buffer: CodeBuffer) -> Self {
        let mut free = Free::default();
        free.give(0, buffer.len());
        Self {
            isa,
            declarations: ModuleDeclarations::default(),
            buffer,
            free,
            defined: HashMap::new(),
            helpers: HashMap::new(),
            spare: Vec::new(),
        }
    }

    /// Declares the function at a host address.
    ///
    /// # Errors
    /// The name is taken by something else.
    pub fn declare_helper(
        &mut self,
        name: &str,
        signature: &Signature,
        address: usize,
    ) -> ModuleResult<FuncId> {
        let id = self.declare_function(name, Linkage::Import, signature)?;
        self.helpers.insert(id, address);
        Ok(id)
    }

    /// A number for a function to be defined: a forgotten one's if there is one.
    ///
    /// # Errors
    /// Those of [`Module::declare_anonymous_function`].
    pub fn declare_next(&mut self, signature: &Signature) -> ModuleResult<FuncId> {
        match self.spare.pop() {
            Some(id) => Ok(id),
            None => self.declare_anonymous_function(signature),
        }
    }

    /// Takes a number back, and the room of its function, which nobody executes or will.
    pub fn forget(&mut self, id: FuncId) {
        if let Some(function) = self.defined.remove(&id) {
            self.free.give(function.at, function.room);
        }
        self.spare.push(id);
    }

    /// Host address and length of a function.
    pub fn address(&self, id: FuncId) -> Option<(u64, usize)> {
        let function = self.defined.get(&id)?;
        Some((self.buffer.base() as u64 + function.at as u64, function.len))
    }

    /// The code of a function, for listings.
    pub fn bytes(&self, id: FuncId) -> Vec<u8> {
        let function = self.defined.get(&id);
        function.map_or_else(Vec::new, |function| self.buffer.bytes(function.at, function.len))
    }
}

fn refuse<T>(what: &'static str) -> ModuleResult<T> {
    Err(ModuleError::Backend(anyhow::Error::msg(what)))
}

impl Module for RegionModule {
    fn isa(&self) -> &dyn TargetIsa {
        &*self.isa
    }

    fn declarations(&self) -> &ModuleDeclarations {
        &self.declarations
    }

    fn declare_function(
        &mut self,
        name: &str,
        linkage: Linkage,
        signature: &Signature,
    ) -> ModuleResult<FuncId> {
        self.declarations
            .declare_function(name, linkage, signature)
            .map(|(id, _)| id)
    }

    fn declare_anonymous_function(&mut self, signature: &Signature) -> ModuleResult<FuncId> {
        self.declarations.declare_anonymous_function(signature)
    }

    fn declare_data(&mut self, _: &str, _: Linkage, _: bool, _: bool) -> ModuleResult<DataId> {
        refuse("regions have no data")
    }

    fn declare_anonymous_data(&mut self, _: bool, _: bool) -> ModuleResult<DataId> {
        refuse("regions have no data")
    }

    fn define_function_with_control_plane(
        &mut self,
        id: FuncId,
        ctx: &mut Context,
        control: &mut ControlPlane,
    ) -> ModuleResult<()> {
        ctx.compile(&*self.isa, control)?;
        let Some(code) = ctx.compiled_code() else {
            return refuse("nothing was compiled");
        };
        let relocs: Vec<ModuleReloc> = code
            .buffer
            .relocs()
            .iter()
            .map(|reloc| ModuleReloc::from_mach_reloc(reloc, &ctx.func, id))
            .collect();
        let align = u64::from(code.buffer.alignment);
        self.define_function_bytes(id, align, code.buffer.data(), &relocs)
    }

    fn define_function_bytes(
        &mut self,
        id: FuncId,
        alignment: u64,
        bytes: &[u8],
        relocs: &[ModuleReloc],
    ) -> ModuleResult<()> {
        if self.defined.contains_key(&id) {
            return refuse("the function is defined already");
        }
        if alignment > ALIGN as u64 {
            return refuse("code wants more alignment than functions have");
        }
        let room = bytes.len().next_multiple_of(ALIGN).max(ALIGN);
        let Some(at) = self.free.take(room) else {
            return Err(ModuleError::Backend(Full(room).into()));
        };
        let base = self.buffer.base() as u64 + at as u64;
        let mut code = bytes.to_vec();
        let mut patched = Ok(());
        for reloc in relocs {
            patched = patched.and_then(|()| patch(&mut code, reloc, base, id, &self.helpers));
        }
        if let Err(error) = patched {
            self.free.give(at, room);
            return Err(error);
        }
        self.buffer.write(at, &code);
        let len = code.len();
        self.defined.insert(id, Defined { at, room, len });
        Ok(())
    }

    fn define_data(&mut self, _: DataId, _: &DataDescription) -> ModuleResult<()> {
        refuse("regions have no data")
    }
}

/// Fills in one relocation of code that will stand at `base`.
fn patch(
    code: &mut [u8],
    reloc: &ModuleReloc,
    base: u64,
    own: FuncId,
    helpers: &HashMap<FuncId, usize>,
) -> ModuleResult<()> {
    let target = match &reloc.name {
        ModuleRelocTarget::User { namespace: 0, index } => {
            helpers.get(&FuncId::from_u32(*index)).map(|&at| at as u64)
        }
        ModuleRelocTarget::FunctionOffset(id, offset) if *id == own => Some(base + u64::from(*offset)),
        _ => None,
    };
    let Some(target) = target else {
        return refuse("a relocation against something unknown");
    };
    let value = target.wrapping_add_signed(reloc.addend);
    let at = reloc.offset as usize;
    let field = |code: &mut [u8], bytes: &[u8]| match code.get_mut(at..at + bytes.len()) {
        Some(place) => {
            place.copy_from_slice(bytes);
            Ok(())
        }
        None => refuse("a relocation outside the code"),
    };
    match reloc.kind {
        Reloc::Abs8 => field(code, &value.to_le_bytes()),
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => {
            match i32::try_from(value.wrapping_sub(base + at as u64) as i64) {
                Ok(distance) => field(code, &distance.to_le_bytes()),
                Err(_) => refuse("a relocation out of reach"),
            }
        }
        _ => refuse("a relocation of an unknown kind"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizing::compile::host_isa;
    use cranelift_codegen::ir::types::I64;
    use cranelift_codegen::ir::{AbiParam, InstBuilder};
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    fn constant(module: &RegionModule, value: i64) -> Context {
        let mut ctx = module.make_context();
        ctx.func.signature.returns.push(AbiParam::new(I64));
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut context);
        let block = builder.create_block();
        builder.switch_to_block(block);
        let value = builder.ins().iconst(I64, value);
        builder.ins().return_(&[value]);
        builder.seal_all_blocks();
        builder.finalize(module.target_config());
        ctx
    }

    #[test]
    fn room_and_numbers_come_back() {
        let buffer = CodeBuffer::new(4096).unwrap();
        let mut module = RegionModule::new(host_isa().unwrap(), buffer);
        let mut ids = Vec::new();
        let full = loop {
            let mut ctx = constant(&module, 7);
            let id = module.declare_next(&ctx.func.signature.clone()).unwrap();
            match module.define_function(id, &mut ctx) {
                Ok(()) => ids.push(id),
                Err(ModuleError::Backend(error)) => {
                    module.forget(id);
                    break error;
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert!(full.downcast_ref::<Full>().is_some());
        assert_eq!(ids.len(), 4096 / ALIGN);
        for &id in &ids {
            module.forget(id);
        }
        assert_eq!(module.free.0.len(), 1);
        let mut ctx = constant(&module, 8);
        let id = module.declare_next(&ctx.func.signature.clone()).unwrap();
        assert!(ids.contains(&id));
        module.define_function(id, &mut ctx).unwrap();
        assert!(module.define_function(id, &mut constant(&module, 9)).is_err());
        assert!(module.declare_data("x", Linkage::Local, false, false).is_err());
    }
}
