//! The compiling thread: whom it serves, what it writes down, and when retired code makes room.

use super::*;
use target_i386::Features;
use target_i386::testbench::{Mode, TestBench};

/// l: add eax, 3; inc ecx; jmp l
fn region() -> Box<Region> {
    let key = TestBench::new(Mode::Long)
        .cpu
        .jit_key()
        .expect("a mode for generated code");
    let mut page = [0xf4; 4096];
    page[..7].copy_from_slice(&[0x83, 0xc0, 0x03, 0xff, 0xc1, 0xeb, 0xf9]);
    Box::new(Region::form(&page, 0, key, Features::all()).expect("a loop"))
}

fn compiler(size: usize, wish: Wish) -> Arc<Compiler> {
    Compiler::new(CodeBuffer::new(size).expect("memory"), wish).expect("a thread")
}

#[test]
fn one_thread_serves_all_vcpus() {
    let compiler = compiler(1 << 16, Wish::default());
    let mut clients = [compiler.client(), compiler.client()];
    for (n, client) in clients.iter().enumerate() {
        client.compile(n as Ticket, region());
    }
    let answers = clients.each_mut().map(|client| client.wait().expect("an answer"));
    let places = answers.map(|answer| (answer.ticket, answer.compiled.expect("compiled").code));
    assert_eq!(places.map(|(ticket, _)| ticket), [0, 1]);
    assert_ne!(places[0].1, places[1].1);
    assert!(clients.iter().all(|client| client.answer().is_none()));
}

/// Everything one region of a size takes up, until there is no room.
#[test]
fn retired_code_makes_room_once_every_vcpu_has_passed() {
    let compiler = compiler(4096, Wish::default());
    let (mut own, mut other) = (compiler.client(), compiler.client());
    own.enter();
    other.enter();
    let mut ids = Vec::new();
    let ask = |own: &mut Client| {
        own.compile(0, region());
        let answer = own.wait().expect("an answer");
        assert_eq!(answer.compiled.is_none(), answer.full.is_some());
        answer.compiled.map(|compiled| compiled.id)
    };
    while let Some(id) = ask(&mut own) {
        ids.push(id);
    }
    assert!(ids.len() > 1);
    own.retire(ids[0]);
    (0..8).for_each(|_| own.pass());
    assert!(ask(&mut own).is_none(), "the other vCPU may be inside");
    other.pass();
    (0..8).for_each(|_| own.pass());
    (0..8).for_each(|_| other.pass());
    assert_eq!(own.reclaimed(), 1);
    assert_eq!(ask(&mut own), Some(ids[0]));
    // A vCPU that goes away takes nobody's code along, and the thread ends with the last.
    drop(other);
    assert!(ask(&mut own).is_none());
}

#[test]
fn listings_are_written_on_demand() {
    for wish in [
        Wish::default(),
        Wish {
            clif: true,
            host: true,
        },
    ] {
        let compiler = compiler(4096, wish);
        let mut client = compiler.client();
        client.compile(0, region());
        let compiled = client
            .wait()
            .and_then(|answer| answer.compiled)
            .expect("compiled");
        assert_eq!(compiled.listing.is_some(), wish.any());
    }
}
