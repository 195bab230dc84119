//! Record and replay: modes, the replay lock, checkpoints
