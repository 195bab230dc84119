//! Runs one instruction many times and says how many cases a second the oracle does.
//!
//! `cargo run -p host-oracle --example throughput`

use host_oracle::{Oracle, Outcome, State, features};

#[allow(clippy::disallowed_methods)] // A measurement; no device or guest sees this clock.
fn main() -> Result<(), host_oracle::Error> {
    let mut oracle = Oracle::new()?;
    println!("{:?}", features());
    let start = std::time::Instant::now();
    let cases = 100_000u32;
    let mut state = State::new();
    for case in 0..cases {
        state = State::new();
        state.ymm[1] = [u64::from(case), 2, 3, 4];
        // vpaddq ymm0, ymm1, ymm1 or, without AVX, add rax, 1
        let code: &[u8] = if features().avx2 {
            &[0xc5, 0xf5, 0xd4, 0xc1]
        } else {
            &[0x48, 0x83, 0xc0, 0x01]
        };
        assert_eq!(oracle.run(code, &mut state)?, Outcome::Done);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} cases/s; ymm0 = {:x?}",
        f64::from(cases) / seconds,
        state.ymm[0]
    );
    Ok(())
}
