//! Assembles a runnable machine from devices, CPU, engine and backends
