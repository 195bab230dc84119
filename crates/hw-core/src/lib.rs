//! What every device model is built from: interrupt lines, clocks, reset, saved state
