//! The region of a program's loop as optimized CLIF: entry and loop with the guest's instructions between, exits left out.

use super::program::Program;
use super::world::{self, Entered};
use accel_tcg::optimizing::compile::host_isa;
use accel_tcg::optimizing::listing::{Line, lines};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExtFuncData, ExternalName, Function, UserExternalName};
use cranelift_codegen::verify_function;
use iced_x86::{Decoder, DecoderOptions, FastFormatter};
use std::collections::HashMap;
use target_i386::Features;
use target_i386::clif::{Lowering, Region, slow_signature};
use target_i386::jit::Key;

const PAGE: u64 = 0x1000;

/// The region, as lines.
///
/// # Errors
/// There is no loop to be compiled, what it becomes is wrong, or it runs differently.
pub fn list(program: &Program, key: Key) -> Result<Vec<String>, String> {
    let (entry, region) = find(program, key)?;
    let function = lower(&region)?;
    let Entered { times, instructions } = world::run_regions(program)?;
    let mut all = vec![format!(
        "region {entry:x}: {} instructions, entered {times} times for {instructions}",
        region.len(),
    )];
    let (mut cold, mut inside) = (0, false);
    for line in lines(&function) {
        match line {
            Line::Text(text) if text.starts_with("block") => {
                inside = !text.trim_end_matches(':').ends_with(" cold");
                cold += usize::from(!inside);
                if inside {
                    all.push(text);
                }
            }
            // The function's head, and its closing brace.
            Line::Text(text) if !text.starts_with("    ") => inside = false,
            Line::Text(text) if inside => all.push(text),
            Line::Guest(offset) if inside => all.push(guest_line(program, key, offset)),
            _ => {}
        }
    }
    if let Some(line) = all.iter().find(|line| !is_named(line)) {
        return Err(format!(
            "target_i386::jit::names does not know what '{}' is",
            line.trim()
        ));
    }
    let mut all = without_unused(all);
    all.push(format!("{cold} cold blocks"));
    Ok(all)
}

/// Whether a line says what of the vCPU it is about: a number would differ from build to build.
fn is_named(line: &str) -> bool {
    let code = line.split("  ;").next().unwrap_or_default();
    let operand = code.rsplit(' ').next().unwrap_or_default();
    let number = |(_, rest): (&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit());
    !code.contains(" notrap aligned ") || !operand.split_once(['+', '-']).is_some_and(number)
}

/// Lines without constants that nothing shown uses: they are for exits, or for nobody.
fn without_unused(all: Vec<String>) -> Vec<String> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for line in &all {
        let code = line.split("  ;").next().unwrap_or_default();
        for word in code.split(|c: char| !c.is_ascii_alphanumeric()) {
            *uses.entry(word.to_owned()).or_default() += 1;
        }
    }
    let unused = |line: &String| {
        line.trim()
            .split_once(" = iconst.")
            .is_some_and(|(value, _)| uses.get(value) == Some(&1))
    };
    all.into_iter().filter(|line| !unused(line)).collect()
}

/// The program's page.
fn page(program: &Program) -> [u8; PAGE as usize] {
    let mut page = [0xf4; PAGE as usize];
    let start = (program.at % PAGE) as usize;
    let len = program.code.len().min(page.len() - start);
    page[start..start + len].copy_from_slice(&program.code[..len]);
    page
}

/// The first instruction that leads back to itself, or the one that the file names.
fn find(program: &Program, key: Key) -> Result<(u64, Region), String> {
    let page = page(program);
    let form = |address: u64| {
        let region = Region::form(&page, (address % PAGE) as u16, key, Features::all())?;
        Some((address, region))
    };
    let found = match program.region {
        Some(entry) => form(entry),
        None => Decoder::with_ip(key.bits, &program.code, program.at, DecoderOptions::NONE)
            .into_iter()
            .find_map(|raw| form(raw.ip())),
    };
    found.ok_or_else(|| format!("no loop is to be compiled in {key:?}"))
}

fn lower(region: &Region) -> Result<Function, String> {
    let mut function = Function::new();
    let name = function.declare_imported_user_function(UserExternalName::new(0, 0));
    let signature = function.import_signature(slow_signature());
    let slow = function.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: false,
        patchable: false,
    });
    let isa = host_isa()?;
    Lowering::default().lower(region, &mut function, slow, isa.frontend_config());
    verify_function(&function, &*isa).map_err(|errors| errors.to_string())?;
    // What the optimizer leaves is what is worth a review.
    let mut context = Context::for_function(function);
    context
        .optimize(&*isa, &mut ControlPlane::default())
        .map_err(|error| error.to_string())?;
    Ok(context.func)
}

fn guest_line(program: &Program, key: Key, offset: u16) -> String {
    let address = program.at & !(PAGE - 1) | u64::from(offset);
    let bytes = &program.code[(address - program.at) as usize..];
    let mut formatter = FastFormatter::new();
    formatter.options_mut().set_use_hex_prefix(true);
    formatter.options_mut().set_uppercase_hex(false);
    let mut text = String::new();
    let raw = Decoder::with_ip(key.bits, bytes, address, DecoderOptions::NONE).decode();
    formatter.format(&raw, &mut text);
    format!("  {address:x} {text}")
}
