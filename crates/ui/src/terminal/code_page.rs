//! Code page 437 as Unicode, the pictures among the control characters included.

/// The characters of 00h to 1Fh, 7Fh, and 80h to FFh.
const LOW: &str = "\u{20}☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const HIGH: &str = "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{20}";

/// All 256, to be made once.
pub(super) fn table() -> [char; 256] {
    let mut table = [' '; 256];
    let ascii = (0x20..0x7fu8).map(char::from);
    for (to, character) in table.iter_mut().zip(LOW.chars().chain(ascii).chain(HIGH.chars())) {
        *to = character;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_character_has_its_place() {
        let table = super::table();
        assert_eq!(super::LOW.chars().count(), 32);
        assert_eq!(super::HIGH.chars().count(), 129);
        for (code, character) in [
            (0x01, '☺'),
            (0x1f, '▼'),
            (b'A', 'A'),
            (b'~', '~'),
            (0x7f, '⌂'),
            (0x80, 'Ç'),
            (0xb0, '░'),
            (0xc9, '╔'),
            (0xdb, '█'),
            (0xe1, 'ß'),
            (0xfe, '■'),
        ] {
            assert_eq!(table[usize::from(code)], character, "{code:#x}");
        }
    }
}
