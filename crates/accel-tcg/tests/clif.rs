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
            block1(v21: i32, v46: i64, v47: i64, v48: i64, v49: i64, v50: i64, v51: i64):
                v22 = iconst.i32 3
                v23 = isub v21, v22  ; v22 = 3
                v24 = iconst.i32 0
                v25 = icmp slt v23, v24  ; v24 = 0
                brif v25, block2, block3

            block3:
                v34 = iadd.i64 v32, v33
                v35 = iconst.i64 2
                v37 = isub v34, v36
                v38 = iconst.i64 3
                v39 = icmp ult v34, v36
                brif v39, block1(v23, v34, v38, v37, v34, v33, v36), block4  ; v38 = 3
        "#]],
    );
}

#[test]
fn load() {
    // l: add rax, [rsi+8]; dec ecx; jnz l
    check(
        &[0x48, 0x03, 0x46, 0x08, 0xff, 0xc9, 0x75, 0xf8],
        expect![[r#"
            block1(v21: i32, v88: i64, v89: i64, v90: i64, v91: i64, v92: i64, v93: i64):
                v22 = iconst.i32 3
                v23 = isub v21, v22  ; v22 = 3
                v24 = iconst.i32 0
                v25 = icmp slt v23, v24  ; v24 = 0
                brif v25, block2, block3

            block3:
                v35 = iconst.i64 8
                v36 = iadd.i64 v34, v35  ; v35 = 8
                v37 = iconst.i64 7
                v38 = iconst.i64 0x7fe0
                v39 = ushr v36, v37  ; v37 = 7
                v40 = band v39, v38  ; v38 = 0x7fe0
                v41 = iadd.i64 v0, v40
                v42 = load.i64 notrap aligned v41
                v43 = iconst.i64 7
                v44 = iadd v36, v43  ; v43 = 7
                v45 = iconst.i64 -4096
                v46 = band v44, v45  ; v45 = -4096
                v47 = icmp eq v46, v42
                brif v47, block4, block5

            block4:
                v49 = load.i64 notrap aligned v41
                v50 = iadd.i64 v36, v49
                jump block6(v50)

            block6(v48: i64):
                v62 = load.i64 notrap v48
                v63 = iadd.i64 v33, v62
                v64 = iconst.i64 2
                v66 = ireduce.i32 v65
                v67 = iconst.i32 1
                v68 = icmp ult v63, v33
                v69 = isub v66, v67  ; v67 = 1
                v70 = uextend.i64 v69
                v71 = iconst.i64 8197
                v72 = uextend.i64 v69
                v73 = uextend.i64 v68
                v74 = iconst.i32 0x7fff_ffff
                v75 = icmp eq v69, v74  ; v74 = 0x7fff_ffff
                v76 = iconst.i32 0
                v77 = icmp eq v69, v76  ; v76 = 0
                v78 = iconst.i32 0
                v79 = icmp slt v69, v78  ; v78 = 0
                brif v77, block8, block1(v87, v63, v70, v71, v72, v73, v94)  ; v71 = 8197
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
