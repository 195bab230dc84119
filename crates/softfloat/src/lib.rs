//! IEEE 754 and x87 80-bit arithmetic with exact flags, the same on every host
