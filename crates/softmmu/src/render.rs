//! From tree to flat view.
