//! Progress bars for long work; silent where nobody watches (indicatif hides them off a terminal).

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A spinner that says what is being done.
pub fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar over `steps` steps.
pub fn bar(steps: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}").expect("a constant template");
    ProgressBar::new(steps).with_style(style)
}

/// Announces a part of a longer run.
pub fn heading(what: &str) {
    println!("== {what}");
}

/// A step of long work with parts: a spinner where somebody watches, lines where the output is kept.
pub struct Step {
    name: String,
    bar: ProgressBar,
}

/// Begins such a step.
pub fn step(name: &str) -> Step {
    println!("making {name}");
    Step {
        name: name.to_owned(),
        bar: spinner(name),
    }
}

impl Step {
    /// Says which part comes now.
    pub fn part(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}", self.name));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
