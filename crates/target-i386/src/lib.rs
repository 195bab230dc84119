//! The x86 guest CPU: state, decode, paging, faults, interpreter
