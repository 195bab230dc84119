//! What a person asks of a replay: where it stands, to go elsewhere in it, to stop, to leave it.

use super::travel::{Outcome, Trip};
use crate::running::{Machine, RunState};
use replay::Mode;
use std::sync::Arc;
use util_mainloop::{MainLoop, Period};

impl Machine {
    /// # Errors
    /// This is no replay.
    fn must_replay(&self) -> Result<(), String> {
        match self.replay.mode() {
            Mode::Play => Ok(()),
            _ => Err("this is not a replay".into()),
        }
    }

    /// `replay_seek`: goes to where `count` instructions are complete, and stops there.
    ///
    /// # Errors
    /// Why not.
    pub fn replay_seek(
        &mut self,
        period: &mut Period<'_>,
        main_loop: &mut MainLoop,
        count: u64,
    ) -> Result<(), String> {
        self.must_replay()?;
        self.stop(period, RunState::Paused);
        if self.history.is_none() && count < self.count() {
            return Err("a replay that can go back begins with --history MIB".into());
        }
        self.go_back_from_now_on(period);
        let interruptions = Arc::clone(&self.interruptions);
        let mut trip = Trip {
            period,
            main_loop,
            interrupted: &|| interruptions.any(),
        };
        let outcome = self.seek(&mut trip, count);
        self.state = RunState::Paused;
        match outcome? {
            Outcome::Arrived => Ok(()),
            Outcome::End => Err(format!("the recording ends at instruction {}", self.count())),
            Outcome::Interrupted => Err(format!("interrupted at instruction {}", self.count())),
        }
    }

    /// `replay_break` and `replay_delete_break`.
    ///
    /// # Errors
    /// Why not.
    pub fn replay_break(&mut self, period: &mut Period<'_>, count: Option<u64>) -> Result<(), String> {
        self.must_replay()?;
        if let Some(count) = count.filter(|&count| count <= self.count()) {
            return Err(format!(
                "instruction {count} is in the past: now is {}",
                self.count()
            ));
        }
        if count.is_some() || self.history.is_some() {
            self.go_back_from_now_on(period);
        }
        if let Some(history) = &mut self.history {
            history.break_at = count;
        }
        self.plan_stop();
        Ok(())
    }

    /// Somebody uses the past: from now on it is kept.
    fn go_back_from_now_on(&mut self, period: &mut Period<'_>) {
        self.begin_history(period);
        if let Some(history) = &mut self.history {
            history.automatic = true;
        }
    }

    /// `replay_live`: the machine goes on without its recording.
    ///
    /// # Errors
    /// Why not.
    pub fn replay_live(&mut self, period: &mut Period<'_>) -> Result<(), String> {
        self.must_replay()?;
        if self.is_at_end() && self.has_ended_itself() {
            return Err("the guest has ended here: go back first".into());
        }
        let state = self.state;
        self.stop(period, state);
        self.cpus.set_stop_at(None);
        self.replay.go_live();
        self.shown.forget();
        self.history = None;
        self.halt = None;
        self.outsides.accept_input();
        Ok(())
    }

    /// Text of `info replay`.
    pub fn describe_replay(&self) -> String {
        let count = self.count();
        match self.replay.mode() {
            Mode::None => "not a replay, nor recorded\n".into(),
            Mode::Record => format!("recording: instruction {count}\n"),
            Mode::Play => {
                let mut text = format!("replaying: instruction {count}\n");
                if let Some(position) = self.replay.position() {
                    text += &format!("events so far: {}\n", position.index);
                }
                if let Some(history) = &self.history {
                    let first = history.first().unwrap_or_default();
                    text += &format!(
                        "{} snapshots from instruction {first} on, {} MiB\n",
                        history.len(),
                        self.past.lock().memory.store().bytes() >> 20
                    );
                    if let Some(at) = history.break_at {
                        text += &format!("stops at instruction {at}\n");
                    }
                }
                if self.is_at_end() {
                    text += "the recording ends here\n";
                }
                text
            }
        }
    }
}
