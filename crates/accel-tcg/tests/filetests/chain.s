# A loop: linked, it is left only when the budget ends.
# mode: long
# state: rax=0 rcx=1000
    .intel_syntax noprefix
1:  add rax, rcx
    dec rcx
    jnz 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x3
#       js refused
#     1000 add rax,rcx
#       add rax,rcx
#     1003 dec rcx
#       dec rcx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1006 jne 0x1000
#       jne block 1000
#       jmp block 1008
# cold:
#   block 1000:
#     refused:
#       add r11d,0x3
#     dead:
#       mov r14d,refused
#       jmp exit
#     unlinked@1000:
#       mov r14d,unlinked@1000
#       jmp exit
#     unlinked@1008:
#       mov r14d,unlinked@1008
#       jmp exit
# insns: 3 guest, 12 host, 7 cold, 87 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   3000 instructions
#   rax=0x7a314
#   rcx=0x0
#   rflags=0x46
