//! Address expressions: numbers, `$register`, `+`, `-`, `*`, parentheses. 64-bit wrapping arithmetic.

use crate::Target;

/// Evaluates `text`.
///
/// # Errors
/// A line that says what is wrong with it.
pub fn evaluate(text: &str, target: &mut dyn Target) -> Result<u64, String> {
    let mut parser = Parser {
        rest: text.trim(),
        target,
        depth: 0,
    };
    let value = parser.sum()?;
    match parser.rest {
        "" => Ok(value),
        rest => Err(format!("unexpected '{rest}' in '{text}'")),
    }
}

/// Deeper nesting than anyone types; bounds the recursion.
const MAX_DEPTH: u32 = 64;

struct Parser<'a> {
    rest: &'a str,
    target: &'a mut dyn Target,
    depth: u32,
}

impl Parser<'_> {
    fn take(&mut self, operator: char) -> bool {
        match self.rest.trim_start().strip_prefix(operator) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Result<u64, String> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value = value.wrapping_add(self.product()?);
            } else if self.take('-') {
                value = value.wrapping_sub(self.product()?);
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<u64, String> {
        let mut value = self.term()?;
        while self.take('*') {
            value = value.wrapping_mul(self.term()?);
        }
        Ok(value)
    }

    fn term(&mut self) -> Result<u64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is nested too deeply".into());
        }
        let value = self.term_unbounded();
        self.depth -= 1;
        value
    }

    fn term_unbounded(&mut self) -> Result<u64, String> {
        if self.take('-') {
            return Ok(self.term()?.wrapping_neg());
        }
        if self.take('(') {
            let value = self.sum()?;
            return if self.take(')') {
                Ok(value)
            } else {
                Err("')' is missing".into())
            };
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.take('$') {
            let name = self.split(word);
            let name = name.to_ascii_lowercase();
            return self
                .target
                .register(&name)
                .ok_or_else(|| format!("no register '${name}'"));
        }
        let digits = self.split(word);
        let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        number.map_err(|_| {
            if digits.is_empty() {
                "an address is missing".into()
            } else {
                format!("'{digits}' is no number")
            }
        })
    }

    fn split(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }
}
