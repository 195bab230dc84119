//! Small scenes, drawn and compared as data.

use crate::spec::*;
use crate::tests::Board;
use hw_core::{Display, Surface, TextCell};

fn draw(board: &Board) -> Surface {
    let mut surface = Surface::default();
    board.vga.draw(&mut surface);
    surface
}

/// A part of a picture, a letter for each of `colours`.
fn part(
    surface: &Surface,
    (x, y): (usize, usize),
    (width, height): (usize, usize),
    colours: &[u32],
) -> Vec<String> {
    (y..y + height)
        .map(|y| {
            let letter = |pixel: &u32| match colours.iter().position(|colour| colour == pixel) {
                Some(n) => (b'a' + n as u8) as char,
                None => '?',
            };
            surface.row(y)[x..x + width].iter().map(letter).collect()
        })
        .collect()
}

fn attribute(board: &Board, index: usize, value: u8) {
    board.input(port::STATUS);
    board.out(port::ATTRIBUTE, index as u8);
    board.out(port::ATTRIBUTE, value);
    board.out(port::ATTRIBUTE, 0x20);
}

fn colour(board: &Board, index: u8, [red, green, blue]: [u8; 3]) {
    board.out(port::DAC_WRITE, index);
    for value in [red, green, blue] {
        board.out(port::DAC_DATA, value);
    }
}

const BLACK: u32 = 0;
const GREY: u32 = 0xaa_aaaa;
const BLUE: u32 = 0x00_00aa;
const YELLOW: u32 = 0xff_ff55;

/// Graphics from mode 3's timing, with planes of 16 colours or 256.
fn graphics(board: &Board, mode: u8, memory: u8) {
    board.vga.mode3();
    board.set(port::SEQUENCER, seq::CLOCKING, 0x01);
    board.set(port::SEQUENCER, seq::MEMORY, memory);
    board.set(port::SEQUENCER, seq::MAP_MASK, 0x0f);
    board.set(port::GRAPHICS, gfx::MISC, 0x05);
    board.set(port::GRAPHICS, gfx::MODE, mode);
    board.set(port::CRTC, crtc::MAX_SCAN, 0x40);
    board.set(port::CRTC, crtc::MODE, 0xe3);
    attribute(board, attr::MODE, 0x01);
    attribute(board, attr::PANNING, 0);
    let zeros = [0; 0x1_0000];
    board.vga.vram().write(0, &zeros).expect("memory");
}

#[test]
fn nothing_is_shown_after_reset() {
    let surface = draw(&Board::new());
    assert_eq!((surface.width, surface.height), (640, 400));
    assert!(surface.pixels.iter().all(|&pixel| pixel == 0));
}

#[test]
fn text_has_nine_dots_and_a_cursor() {
    let board = Board::new();
    board.vga.mode3();
    // A left arrow head would do; the frame's corner shows the ninth dot.
    for (at, byte) in [0xc4, 0x1e, b'|', 0x07].into_iter().enumerate() {
        board.poke(0xb_8000 + at as u64, byte);
    }
    board.set(port::CRTC, crtc::CURSOR + 1, 2);
    let surface = draw(&board);
    assert_eq!((surface.width, surface.height), (720, 400));
    assert_eq!(
        part(&surface, (0, 5), (28, 11), &[BLUE, YELLOW, BLACK, GREY]),
        [
            "aaaaaaaaaccddcccccccccccccccc",
            "aaaaaaaaaccddcccccccccccccccc",
            "bbbbbbbbbccddcccccccccccccccc",
            "aaaaaaaaaccddcccccccccccccccc",
            "aaaaaaaaaccddcccccccccccccccc",
            "aaaaaaaaaccddcccccccccccccccc",
            "aaaaaaaaaccddcccccccccccccccc",
            "aaaaaaaaaccddcccccccccccccccc",
            "aaaaaaaaaccddcccccdddddddddcc",
            "aaaaaaaaacccccccccdddddddddcc",
            "aaaaaaaaacccccccccccccccccccc",
        ]
        .map(|row| &row[..28])
    );
    // Half a period on it is gone.
    board.clock.advance(134_000_000);
    assert_eq!(part(&draw(&board), (18, 13), (9, 1), &[BLACK])[0], "aaaaaaaaa");
}

#[test]
fn characters_blink_and_attributes_can_have_bright_backgrounds() {
    let board = Board::new();
    board.vga.mode3();
    board.poke(0xb_8000, 0xdb);
    board.poke(0xb_8001, 0x9e);
    let cell = |board: &Board| board.vga.text().expect("text").cells[0];
    let shown = |attribute| TextCell {
        character: 0xdb,
        attribute,
    };
    assert_eq!(cell(&board), shown(0x1e));
    board.clock.advance(270_000_000);
    assert_eq!(cell(&board), shown(0x11));
    assert_eq!(draw(&board).row(0)[0], BLUE);
    attribute(&board, attr::MODE, 0x04);
    assert_eq!(cell(&board), shown(0x9e));
}

#[test]
fn the_text_screen_knows_its_cursor_and_where_it_starts() {
    let board = Board::new();
    board.vga.mode3();
    board.poke(0xb_8000 + 2 * 85, b'!');
    board.set(port::CRTC, crtc::START + 1, 80);
    board.set(port::CRTC, crtc::CURSOR + 1, 80 + 83);
    let screen = board.vga.text().expect("text");
    assert_eq!((screen.columns, screen.rows, screen.cells.len()), (80, 25, 2000));
    assert_eq!(screen.cells[5].character, b'!');
    assert_eq!(screen.cursor, Some((3, 1)));
    board.set(port::CRTC, crtc::CURSOR_START, 0x2d);
    assert_eq!(board.vga.text().expect("text").cursor, None);
}

#[test]
fn two_fonts_by_attribute() {
    let board = Board::new();
    board.vga.mode3();
    // Font A at 16 KiB: attributes with bit 3 use it.
    board.set(port::SEQUENCER, seq::FONTS, 0x04);
    board
        .vga
        .vram()
        .store::<u8>((0x4000 + 65 * 32) * 4 + 2, 0xf0)
        .expect("memory");
    for (at, byte) in [b'A', 0x07, b'A', 0x0f].into_iter().enumerate() {
        board.poke(0xb_8000 + at as u64, byte);
    }
    let row = part(&draw(&board), (0, 0), (18, 1), &[BLACK, 0xff_ffff]).remove(0);
    assert_eq!(row, "aaaaaaaaabbbbaaaaa");
}

#[test]
fn planes_make_sixteen_colours() {
    let board = Board::new();
    graphics(&board, 0x00, 0x06);
    // Eight dots: colours 0, 1, 2, 4, 14, 14, 0, 15.
    board
        .vga
        .vram()
        .write(0, &[0b0100_0001, 0b0010_1101, 0b0001_1101, 0b0000_1101])
        .expect("memory");
    let colours = [BLACK, BLUE, 0x00_aa00, 0xaa_0000, YELLOW, 0xff_ffff];
    let surface = draw(&board);
    assert_eq!((surface.width, surface.height), (640, 400));
    assert_eq!(part(&surface, (0, 0), (8, 1), &colours), ["abcdeeaf"]);
    // A plane that is not shown; three dots to the left.
    attribute(&board, attr::PLANES, 0x0e);
    attribute(&board, attr::PANNING, 3);
    assert_eq!(part(&draw(&board), (0, 0), (6, 1), &colours), ["deeaea"]);
}

#[test]
fn mode_13h_doubles_its_bytes() {
    let board = Board::new();
    graphics(&board, 0x40, 0x0e);
    board.set(port::CRTC, crtc::MAX_SCAN, 0x41);
    colour(&board, 200, [63, 0, 0]);
    colour(&board, 7, [0, 63, 0]);
    board.poke(0xa_0001, 200);
    board.poke(0xa_0000 + 320, 7);
    let surface = draw(&board);
    let colours = [BLACK, 0xff_0000, 0x00_ff00];
    assert_eq!(
        part(&surface, (0, 0), (6, 5), &colours),
        ["aabbaa", "aabbaa", "ccaaaa", "ccaaaa", "aaaaaa"]
    );
}

#[test]
fn mode_x_writes_one_plane_in_four() {
    let board = Board::new();
    graphics(&board, 0x40, 0x06);
    colour(&board, 5, [0, 0, 63]);
    board.set(port::SEQUENCER, seq::MAP_MASK, 0x04);
    board.poke(0xa_0001, 5);
    assert_eq!(
        part(&draw(&board), (8, 0), (8, 1), &[BLACK, 0x00_00ff]),
        ["aaaabbaa"]
    );
}

#[test]
fn a_split_screen_starts_again_at_address_0() {
    let board = Board::new();
    graphics(&board, 0x00, 0x06);
    board.vga.vram().write(0, &[0xff; 4]).expect("memory");
    board.set(port::CRTC, crtc::START, 0x10);
    board.set(port::CRTC, crtc::MAX_SCAN, 0);
    board.set(port::CRTC, crtc::V_RETRACE_END, 0x0e);
    board.set(port::CRTC, crtc::OVERFLOW, 0x0f);
    board.set(port::CRTC, crtc::LINE_COMPARE, 99);
    attribute(&board, attr::PANNING, 4);
    attribute(&board, attr::MODE, 0x21);
    let column = |x| -> Vec<usize> {
        let surface = draw(&board);
        (0..400).filter(|&y| surface.row(y)[x] != 0).collect()
    };
    assert_eq!(column(0), [100]);
    assert_eq!(column(7), [100], "the lower part does not pan");
    attribute(&board, attr::MODE, 0x01);
    assert_eq!(column(7), Vec::<usize>::new());
}

#[test]
fn cga_lines_are_interleaved() {
    let board = Board::new();
    graphics(&board, 0x30, 0x02);
    board.set(port::GRAPHICS, gfx::MISC, 0x0f);
    board.set(port::CRTC, crtc::MAX_SCAN, 0xc1);
    board.set(port::CRTC, crtc::MODE, 0xa2);
    // Colours 3 and 1 in the first byte, 2 in the second; the second line is 8 KiB on.
    board.poke(0xb_8000, 0b1101_0000);
    board.poke(0xb_8001, 0b1000_0000);
    board.poke(0xb_a000, 0b0000_0011);
    let colours = [BLACK, BLUE, 0x00_aa00, 0x00_aaaa];
    assert_eq!(
        part(&draw(&board), (0, 0), (8, 5), &colours),
        ["dbaacaaa", "dbaacaaa", "aaadaaaa", "aaadaaaa", "aaaaaaaa"]
    );
}

#[test]
fn linear_modes_of_every_depth() {
    #[rustfmt::skip]
    let cases: &[(u16, &[u8], &[u32])] = &[
        (8, &[1, 2], &[0xff_0000, 0x00_ff00]),
        (15, &[0x00, 0x7c, 0x1f, 0x02], &[0xff_0000, 0x00_84ff]),
        (16, &[0x00, 0xf8, 0xe0, 0x07], &[0xff_0000, 0x00_ff00]),
        (24, &[1, 2, 3, 4, 5, 6], &[0x03_0201, 0x06_0504]),
        (32, &[1, 2, 3, 0xff, 4, 5, 6, 0xff], &[0x03_0201, 0x06_0504]),
    ];
    for (bpp, bytes, expected) in cases {
        let board = Board::new();
        board.vga.mode3();
        colour(&board, 1, [63, 0, 0]);
        colour(&board, 2, [0, 63, 0]);
        for (register, value) in [
            (dispi::X, 64),
            (dispi::Y, 64),
            (dispi::BPP, *bpp),
            (dispi::ENABLE, 0x41),
        ] {
            board.dispi(register, value);
        }
        board.dispi(dispi::VIRTUAL_WIDTH, 128);
        board.dispi(dispi::X_OFFSET, 8);
        board.dispi(dispi::Y_OFFSET, 1);
        let bytes_of = u64::from(bpp.div_ceil(8));
        board
            .vga
            .vram()
            .write((128 + 8) * bytes_of, bytes)
            .expect("memory");
        let surface = draw(&board);
        assert_eq!((surface.width, surface.height), (64, 64));
        assert_eq!(&surface.row(0)[..2], *expected, "{bpp} bits");
    }
}

#[test]
fn sixteen_colours_of_the_extension() {
    let board = Board::new();
    board.vga.mode3();
    for (register, value) in [
        (dispi::X, 800),
        (dispi::Y, 600),
        (dispi::BPP, 4),
        (dispi::ENABLE, 0x41),
    ] {
        board.dispi(register, value);
    }
    board.set(port::SEQUENCER, seq::MAP_MASK, 0x01);
    board.set(port::GRAPHICS, gfx::MODE, 0);
    board.poke(0xa_0000 + 100, 0x80);
    let surface = draw(&board);
    assert_eq!((surface.width, surface.height), (800, 600));
    assert_eq!(part(&surface, (0, 1), (3, 1), &[BLACK, BLUE]), ["baa"]);
}

#[test]
fn the_screen_can_be_off() {
    let board = Board::new();
    board.vga.mode3();
    board.poke(0xb_8000, 0xdb);
    board.set(port::SEQUENCER, seq::CLOCKING, 0x20);
    assert!(draw(&board).pixels.iter().all(|&pixel| pixel == 0));
    assert_eq!(board.vga.text(), None);
}
