//! The command table and what each command does.

use crate::examine::{Format, Space, examine};
use crate::expression::evaluate;
use crate::{InfoTopic, ReplayAction, SnapshotAction, Target};
use std::fmt::Write;

struct Command {
    name: &'static str,
    short: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&str, &mut Format, &mut dyn Target) -> String,
}

#[rustfmt::skip]
const COMMANDS: &[Command] = &[
    Command { name: "help", short: "?", arguments: "[COMMAND]", help: "lists commands, or explains one", run: help },
    Command { name: "info", short: "", arguments: "TOPIC", help: "shows the machine's state; 'info' alone lists the topics", run: info },
    Command { name: "stop", short: "s", arguments: "", help: "stops the guest", run: |_, _, t| quiet(t, |t| t.stop()) },
    Command { name: "cont", short: "c", arguments: "", help: "lets it run on", run: |_, _, t| quiet(t, |t| t.cont()) },
    Command { name: "system_reset", short: "", arguments: "", help: "presses the reset button", run: |_, _, t| change(t, |t| t.system_reset()) },
    Command { name: "system_powerdown", short: "", arguments: "", help: "presses the power button", run: |_, _, t| change(t, |t| t.system_powerdown()) },
    Command { name: "nmi", short: "", arguments: "", help: "sends a non-maskable interrupt", run: |_, _, t| change(t, |t| t.nmi()) },
    Command { name: "cpu", short: "", arguments: "N", help: "selects the CPU that registers and memory are shown of", run: cpu },
    Command { name: "savevm", short: "", arguments: "NAME", help: "saves the whole machine as a snapshot", run: |a, _, t| snapshot(a, SnapshotAction::Save, t) },
    Command { name: "loadvm", short: "", arguments: "NAME", help: "makes the machine what it was in a snapshot", run: |a, _, t| snapshot(a, SnapshotAction::Load, t) },
    Command { name: "delvm", short: "", arguments: "NAME", help: "deletes a snapshot", run: |a, _, t| snapshot(a, SnapshotAction::Delete, t) },
    Command { name: "eject", short: "", arguments: "[-f] DRIVE", help: "takes the medium out of a drive; -f: even if the guest keeps it", run: eject },
    Command { name: "change", short: "", arguments: "DRIVE FILE [FORMAT]", help: "puts another medium into a drive", run: change_medium },
    Command { name: "sendkey", short: "", arguments: "KEYS [MS]", help: "presses keys together, as in ctrl-alt-f1, for 100 ms or MS", run: send_keys },
    Command { name: "screendump", short: "", arguments: "FILE [-f png|ppm]", help: "writes what the screen shows as PNG (FILE.png, or -f png) or PPM", run: screendump },
    Command { name: "hostfwd_add", short: "", arguments: "[NETWORK] RULE", help: "connections to the host reach the guest: tcp::2222-:22", run: |a, _, t| host_forward(a, true, t) },
    Command { name: "hostfwd_remove", short: "", arguments: "[NETWORK] RULE", help: "and do not any more: tcp::2222", run: |a, _, t| host_forward(a, false, t) },
    Command { name: "replay_seek", short: "", arguments: "COUNT", help: "goes to where COUNT instructions of the replay are complete", run: |a, _, t| replay(a, ReplayAction::Seek, t) },
    Command { name: "replay_break", short: "", arguments: "COUNT", help: "stops the replay there", run: |a, _, t| replay(a, ReplayAction::Break, t) },
    Command { name: "replay_delete_break", short: "", arguments: "", help: "does not", run: |_, _, t| done(t.replay(ReplayAction::DeleteBreak)) },
    Command { name: "replay_live", short: "", arguments: "", help: "leaves the recording: the guest goes on as an ordinary run", run: |_, _, t| done(t.replay(ReplayAction::GoLive)) },
    Command { name: "x", short: "", arguments: "[/FORMAT] ADDRESS", help: "shows memory at a virtual address; FORMAT is COUNT, x d u o c i, b h w g", run: |a, f, t| memory(a, f, Space::Virtual, t) },
    Command { name: "xp", short: "", arguments: "[/FORMAT] ADDRESS", help: "shows memory at a physical address", run: |a, f, t| memory(a, f, Space::Physical, t) },
    Command { name: "memsave", short: "", arguments: "ADDRESS SIZE FILE", help: "writes memory at a virtual address to a file", run: |a, _, t| save_memory(a, Space::Virtual, t) },
    Command { name: "pmemsave", short: "", arguments: "ADDRESS SIZE FILE", help: "writes memory at a physical address to a file", run: |a, _, t| save_memory(a, Space::Physical, t) },
    Command { name: "print", short: "p", arguments: "EXPRESSION", help: "evaluates numbers, $registers, + - * ()", run: print },
    Command { name: "quit", short: "q", arguments: "", help: "ends the emulator", run: |_, _, t| quiet(t, |t| t.quit()) },
];

#[rustfmt::skip]
const TOPICS: &[(&str, InfoTopic, &str)] = &[
    ("status", InfoTopic::Status, "running or paused"),
    ("registers", InfoTopic::Registers, "registers of the selected CPU"),
    ("registers -a", InfoTopic::AllRegisters, "registers of all CPUs"),
    ("mem", InfoTopic::Mem, "mapped virtual addresses"),
    ("tlb", InfoTopic::Tlb, "TLB entries"),
    ("mtree", InfoTopic::Mtree, "memory regions and flat views"),
    ("irq", InfoTopic::Irq, "interrupt lines"),
    ("pic", InfoTopic::Pic, "8259 pair and I/O APIC"),
    ("lapic", InfoTopic::Lapic, "local APIC of the selected CPU"),
    ("pci", InfoTopic::Pci, "PCI functions"),
    ("cpus", InfoTopic::Cpus, "virtual CPUs"),
    ("jit", InfoTopic::Jit, "execution statistics"),
    ("replay", InfoTopic::Replay, "where a replay stands"),
    ("snapshots", InfoTopic::Snapshots, "snapshots that savevm made"),
    ("block", InfoTopic::Block, "drives and what is in them"),
    ("network", InfoTopic::Network, "networks and cards"),
    ("usernet", InfoTopic::Usernet, "connections of user-mode networks"),
    ("vnc", InfoTopic::Vnc, "viewers of the screen"),
    ("qtree", InfoTopic::Qtree, "devices"),
    ("name", InfoTopic::Name, "the machine's name"),
    ("version", InfoTopic::Version, "version of the emulator"),
];

/// Runs one line; the answer's lines end in `\n`.
pub fn run(line: &str, format: &mut Format, target: &mut dyn Target) -> String {
    let line = line.trim();
    if line.is_empty() {
        return String::new();
    }
    // `x/4i` needs no space before its format.
    let end = line.find([' ', '/']).unwrap_or(line.len());
    let (name, arguments) = line.split_at(end);
    match COMMANDS.iter().find(|c| c.name == name || c.short == name) {
        Some(command) => (command.run)(arguments.trim(), format, target),
        None => format!("unknown command: '{name}' ('help' lists them)\n"),
    }
}

/// Words that could stand where the cursor is, after `start`.
pub fn completions(start: &str) -> Vec<&'static str> {
    let words: Vec<_> = match start.rsplit_once(' ') {
        None => COMMANDS.iter().map(|c| c.name).collect(),
        Some((before, _)) if before.trim() == "info" => TOPICS.iter().map(|t| t.0).collect(),
        Some((before, _)) if before.trim() == "help" => COMMANDS.iter().map(|c| c.name).collect(),
        Some(_) => Vec::new(),
    };
    let typed = start.rsplit(' ').next().unwrap_or("");
    words.into_iter().filter(|word| word.starts_with(typed)).collect()
}

fn quiet(target: &mut dyn Target, action: impl FnOnce(&mut dyn Target)) -> String {
    action(target);
    String::new()
}

/// An action that a replay refuses.
fn change(target: &mut dyn Target, action: impl FnOnce(&mut dyn Target)) -> String {
    match target.refuses_changes() {
        Some(reason) => format!("{reason}\n"),
        None => quiet(target, action),
    }
}

fn done(result: Result<(), String>) -> String {
    result.map_or_else(|reason| format!("{reason}\n"), |()| String::new())
}

fn replay(count: &str, action: fn(u64) -> ReplayAction, target: &mut dyn Target) -> String {
    match evaluate(count, target) {
        Ok(count) => done(target.replay(action(count))),
        Err(error) => format!("{error}\n"),
    }
}

fn help(name: &str, _: &mut Format, _: &mut dyn Target) -> String {
    let mut out = String::new();
    for command in COMMANDS
        .iter()
        .filter(|c| name.is_empty() || c.name == name || c.short == name)
    {
        let usage = format!(
            "{}{} {}",
            command.name,
            if command.short.is_empty() {
                String::new()
            } else {
                format!("|{}", command.short)
            },
            command.arguments
        );
        let _ = writeln!(out, "{usage:<28} {}", command.help);
    }
    if out.is_empty() {
        let _ = writeln!(out, "unknown command: '{name}'");
    }
    out
}

fn cpu(n: &str, _: &mut Format, target: &mut dyn Target) -> String {
    match n.parse() {
        Ok(n) if target.select_cpu(n) => String::new(),
        _ => format!("no such CPU: '{n}' ('info cpus' lists them)\n"),
    }
}

fn info(topic: &str, _: &mut Format, target: &mut dyn Target) -> String {
    if let Some((_, topic, _)) = TOPICS.iter().find(|(name, ..)| *name == topic) {
        return target.info(*topic);
    }
    let mut out = if topic.is_empty() {
        String::new()
    } else {
        format!("unknown topic: '{topic}'\n")
    };
    for (name, _, help) in TOPICS {
        let _ = writeln!(out, "info {name:<12} {help}");
    }
    out
}

fn memory(arguments: &str, last: &mut Format, space: Space, target: &mut dyn Target) -> String {
    let (format, address) = match arguments.strip_prefix('/') {
        Some(rest) => rest.split_once(' ').unwrap_or((rest, "")),
        None => ("", arguments),
    };
    let parsed = Format::parse(format, *last).and_then(|f| Ok((f, evaluate(address, target)?)));
    match parsed {
        Ok((format, address)) => {
            *last = format;
            examine(format, space, address, target)
        }
        Err(error) => format!("{error}\n"),
    }
}

fn save_memory(arguments: &str, space: Space, target: &mut dyn Target) -> String {
    // A file's name may hold blanks, and stand between quotes.
    let words: Vec<&str> = arguments.splitn(3, ' ').map(str::trim).collect();
    let [address, size, path] = words[..] else {
        return "an address, a size and a file's name are wanted\n".to_owned();
    };
    let path = path
        .strip_prefix('"')
        .and_then(|path| path.strip_suffix('"'))
        .unwrap_or(path);
    let range = evaluate(address, target).and_then(|address| Ok((address, evaluate(size, target)?)));
    match range {
        Ok((address, size)) => done(target.save_memory(space, address, size, path)),
        Err(error) => format!("{error}\n"),
    }
}

/// Does something that a replay refuses.
fn unless_replayed(
    target: &mut dyn Target,
    action: impl FnOnce(&mut dyn Target) -> Result<(), String>,
) -> String {
    match target.refuses_changes() {
        Some(reason) => format!("{reason}\n"),
        None => done(action(target)),
    }
}

fn eject(arguments: &str, _: &mut Format, target: &mut dyn Target) -> String {
    let (force, drive) = match arguments.strip_prefix("-f ") {
        Some(drive) => (true, drive.trim()),
        None => (false, arguments),
    };
    if drive.is_empty() {
        return "a drive's name is missing ('info block' lists them)\n".to_owned();
    }
    unless_replayed(target, |target| target.eject(drive, force))
}

fn change_medium(arguments: &str, _: &mut Format, target: &mut dyn Target) -> String {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    match words[..] {
        [drive, file] => unless_replayed(target, |target| target.change_medium(drive, file, None)),
        [drive, file, format] => {
            unless_replayed(target, |target| target.change_medium(drive, file, Some(format)))
        }
        _ => "a drive and a file are wanted\n".to_owned(),
    }
}

fn send_keys(arguments: &str, _: &mut Format, target: &mut dyn Target) -> String {
    let (keys, hold) = arguments.split_once(' ').unwrap_or((arguments, "100"));
    match hold.trim().parse() {
        _ if keys.is_empty() => "keys are missing, as in 'sendkey ctrl-alt-delete'\n".to_owned(),
        Ok(hold) if hold <= 60_000 => unless_replayed(target, |target| target.send_keys(keys, hold)),
        _ => format!("keys are held for 0 to 60000 milliseconds, not '{hold}'\n"),
    }
}

fn screendump(path: &str, _: &mut Format, target: &mut dyn Target) -> String {
    if path.is_empty() {
        return "a file's name is missing\n".to_owned();
    }
    match path.rsplit_once(" -f ") {
        Some((path, format)) => done(target.screendump(path.trim(), Some(format.trim()))),
        None => done(target.screendump(path, None)),
    }
}

fn host_forward(arguments: &str, add: bool, target: &mut dyn Target) -> String {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    match words[..] {
        [rule] => unless_replayed(target, |target| target.host_forward(None, rule, add)),
        [network, rule] => unless_replayed(target, |target| target.host_forward(Some(network), rule, add)),
        _ => "a rule is wanted, as in 'hostfwd_add tcp::2222-:22'\n".to_owned(),
    }
}

fn snapshot(name: &str, action: SnapshotAction, target: &mut dyn Target) -> String {
    if name.is_empty() {
        return "a snapshot's name is missing\n".to_owned();
    }
    if action == SnapshotAction::Load
        && let Some(reason) = target.refuses_changes()
    {
        return format!("{reason}\n");
    }
    match target.snapshot(action, name) {
        Ok(()) => String::new(),
        Err(reason) => format!("{name}: {reason}\n"),
    }
}

fn print(expression: &str, _: &mut Format, target: &mut dyn Target) -> String {
    match evaluate(expression, target) {
        Ok(value) => format!("{value:#x}\n"),
        Err(error) => format!("{error}\n"),
    }
}
