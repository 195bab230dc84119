//! The human monitor: line editor and commands
