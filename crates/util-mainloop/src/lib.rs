//! Event loop, timers, bottom halves and the big lock
