//! A VNC server that shows a moving picture, and prints what viewers type and point at.
//!
//! Run with `cargo run -p ui --example test_pattern [OPTION]`, where the option is as for `-vnc`: `localhost:0` without
//! one, `localhost:0,websocket=on` for browsers.

use hw_core::{InputEvent, Surface, TextScreen};
use std::sync::Arc;
use ui::keys::Layout;
use ui::vnc::{Server, VncOptions};
use ui::{Console, picture};
use util_mainloop::clock::MonotonicClock;
use util_mainloop::timer::TimerList;
use util_mainloop::{MainLoop, Timeout};

struct Pattern(Arc<TimerList>);

impl Console for Pattern {
    fn draw(&self, surface: &mut Surface) {
        surface.resize(640, 480);
        let step = (self.0.now_ns() / 50_000_000) as usize;
        for y in 0..480 {
            for (x, pixel) in surface.row_mut(y).iter_mut().enumerate() {
                let bar = [
                    0xff_ffff, 0xff_ff00, 0x00_ffff, 0x00_ff00, 0xff_00ff, 0xff_0000, 0x00_00ff, 0,
                ][x / 80];
                let moving = (320..352).contains(&y) && (x + 640 - step % 640) % 640 < 32;
                *pixel = if moving { 0x80_8080 } else { bar };
            }
        }
    }

    fn text(&self) -> Option<TextScreen> {
        None
    }

    fn input(&self, events: &[InputEvent]) {
        println!("{events:?}");
    }

    fn is_absolute(&self) -> bool {
        true
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let option = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "localhost:0".to_owned());
    let options = VncOptions::parse(&option)?;
    let mut main_loop = MainLoop::new()?;
    let realtime = TimerList::new(Arc::new(MonotonicClock));
    main_loop.handle().add_timers(&realtime);
    let console = Arc::new(Pattern(Arc::clone(&realtime)));

    let mut surface = Surface::default();
    console.draw(&mut surface);
    let mut file = Vec::new();
    picture::write(&surface, picture::Format::Png, &mut file)?;
    println!("as a PNG the picture has {} bytes", file.len());

    let names = ("test pattern", Layout::default());
    let server = Server::open(&options, console, names, (&main_loop.handle(), &realtime))?;
    println!("listening at {}", server.places().join(" and "));
    loop {
        main_loop.run_once(&mut (), Timeout::NEVER)?;
    }
}
