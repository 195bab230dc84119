//! What regions look like as CLIF: the loop is what is reviewed, not its exits. `UPDATE_EXPECT=1` writes what is.

use cranelift_codegen::ir::{ExtFuncData, ExternalName, Function, UserExternalName};
use cranelift_codegen::verify_function;
use expect_test::{Expect, expect};
use target_i386::Features;
use target_i386::clif::{Lowering, Region, slow_signature};
use target_i386::testbench::{Mode, TestBench};

/// The blocks of the region that starts with `code` which are not cold.
fn hot(code: &[u8]) -> String {
    let key = TestBench::new(Mode::Long)
        .cpu
        .jit_key()
        .expect("a mode for generated code");
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
    let text: String = function.display().to_string().lines().map(unindented).collect();
    text.split("\n\n")
        .filter(|block| block.starts_with("block") && !block.starts_with("block0"))
        .map(|block| block.trim_end_matches(['\n', '}']))
        .filter(|block| !block.lines().next().unwrap_or_default().contains(" cold:"))
        .map(|block| block.lines().filter_map(shown).collect())
        .collect::<Vec<String>>()
        .join("\n")
}

/// A line without its source location, and without the room for one.
fn unindented(line: &str) -> String {
    let text = line.trim_start();
    let text = match text.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    };
    let inside = !text.is_empty()
        && !["block", "}", "function"]
            .iter()
            .any(|head| text.starts_with(head));
    format!("{}{text}\n", if inside { "    " } else { "" })
}

/// A line of CLIF without what is nobody's business here: aliases, and where in the CPU things are.
fn shown(line: &str) -> Option<String> {
    let offset = line.rfind(['+', '-']).filter(|_| line.contains("aligned"));
    let line = offset.map_or(line, |at| &line[..at]);
    (!line.contains(" -> ")).then(|| format!("{line}\n"))
}

fn check(code: &[u8], expected: Expect) {
    expected.assert_eq(&hot(code));
}

#[test]
fn registers_and_compare() {
    // l: add rax, rbx; cmp rax, rcx; jb l
    check(
        &[0x48, 0x01, 0xd8, 0x48, 0x39, 0xc8, 0x72, 0xf8],
        expect![[r#"
            block1(v18: i32, v23: i64):
                v19 = iconst.i32 3
                v20 = isub v18, v19  ; v19 = 3
                v21 = iconst.i32 0
                v22 = icmp slt v20, v21  ; v21 = 0
                brif v22, block2, block3

            block3:
                v26 = iadd.i64 v23, v25
                v28 = isub v26, v27
                v29 = icmp ult v26, v27
                brif v29, block4, block5

            block4:
                v30 = iconst.i64 3
                store notrap aligned v30, v0
                store.i64 notrap aligned v28, v0
                store.i64 notrap aligned v26, v0
                jump block1(v20, v26)
        "#]],
    );
}

#[test]
fn load() {
    // l: add rax, [rsi+8]; dec ecx; jnz l
    check(
        &[0x48, 0x03, 0x46, 0x08, 0xff, 0xc9, 0x75, 0xf8],
        expect![[r#"
            block1(v23: i32, v28: i64, v29: i64, v35: i64, v39: i64):
                v24 = iconst.i32 3
                v25 = isub v23, v24  ; v24 = 3
                v26 = iconst.i32 0
                v27 = icmp slt v25, v26  ; v26 = 0
                brif v27, block2, block3

            block3:
                v32 = iconst.i64 8
                v33 = iadd.i64 v31, v32  ; v32 = 8
                v36 = isub v33, v35
                v37 = iconst.i64 4088
                v38 = icmp ugt v36, v37  ; v37 = 4088
                brif v38, block5, block4

            block4:
                v40 = iadd.i64 v33, v39
                jump block6(v40, v35, v39)

            block6(v34: i64, v83: i64, v84: i64):
                v60 = load.i64 notrap v34
                v61 = iadd.i64 v28, v60
                v63 = ireduce.i32 v29
                v64 = iconst.i32 1
                v65 = icmp ult v61, v28
                v66 = isub v63, v64  ; v64 = 1
                v67 = uextend.i64 v66
                v68 = iconst.i32 0x7fff_ffff
                v69 = icmp eq v66, v68  ; v68 = 0x7fff_ffff
                v70 = iconst.i32 0
                v71 = icmp eq v66, v70  ; v70 = 0
                v72 = iconst.i32 0
                v73 = icmp slt v66, v72  ; v72 = 0
                brif v71, block10, block11

            block11:
                v79 = iconst.i64 8197
                v80 = uextend.i64 v66
                v81 = uextend.i64 v65
                store notrap aligned v79, v0
                store notrap aligned v80, v0
                store notrap aligned v81, v0
                jump block1(v77, v61, v67, v83, v84)
        "#]],
    );
}

#[test]
fn no_loop_no_region() {
    let key = TestBench::new(Mode::Long)
        .cpu
        .jit_key()
        .expect("a mode for generated code");
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
        assert!(
            Region::form(&page, 0, key, Features::all()).is_none(),
            "{code:02x?}"
        );
    }
}
