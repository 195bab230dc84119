//! The PC: devices, tables, direct boot and the pc machine
