//! The publish protocol: view first, then generation.
