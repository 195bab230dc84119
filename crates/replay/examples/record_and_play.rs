//! A counter that a person may poke, recorded into a file and played from it: two different hosts, one history.
//!
//! `cargo run -p replay --example record_and_play [LOG]`, then `reprise replay-log dump LOG`

use replay::{
    CharChange, ClockKind, Divergence, Event, Facts, Header, Instant, LogError, Player, Recorder, Replay,
    Shutdown,
};
use std::path::PathBuf;
use util_mainloop::BigLock;

/// "Executes" 1000 instructions, of which every 250th asks for the time; `host` pokes at some of them.
fn run(replay: &Replay, host: impl Fn(u64) -> Option<Event>, time: i64) -> Result<u64, Divergence> {
    let mut state = 1u64;
    let _period = replay.lock();
    for count in 0..1000 {
        let now = Instant::new(count, 0, 0);
        // Outside: whatever comes goes into the queue, which a replay does not listen to.
        if let Some(event) = host(count) {
            replay.submit(event);
        }
        // The boundary: what is due, by the queue or by the log.
        while let Some(event) = replay.due(now)? {
            println!("  at {now}: {event}");
            state += 1000;
        }
        // The instruction.
        if count % 250 == 0 {
            state ^= replay.clock(now, ClockKind::Host, || time)? as u64;
        }
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7);
    }
    replay.finish(Instant::new(1000, 0, 0), Shutdown::GuestShutdown, state)?;
    Ok(state)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join(format!("example-{}.rrlog", std::process::id())),
        PathBuf::from,
    );
    let recorded = record(&path)?;
    println!("recorded: {recorded:016x}");
    let played = {
        let player = Player::open(&path)?;
        let replay = Replay::player(&BigLock::new(), player);
        run(&replay, |_| None, 2)?
    };
    println!("played:   {played:016x}");
    assert_eq!(recorded, played);
    // A run that is not the same is told so, and where.
    let other = Replay::player(&BigLock::new(), Player::open(&path)?);
    let _period = other.lock();
    if let Err(divergence) = other.due(Instant::new(777, 0, 0)) {
        println!("{divergence}");
    }
    Ok(())
}

fn record(path: &std::path::Path) -> Result<u64, LogError> {
    let header = Header::new(1, "record_and_play", Vec::new(), Facts::default());
    let replay = Replay::recorder(&BigLock::new(), Recorder::file(path, header, None)?);
    let pokes = |count| match count {
        120 | 640 => Some(Event::CharInput {
            driver: 0,
            bytes: b"poke".to_vec(),
        }),
        700 => Some(Event::CharEvent {
            driver: 0,
            what: CharChange::Closed,
        }),
        _ => None,
    };
    Ok(run(&replay, pokes, 1).expect("a recording diverges from nothing"))
}
