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
#       sub r11d,0x4
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
#       movzx r14d,byte ptr [flags]
#       shl r14d,0xb
#       movzx r13d,byte ptr [flags+1]
#       and r13d,0xd5
#       or r14,r13
#       or r14,[rflags.control]
#       and r14,0xfffffffffffcffff
#       mov [scratch],r14
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@2
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[scratch]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#     1006 cpuid
#       mov r13,handler 1
#       call helper
#   block 1008:
#       mov dword ptr [owed],0x0
#       sub r11d,0x1
#       js refused
#     1008 add rbx,0x2
#       add rbx,0x2
#       mov dword ptr [owed],0x80000001
#       jmp block 100c, owing
# insns: 5 guest, 36 host, 18 cold, 278 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   5 instructions
#   rax=0xd
#   rcx=0x444d4163
#   rdx=0x69746e65
#   rbx=0x68747543
#   rsp=0x7ff8
#   [0x7ff8]=06 00 00 00 00 00 00 00
