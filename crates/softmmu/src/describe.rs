//! Tree and flat view as text.
