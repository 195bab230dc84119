//! Layouts: which key, with which modifiers, makes a character. The guest has to use the same one.

use super::code;

/// How a character is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// The key.
    pub code: u16,
    /// With Shift.
    pub shift: bool,
    /// With Alt Gr.
    pub alt_gr: bool,
}

/// Keys with consecutive codes: the first one's code; what they make alone, with Shift, with Alt Gr. A `·` is nothing.
type Row = (u16, &'static str, &'static str, &'static str);

/// A layout.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Its name, as `-k` takes it.
    pub name: &'static str,
    rows: &'static [Row],
}

#[rustfmt::skip]
const LAYOUTS: &[Layout] = &[
    Layout { name: "en-us", rows: &[
        (2, "1234567890-=", "!@#$%^&*()_+", ""),
        (16, "qwertyuiop[]", "QWERTYUIOP{}", ""),
        (30, "asdfghjkl;'`", "ASDFGHJKL:\"~", ""),
        (43, "\\zxcvbnm,./", "|ZXCVBNM<>?", ""),
    ]},
    Layout { name: "en-gb", rows: &[
        (2, "1234567890-=", "!\"£$%^&*()_+", "···€"),
        (16, "qwertyuiop[]", "QWERTYUIOP{}", ""),
        (30, "asdfghjkl;'`", "ASDFGHJKL:@¬", "···········¦"),
        (43, "#zxcvbnm,./", "~ZXCVBNM<>?", ""),
        (86, "\\", "|", ""),
    ]},
    Layout { name: "de", rows: &[
        (2, "1234567890ß´", "!\"§$%&/()=?`", "·²³···{[]}\\"),
        (16, "qwertzuiopü+", "QWERTZUIOPÜ*", "@·€········~"),
        (30, "asdfghjklöä^", "ASDFGHJKLÖÄ°", ""),
        (43, "#yxcvbnm,.-", "'YXCVBNM;:_", "·······µ"),
        (86, "<", ">", "|"),
    ]},
    Layout { name: "de-ch", rows: &[
        (2, "1234567890'^", "+\"*ç%&/()=?`", "¦@#··¬|¢··´~"),
        (16, "qwertzuiopü¨", "QWERTZUIOPè!", "··€·······[]"),
        (30, "asdfghjklöä§", "ASDFGHJKLéà°", "··········{"),
        (43, "$yxcvbnm,.-", "£YXCVBNM;:_", "}"),
        (86, "<", ">", "\\"),
    ]},
    Layout { name: "fr", rows: &[
        (2, "&é\"'(-è_çà)=", "1234567890°+", "·~#{[|`\\^@]}"),
        (16, "azertyuiop^$", "AZERTYUIOP¨£", "··€········¤"),
        (30, "qsdfghjklmù²", "QSDFGHJKLM%·", ""),
        (43, "*wxcvbn,;:!", "µWXCVBN?./§", ""),
        (86, "<", ">", ""),
    ]},
    Layout { name: "es", rows: &[
        (2, "1234567890'¡", "!\"·$%&/()=?¿", "|@#~€¬"),
        (16, "qwertyuiop`+", "QWERTYUIOP^*", "··········[]"),
        (30, "asdfghjklñ´º", "ASDFGHJKLÑ¨ª", "··········{\\"),
        (43, "çzxcvbnm,.-", "ÇZXCVBNM;:_", "}"),
        (86, "<", ">", ""),
    ]},
    Layout { name: "it", rows: &[
        (2, "1234567890'ì", "!\"£$%&/()=?^", ""),
        (16, "qwertyuiopè+", "QWERTYUIOPé*", "··€·······[]"),
        (30, "asdfghjklòà\\", "ASDFGHJKLç°|", "·········@#"),
        (43, "ùzxcvbnm,.-", "§ZXCVBNM;:_", ""),
        (86, "<", ">", ""),
    ]},
];

/// A place in a row that makes nothing.
const NOTHING: char = '·';

impl Default for Layout {
    fn default() -> Self {
        LAYOUTS[0]
    }
}

impl Layout {
    /// The layout called `name`.
    pub fn named(name: &str) -> Option<Self> {
        LAYOUTS.iter().find(|layout| layout.name == name).copied()
    }

    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        LAYOUTS.iter().map(|layout| layout.name)
    }

    /// How `character` is typed; none if no key makes it.
    pub fn stroke(&self, character: char) -> Option<Stroke> {
        let plain = |code| Stroke {
            code,
            shift: false,
            alt_gr: false,
        };
        match character {
            ' ' => return Some(plain(code::SPACE)),
            '\n' | '\r' => return Some(plain(code::ENTER)),
            '\t' => return Some(plain(code::TAB)),
            NOTHING => return None,
            _ => {}
        }
        // What needs no modifier first: some layouts have a character twice.
        let levels = [(false, false), (true, false), (false, true)];
        levels
            .into_iter()
            .enumerate()
            .find_map(|(level, (shift, alt_gr))| {
                self.rows.iter().find_map(|row| {
                    let keys = [row.1, row.2, row.3][level];
                    let at = keys.chars().position(|key| key == character)?;
                    Some(Stroke {
                        code: row.0 + at as u16,
                        shift,
                        alt_gr,
                    })
                })
            })
    }
}
