//! Lists what is in a snapshot's file, and whether it is sound: `look FILE`. Without a file it makes a small snapshot
//! of its own and lists that.

use migration::{Head, Identity, Item, Section, SnapshotError, SnapshotReader, SnapshotWriter};
use std::io::Read;

fn look(from: impl Read) -> Result<(), SnapshotError> {
    let mut reader = SnapshotReader::new(from)?;
    println!("{:#?}", reader.head());
    let (mut pages, mut zero) = (0, 0);
    while let Some(item) = reader.next()? {
        match item {
            Item::Section(s) => println!(
                "{} {}: version {}, {} bytes",
                s.name,
                s.instance,
                s.version,
                s.bytes.len()
            ),
            Item::Block { name, size } => println!("RAM block {name}: {size} bytes"),
            Item::Pages(batch) => batch.iter().for_each(|(_, bytes)| match bytes {
                Some(_) => pages += 1,
                None => zero += 1,
            }),
        }
    }
    println!("{pages} pages, {zero} zero ones; sound");
    Ok(())
}

fn small() -> Result<Vec<u8>, SnapshotError> {
    let head = Head {
        identity: Identity::default().with("memory", "1 MiB"),
        ..Head::default()
    };
    let mut writer = SnapshotWriter::new(Vec::new(), &head)?;
    writer.section(&Section {
        name: "lamp".into(),
        instance: 0,
        version: 1,
        bytes: vec![1],
    })?;
    writer.block("ram", 1 << 20)?;
    writer.page(3, Some(&[0x90; 4096]))?;
    Ok(writer.finish()?.0)
}

fn main() {
    let result = match std::env::args().nth(1) {
        Some(path) => std::fs::File::open(path)
            .map_err(SnapshotError::from)
            .and_then(look),
        None => small().and_then(|bytes| look(&bytes[..])),
    };
    if let Err(error) = result {
        eprintln!("look: {error}");
        std::process::exit(1);
    }
}
