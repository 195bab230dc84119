//! Guest bytes from assembly, by GNU as and objcopy: they are wherever Rust can link.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a tool with `input`.
fn tool(command: &mut Command, input: &str) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run '{name}' (of GNU binutils): {error}"))?;
    if let Some(stdin) = &mut child.stdin {
        // One that gives up early says so itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The section `.text` of `source`, which begins in the mode of `bits`; `name` makes file names.
///
/// # Errors
/// What the tools say.
pub fn assemble(name: &str, source: &str, bits: u32) -> Result<Vec<u8>, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let unique = format!("{name}-{}", std::process::id());
    let (object, binary) = (
        directory.join(format!("{unique}.o")),
        directory.join(format!("{unique}.bin")),
    );
    let result = (|| {
        let size = if bits == 64 { "--64" } else { "--32" };
        let source = if bits == 16 {
            format!(".code16\n{source}")
        } else {
            source.to_owned()
        };
        tool(
            Command::new("as").arg(size).arg("-o").arg(&object).arg("-"),
            &source,
        )?;
        let mut objcopy = Command::new("objcopy");
        objcopy
            .args(["-O", "binary", "-j", ".text"])
            .arg(&object)
            .arg(&binary);
        tool(&mut objcopy, "")?;
        std::fs::read(&binary).map_err(|error| format!("reading what objcopy wrote: {error}"))
    })();
    for file in [object, binary] {
        // Absent if a tool failed.
        let _ = std::fs::remove_file(file);
    }
    result
}
