//! What a command answers when it fails.

use serde_json::{Value, json};

/// Error classes; all but one are for programs that know what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No such command, or not now.
    CommandNotFound,
    /// Everything else.
    Generic,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Its class.
    pub class: Class,
    /// For people.
    pub text: String,
}

impl Error {
    /// Of the class that is none.
    pub fn generic(text: impl Into<String>) -> Self {
        Self {
            class: Class::Generic,
            text: text.into(),
        }
    }

    /// No such command, or not now.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self {
            class: Class::CommandNotFound,
            text: text.into(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let class = match self.class {
            Class::CommandNotFound => "CommandNotFound",
            Class::Generic => "GenericError",
        };
        json!({ "class": class, "desc": self.text })
    }
}
