//! Execution loop, vCPU thread and counted time
