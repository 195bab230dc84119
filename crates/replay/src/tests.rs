//! The crate as its users see it: the locks, the log under damage, recording and playing, rings.

mod damage;
mod inspecting;
mod lock;
mod playing;
mod ring;
mod samples;
