//! The embedded guest: says what machine it found, measures itself, and takes commands on the serial port.
//!
//! A bare-metal program entered by the Linux 64-bit boot protocol. Data flows from the console line to a command
//! function and back as text; the only hardware it needs is a 16550, a PIT, a 8259 and ACPI's PM1 control port.

#![no_std]
#![no_main]

mod acpi;
mod boot_params;
mod console;
mod cpu;
mod entry;
mod measure;
mod pci;
mod port;
mod runtime;

use boot_params::BootParams;
use core::fmt::Write;
use console::Console;

/// Entered from [`entry`] with interrupts off, a stack, zeroed data and the identity map of the boot protocol.
#[unsafe(no_mangle)]
extern "C" fn guest_main(params: &'static BootParams) -> ! {
    let mut console = Console::open();
    greet(&mut console, params);
    // `run=cpu,poweroff` on the command line: for programs that embed a machine and have no hands to type with.
    for command in params.command_line().split(' ').filter_map(|word| word.strip_prefix("run=")) {
        for command in command.split(',') {
            let _ = writeln!(console, "reprise> {command}");
            run(&mut console, params, command, "");
        }
    }
    let mut line = [0; 128];
    loop {
        let _ = write!(console, "reprise> ");
        let line = console.read_line(&mut line);
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        run(&mut console, params, command, rest);
    }
}

fn greet(out: &mut Console, params: &BootParams) {
    let _ = writeln!(out, "\nThis is the guest that lives inside reprise. It runs because no kernel was given.");
    cpu::describe(out);
    boot_params::describe(out, params);
    acpi::describe(out, params);
    pci::describe(out);
    measure::describe(out);
    let _ = writeln!(out, "Type 'help' for what to do here; reprise -h tells how to boot something bigger.\n");
}

fn run(out: &mut Console, params: &BootParams, command: &str, rest: &str) {
    match command {
        "" => {}
        "help" => {
            let _ = writeln!(
                out,
                "cpu        the processor and its features\n\
                 mem        the memory map\n\
                 pci        devices on the PCI bus\n\
                 bench      measure this machine again\n\
                 args       the command line this guest was started with (-append)\n\
                 echo TEXT  say TEXT\n\
                 fault      touch an address that is not there, to see a page fault\n\
                 reboot     start over\n\
                 poweroff   end the emulator"
            );
        }
        "cpu" => cpu::list_features(out),
        "mem" => boot_params::list_map(out, params),
        "pci" => pci::list(out),
        "bench" => measure::describe(out),
        "args" => {
            let _ = writeln!(out, "{}", params.command_line());
        }
        "echo" => {
            let _ = writeln!(out, "{rest}");
        }
        "fault" => cpu::touch_nothing(),
        "reboot" => {
            // The keyboard controller's reset pulse, as PCs have had it since 1984.
            port::write8(0x64, 0xfe);
            cpu::halt_forever()
        }
        "poweroff" => {
            if !acpi::power_off(params) {
                let _ = writeln!(out, "no ACPI here, so no way to switch off; Ctrl-A x ends the emulator");
            }
        }
        other => {
            let _ = writeln!(out, "no command '{other}'; 'help' lists them");
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Console::open(), "\n{info}");
    cpu::halt_forever()
}
