//! The machine as a viewer has it: what the screen shows, and what is done with keyboard and pointer.
//!
//! Looking changes nothing. What is done goes through the machine's queue, so a recorded run has it, and a replay drops it.

use crate::input::{Input, recorded};
use crate::running::Machine;
use hw_core::{InputEvent, Surface, TextScreen};
use hw_i386::pc::Pc;
use replay::{Event, Replay};
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use ui::Console;
use ui::picture::{self, Format};

impl Machine {
    /// Writes what the screen shows to a file, which appears only when it is complete: in this format, else PNG if its
    /// name ends so, else PPM.
    ///
    /// # Errors
    /// The host's file system, in one line.
    pub fn screendump(&self, path: &str, format: Option<&str>) -> Result<(), String> {
        let format = match format {
            Some(name) => {
                Format::named(name).ok_or_else(|| format!("a picture is png or ppm, not '{name}'"))?
            }
            None if path.to_ascii_lowercase().ends_with(".png") => Format::Png,
            None => Format::Ppm,
        };
        let mut surface = Surface::default();
        self.screen.draw(&mut surface);
        let part = format!("{path}.part");
        let written = File::create(&part)
            .and_then(|file| picture::write(&surface, format, BufWriter::new(file)))
            .and_then(|()| std::fs::rename(&part, path));
        written.map_err(|error| {
            // What went wrong is said; the piece may not even be there.
            let _ = std::fs::remove_file(&part);
            format!("{path}: {error}")
        })
    }

    /// Text of the monitor's `info vnc`.
    pub fn describe_viewers(&self) -> String {
        let Some(server) = &self.vnc else {
            return "Server: disabled\n".to_owned();
        };
        let places = server
            .places()
            .into_iter()
            .map(|place| format!("Server: {place}\n"));
        let viewers = server.clients().into_iter().map(|viewer| {
            let how = if viewer.websocket { " (WebSocket)" } else { "" };
            format!("Client: {}{how}\n", viewer.address)
        });
        places.chain(viewers).collect()
    }
}

/// What a machine without a display adapter shows: a black picture of this size.
const NOTHING: (usize, usize) = (640, 480);

/// The console of one machine.
pub(crate) struct Screen {
    pc: Arc<Pc>,
    input: Arc<Input>,
    replay: Arc<Replay>,
}

impl Screen {
    /// That of `pc`.
    pub fn new(pc: &Arc<Pc>, input: &Arc<Input>, replay: &Arc<Replay>) -> Arc<Self> {
        Arc::new(Self {
            pc: Arc::clone(pc),
            input: Arc::clone(input),
            replay: Arc::clone(replay),
        })
    }
}

impl Console for Screen {
    fn draw(&self, surface: &mut Surface) {
        match self.pc.displays().first() {
            Some(display) => display.draw(surface),
            None => surface.resize(NOTHING.0, NOTHING.1),
        }
    }

    fn text(&self) -> Option<TextScreen> {
        self.pc.displays().first()?.text()
    }

    fn input(&self, events: &[InputEvent]) {
        for &event in events {
            if let Some(Event::Input(event)) = self.replay.submit(Event::Input(recorded(event))) {
                self.input.arrive(&event);
            }
        }
        if self.replay.submit(Event::InputSync).is_some() {
            self.input.sync();
        }
    }

    fn is_absolute(&self) -> bool {
        self.input.is_absolute()
    }
}
