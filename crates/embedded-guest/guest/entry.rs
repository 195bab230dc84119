//! Entry points of the boot protocol, and the interrupt table.
//!
//! 32-bit entry at +0 (a CPU without long mode: says so and stops), 64-bit entry at +200h with RSI = boot_params.
//! Interrupts: IRQ 4 (serial) ends a HLT; every exception is reported and stops the guest.

use crate::console::Console;
use crate::cpu;
use core::arch::global_asm;
use core::fmt::Write;

global_asm!(
    r#"
    .section .entry, "ax"
    .globl entry32
    .code32
entry32:
    mov esi, offset needs_64
1:  lodsb
    test al, al
    jz 3f
    mov ah, al
    mov dx, 0x3fd
2:  in al, dx
    test al, 0x20
    jz 2b
    mov dx, 0x3f8
    mov al, ah
    out dx, al
    jmp 1b
3:  mov dx, 0x604
    mov ax, 0x2000
    out dx, ax
    hlt
    jmp 3b
needs_64:
    .asciz "this guest needs a 64-bit CPU\r\n"

    .org 0x200
    .code64
    cli
    cld
    lea rsp, [rip + stack_top]
    mov rbx, rsi
    lea rdi, [rip + bss_start]
    lea rcx, [rip + bss_end]
    sub rcx, rdi
    xor eax, eax
    rep stosb
    // SSE is part of the language's ABI: CR0.EM off, MP on; CR4.OSFXSR and OSXMMEXCPT on.
    mov rax, cr0
    and eax, 0xfffffffb
    or eax, 2
    mov cr0, rax
    mov rax, cr4
    or eax, 0x600
    mov cr4, rax
    call install_interrupts
    mov rdi, rbx
    call guest_main
    ud2

    .text
serial_interrupt:
    push rax
    mov al, 0x20
    out 0x20, al
    pop rax
    iretq

    // Stubs for vectors 0..31: push a zero where the CPU pushes no error code, then the number.
    .globl exception_stubs
exception_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21))
    push 0
    .endif
    push vector
    jmp exception_entry
    .set vector, vector + 1
    .endr

exception_entry:
    pop rdi
    pop rsi
    mov rdx, [rsp]
    mov rcx, cr2
    and rsp, -16
    call report_exception
    ud2

    .globl serial_interrupt
    .section .bss
    .balign 16
    .skip 65536
stack_top:
    .text
"#
);

unsafe extern "C" {
    fn serial_interrupt();
    fn exception_stubs();
}

/// A 64-bit interrupt gate (SDM vol. 3A, 7.14.1).
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Gate(u64, u64);

static mut GATES: [Gate; 48] = [Gate(0, 0); 48];

/// Selector of the code segment that the boot protocol promises (10h, flat, 64 bits).
const CODE: u64 = 0x10;
/// The vector that IRQ 4 gets.
const SERIAL_VECTOR: usize = 0x24;

#[unsafe(no_mangle)]
extern "C" fn install_interrupts() {
    let gate = |target: u64| {
        Gate(target & 0xffff | CODE << 16 | 0x8e00 << 32 | (target & 0xffff_0000) << 32, target >> 32)
    };
    // SAFETY: one CPU, interrupts off, called once before anything else uses the table.
    unsafe {
        let gates = &raw mut GATES;
        for vector in 0..32 {
            (*gates)[vector] = gate(exception_stubs as *const () as u64 + vector as u64 * 16);
        }
        (*gates)[SERIAL_VECTOR] = gate(serial_interrupt as *const () as u64);
        cpu::load_idt(gates as u64, (size_of::<[Gate; 48]>() - 1) as u16);
    }
}

#[unsafe(no_mangle)]
extern "C" fn report_exception(vector: u64, code: u64, rip: u64, address: u64) -> ! {
    let mut out = Console::open();
    let _ = writeln!(out, "\nexception {vector} (error code {code:#x}) at {rip:#x}, address {address:#x}");
    let _ = writeln!(out, "This guest stops here; Ctrl-A x ends the emulator.");
    cpu::halt_forever()
}
