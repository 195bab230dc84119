# Handlers that end a block, and one that does not.
# mode: long
# state: rax=0 rcx=0 rbx=5
    .intel_syntax noprefix
    xlatb
    add rbx, 1
    pushfq
    cpuid
    add rbx, 2

# host:
#   block 1000:
#       sub dword ptr [left],0x4
#       js refused
#     1000 xlat [rbx]
#       mov r13,handler 0
#       call helper
#     1001 add rbx,0x1
#       add rbx,0x1
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1005 pushfq
#       mov r13,handler 1
#       call helper
#     1006 cpuid
#       mov r13,handler 2
#       call helper
#   block 1008:
#       sub dword ptr [left],0x1
#       js refused
#     1008 add rbx,0x2
#       add rbx,0x2
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 100c
# insns: 5 guest, 23 host, 8 cold, 151 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 1 after handlers, 0 faults
# after:
#   5 instructions
#   rax=0xd
#   rcx=0x444d4163
#   rdx=0x69746e65
#   rbx=0x68747543
#   rsp=0x7ff8
#   [0x7ff8]=06 00 00 00 00 00 00 00
