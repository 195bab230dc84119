# String instructions are handlers' work; each iteration counts.
# mode: long
# state: rsi=0x9000 rdi=0x9100 rcx=4 rax=0x55 [0x9000]=0x0123456789abcdef0123456789abcdef:16
    .intel_syntax noprefix
    rep movsd
    mov ecx, 3
    rep stosb
    lodsw
    mov ecx, 5
    add rax, 1

# host:
#   block 1000:
#       sub r11d,0x1
#       js refused
#     1000 rep movsd [rdi],[rsi]
#       mov r13,handler 0
#       call helper
#   block 1002:
#       sub r11d,0x2
#       js refused
#     1002 mov ecx,0x3
#       mov ecx,0x3
#     1007 rep stosb [rdi],al
#       mov r13,handler 0
#       call helper
#   block 1009:
#       sub r11d,0x3
#       js refused
#     1009 lodsw ax,[rsi]
#       mov r13,handler 0
#       call helper
#     100b mov ecx,0x5
#       mov ecx,0x5
#     1010 add rax,0x1
#       add rax,0x1
#       mov dword ptr [owed],0x80000001
#       jmp block 1014, owing
# insns: 6 guest, 17 host, 17 cold, 178 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   11 instructions
#   rax=0x1
#   rcx=0x5
#   rsi=0x9012
#   rdi=0x9113
#   [0x9100]=ef cd ab 89 67 45 23 01 ef cd ab 89 67 45 23 01
#   [0x9110]=55 55 55 00 00 00 00 00
