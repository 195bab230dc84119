# A page that is not there: exact state, no instruction counted for the attempt.
# mode: long
# state: rax=1 rdi=0x100000000 rsi=0x9000
    .intel_syntax noprefix
    add rax, 2
    mov [rsi], rax
    mov [rdi], rax
    add rax, 4

# insns: 4 guest, 23 host, 35 cold, 273 bytes
# exits: 0 refused, 0 unlinked, 1 interpreted, 1 after handlers, 0 faults
# after:
#   exception 14
#   3 instructions
#   rax=0x3
#   rsp=0xffd0
#   rflags=0x6
#   cr2=0x100000000
#   [0x9000]=03 00 00 00 00 00 00 00
