//! Modules of a Debian kernel for an initramfs without `modprobe`: those asked for and all they depend on, in the order in
//! which they can be loaded.

use crate::cpio::Archive;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Adds the modules `wanted` (names as `lsmod` has them) of the kernel whose file is `image` to `archive`, as
/// `modules/NAME.ko` and `modules/order`. What is built into the kernel is no module, and left out.
///
/// # Errors
/// A module cannot be read.
pub fn add(archive: &mut Archive, image: &Path, wanted: &[&str]) -> Result<()> {
    let tree = image
        .parent()
        .and_then(Path::parent)
        .context("a kernel in a package's tree")?;
    let mut found = BTreeMap::new();
    collect(&tree.join("lib/modules"), &mut found)?;
    let mut order = Vec::new();
    // Depth first, with a list instead of recursion: a module is loaded when it is met for the second time.
    let mut open: Vec<String> = wanted.iter().rev().map(|&name| name.to_owned()).collect();
    let mut bytes = BTreeMap::new();
    while let Some(name) = open.pop() {
        let Some(path) = found.get(&name) else { continue };
        if order.contains(&name) {
            continue;
        }
        if bytes.contains_key(&name) {
            order.push(name);
            continue;
        }
        let module = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        open.push(name.clone());
        open.extend(dependencies(&module));
        bytes.insert(name, module);
    }
    archive.directory("modules");
    for name in &order {
        archive.program(&format!("modules/{name}.ko"), &bytes[name]);
    }
    archive.program("modules/order", order.join("\n").as_bytes());
    Ok(())
}

fn collect(dir: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("looking into {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "ko")
            && let Some(stem) = path.file_stem()
        {
            found.insert(stem.to_string_lossy().replace('-', "_"), path);
        }
    }
    Ok(())
}

/// What a module's `.modinfo` says it depends on.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = module[at + KEY.len()..]
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or(&[]);
    String::from_utf8_lossy(value)
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_name_what_they_need() {
        let info = b"license=GPL\0depends=virtio_ring,net-failover\0retpoline=Y\0";
        assert_eq!(dependencies(info), ["virtio_ring", "net_failover"]);
        assert!(dependencies(b"license=GPL\0depends=\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }
}
