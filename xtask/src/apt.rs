//! Debian packages without root: a private package index and unpacked trees below `guests/`.
//!
//! Data flows from the configured Debian mirrors through `apt-get download` and `dpkg-deb -x` into
//! `guests/NAME-ARCH/`; nothing is installed. Done once, then found on disk.

use crate::progress;
use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where guest kernels and programs are kept, relative to the workspace.
pub const GUESTS: &str = "guests";

/// A private apt whose lists and cache live below [`GUESTS`].
pub struct Apt {
    root: PathBuf,
    /// Lists were asked for by this process: once is enough, whatever came.
    updated: Cell<bool>,
}

impl Apt {
    /// Opens the private apt. Package lists are fetched when the first package is looked for.
    ///
    /// # Errors
    /// No `apt-get` or `dpkg-deb` on this system.
    pub fn open(workspace: &Path) -> Result<Self> {
        for tool in ["apt-get", "dpkg-deb"] {
            if Command::new(tool).arg("--version").output().is_err() {
                bail!("this system has no {tool}");
            }
        }
        let apt = Self {
            root: std::path::absolute(workspace.join(GUESTS))?,
            updated: Cell::new(false),
        };
        for dir in ["apt/lists/partial", "apt/cache/archives/partial", "apt/resolved"] {
            std::fs::create_dir_all(apt.root.join(dir))?;
        }
        Ok(apt)
    }

    /// Fetches the package lists, once.
    fn update(&self) -> Result<()> {
        let done = self.root.join("apt/updated");
        if done.exists() || self.updated.replace(true) {
            return Ok(());
        }
        let step = progress::spinner("package lists");
        // A mirror may be mid-sync for one index of many: go on with what came, and ask again in the next run.
        let updated = self.run("apt-get", &["update"]);
        step.finish_and_clear();
        match updated {
            Ok(_) => std::fs::write(done, "")?,
            Err(error) => eprintln!("warning: some package lists are missing: {error:#}"),
        }
        Ok(())
    }

    /// The package that a metapackage (`linux-image-amd64`) depends on.
    ///
    /// # Errors
    /// The metapackage is unknown or depends on nothing.
    pub fn dependency_of(&self, meta: &str) -> Result<String> {
        // Resolved once: a later update must not replace the kernel that tests have run with.
        let known = self.root.join("apt/resolved").join(meta.replace(':', "-"));
        if let Ok(package) = std::fs::read_to_string(&known) {
            return Ok(package);
        }
        self.update()?;
        let text = self.run("apt-cache", &["depends", meta])?;
        let package = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("Depends: "))
            .with_context(|| format!("package {meta} depends on nothing"))?;
        std::fs::write(known, package)?;
        Ok(package.to_owned())
    }

    /// The unpacked tree of `package` (`NAME` or `NAME:ARCH`).
    ///
    /// # Errors
    /// The package cannot be had.
    pub fn unpacked(&self, package: &str) -> Result<PathBuf> {
        let tree = self.root.join(package.replace(':', "-"));
        if tree.exists() {
            return Ok(tree);
        }
        self.update()?;
        let step = progress::spinner(&format!("package {package}"));
        let download = self.root.join("apt/download").join(package.replace(':', "-"));
        let _ = std::fs::remove_dir_all(&download);
        std::fs::create_dir_all(&download)?;
        self.run_in(&download, "apt-get", &["download", package])?;
        let deb = std::fs::read_dir(&download)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "deb"))
            .with_context(|| format!("no package file came for {package}"))?;
        // Unpack beside, then rename: a tree that exists is complete.
        let partial = tree.with_extension("partial");
        let _ = std::fs::remove_dir_all(&partial);
        self.run(
            "dpkg-deb",
            &["-x", &deb.to_string_lossy(), &partial.to_string_lossy()],
        )?;
        std::fs::rename(&partial, &tree)?;
        std::fs::remove_dir_all(&download)?;
        step.finish_and_clear();
        Ok(tree)
    }

    fn run(&self, tool: &str, args: &[&str]) -> Result<String> {
        self.run_in(&self.root, tool, args)
    }

    fn run_in(&self, dir: &Path, tool: &str, args: &[&str]) -> Result<String> {
        let mut command = Command::new(tool);
        command.current_dir(dir).env("LC_ALL", "C");
        if tool.starts_with("apt") {
            let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
            for option in [
                format!("Dir::State::Lists={}", self.root.join("apt/lists").display()),
                format!("Dir::Cache={}", self.root.join("apt/cache").display()),
                format!("APT::Sandbox::User={user}"),
                "APT::Architectures::=amd64".into(),
                "APT::Architectures::=i386".into(),
            ] {
                command.arg("-o").arg(option);
            }
        }
        let output = command
            .args(args)
            .output()
            .with_context(|| format!("running {tool}"))?;
        if !output.status.success() {
            bail!(
                "{tool} {} failed:\n{}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
