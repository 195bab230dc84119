# An access over the end of a page never hits: the interpreter executes it.
# mode: long
# state: rbx=0x9ffd [0x9ff8]=0x1122334455667788:8 [0xa000]=0x99aabbcc:4
    .intel_syntax noprefix
    mov rax, [rbx]
    mov [rbx], rbx

# insns: 2 guest, 19 host, 13 cold, 177 bytes
# exits: 0 refused, 1 unlinked, 2 interpreted, 0 after handlers, 0 faults
# after:
#   2 instructions
#   rax=0x99aabbcc112233
#   [0x9ff8]=88 77 66 55 44 fd 9f 00 00 00 00 00 00 00 00 00
