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
    let text = function.display().to_string();
    text.split("\n\n")
        .filter(|block| block.starts_with("block") && !block.starts_with("block0"))
        .map(|block| block.trim_end_matches(['\n', '}']))
        .filter(|block| !block.lines().next().unwrap_or_default().contains(" cold:"))
        .map(|block| block.lines().filter_map(shown).collect())
        .collect::<Vec<String>>()
        .join("\n")
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
            block1(v21: i32, v26: i64, v27: i64, v28: i64, v29: i64):
                v22 = iconst.i32 3
                v23 = isub v21, v22  ; v22 = 3
                v24 = iconst.i32 0
                v25 = icmp slt v23, v24  ; v24 = 0
                brif v25, block2, block3

            block3:
                v32 = iadd.i64 v26, v31
                v33 = iconst.i64 2
                v35 = isub v32, v34
                v36 = iconst.i64 3
                v37 = icmp ult v32, v34
                brif v37, block1(v23, v32, v36, v35, v32), block4  ; v36 = 3
        "#]],
    );
}

#[test]
fn load() {
    // l: add rax, [rsi+8]; dec ecx; jnz l
    check(
        &[0x48, 0x03, 0x46, 0x08, 0xff, 0xc9, 0x75, 0xf8],
        expect![[r#"
            block1(v24: i32, v29: i64, v30: i64, v31: i64, v32: i64, v33: i64, v39: i64, v43: i64):
                v25 = iconst.i32 3
                v26 = isub v24, v25  ; v25 = 3
                v27 = iconst.i32 0
                v28 = icmp slt v26, v27  ; v27 = 0
                brif v28, block2, block3

            block3:
                v36 = iconst.i64 8
                v37 = iadd.i64 v35, v36  ; v36 = 8
                v40 = isub v37, v39
                v41 = iconst.i64 4088
                v42 = icmp ugt v40, v41  ; v41 = 4088
                brif v42, block5, block4

            block4:
                v44 = iadd.i64 v37, v43
                jump block6(v44, v39, v43)

            block6(v38: i64, v92: i64, v93: i64):
                v65 = load.i64 notrap v38
                v66 = iadd.i64 v29, v65
                v67 = iconst.i64 2
                v69 = ireduce.i32 v30
                v70 = iconst.i32 1
                v71 = icmp ult v66, v29
                v72 = isub v69, v70  ; v70 = 1
                v73 = uextend.i64 v72
                v74 = iconst.i64 8197
                v75 = uextend.i64 v72
                v76 = uextend.i64 v71
                v77 = iconst.i32 0x7fff_ffff
                v78 = icmp eq v72, v77  ; v77 = 0x7fff_ffff
                v79 = iconst.i32 0
                v80 = icmp eq v72, v79  ; v79 = 0
                v81 = iconst.i32 0
                v82 = icmp slt v72, v81  ; v81 = 0
                brif v80, block10, block1(v26, v66, v73, v74, v75, v76, v92, v93)  ; v74 = 8197
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
