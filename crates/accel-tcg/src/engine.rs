//! The choice of engine, as `-accel tcg,engine=NAME` names it.

use std::str::FromStr;

/// An engine that this build has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The interpreter: reference semantics for every instruction.
    #[default]
    Interpreter,
}

/// Not an engine of this build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an engine of this build; it has interp and auto")]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    /// `interp`, or `auto` for the fastest there is.
    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        match name {
            "interp" | "auto" => Ok(Self::Interpreter),
            _ => Err(UnknownEngine(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!("auto".parse(), Ok(Engine::Interpreter));
        assert_eq!("interp".parse(), Ok(Engine::Interpreter));
        assert!(
            "warp"
                .parse::<Engine>()
                .unwrap_err()
                .to_string()
                .contains("'warp'")
        );
    }
}
