//! Says what an image is, and what of it is not zero: `cargo run -p block --example image -- FILE`.

use block::{Options, open};

fn main() {
    let Some(path) = std::env::args().nth(1) else {
        println!("usage: image FILE");
        return;
    };
    let image = match open(&path, &Options::READ_ONLY) {
        Ok(image) => image,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    println!("{path}: {}, {} bytes", image.format(), image.size());
    for file in &image.files()[1..] {
        println!("  behind it: {}", file.display());
    }
    let mut used = 0;
    let mut block = vec![0; 64 << 10];
    let mut at = 0;
    while at < image.size() {
        let length = (image.size() - at).min(block.len() as u64) as usize;
        match image.read_at(at, &mut block[..length]) {
            Ok(()) => used += u64::from(block[..length].iter().any(|&byte| byte != 0)),
            Err(error) => {
                eprintln!("{at:#x}: {error}");
                std::process::exit(1);
            }
        }
        at += length as u64;
    }
    println!("  {} KiB hold something", used * 64);
}
