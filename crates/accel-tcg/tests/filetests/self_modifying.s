# A store into the running block: it is left behind the store, and the new bytes run.
# mode: long
# state: rbx=0x1000
    .intel_syntax noprefix
    mov byte ptr [rip+2], 0x22
    nop
    mov al, 0x11
    mov cl, 1

# insns: 4 guest, 14 host, 10 cold, 126 bytes
# exits: 0 refused, 1 unlinked, 1 interpreted, 0 after handlers, 0 faults
# after:
#   4 instructions
#   rax=0x22
#   rcx=0x1
#   [0x1008]=b0 22 b1 01 eb fe 00 00
