//! What regions look like as CLIF: the loop is what is reviewed, not its exits. `UPDATE_EXPECT=1` writes what is.

use cranelift_codegen::ir::{ExtFuncData, ExternalName, Function, UserExternalName};
use cranelift_codegen::verify_function;
use expect_test::{Expect, expect};
use target_i386::Features;
use target_i386::clif::{Lowering, Region, slow_signature};
use target_i386::testbench::{Mode, TestBench};

/// The blocks of the region that starts with `code` which are not cold.
fn hot(code: &[u8]) -> String {
    let key = TestBench::new(Mode::Long).cpu.jit_key().expect("a mode for generated code");
    let mut page = [0xf4; 4096];
    page[..code.len()].copy_from_slice(code);
    let region = Region::form(&page, 0, key, Features::all()).expect("a loop");
    let mut function = Function::new();
    let name = function.declare_imported_user_function(UserExternalName::new(0, 0));
    let signature = function.import_signature(slow_signature());
    let slow = function.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: false,
        patchable: false,
    });
    let isa = accel_tcg::optimizing::compile::host_isa().expect("Cranelift knows this host");
    Lowering::default().lower(&region, &mut function, slow, isa.frontend_config());
    verify_function(&function, &*isa).expect("well-formed CLIF");
    let text = function.display().to_string();
    text.split("\n\n")
        .map(|block| block.trim_end_matches(['\n', '}']))
        .filter(|block| block.starts_with("block") && !block.lines().next().unwrap_or_default().contains(" cold:"))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn check(code: &[u8], expected: Expect) {
    expected.assert_eq(&(hot(code) + "\n"));
}

#[test]
fn registers_and_compare() {
    // l: add rax, rbx; cmp rax, rcx; jb l
    check(&[0x48, 0x01, 0xd8, 0x48, 0x39, 0xc8, 0x72, 0xf8], expect![[""]]);
}

#[test]
fn load() {
    // l: add rax, [rsi+8]; dec ecx; jnz l
    check(&[0x48, 0x03, 0x46, 0x08, 0xff, 0xc9, 0x75, 0xf8], expect![[""]]);
}

#[test]
fn no_loop_no_region() {
    let key = TestBench::new(Mode::Long).cpu.jit_key().expect("a mode for generated code");
    for code in [
        // nop; hlt
        &[0x90, 0xf4][..],
        // l: cpuid; jmp l
        &[0x0f, 0xa2, 0xeb, 0xfc],
        // l: lock add [rax], ecx; jmp l
        &[0xf0, 0x01, 0x08, 0xeb, 0xfb],
        // jmp to the next page
        &[0xe9, 0x00, 0x10, 0x00, 0x00],
    ] {
        let mut page = [0xf4; 4096];
        page[..code.len()].copy_from_slice(code);
        assert!(Region::form(&page, 0, key, Features::all()).is_none(), "{code:02x?}");
    }
}
