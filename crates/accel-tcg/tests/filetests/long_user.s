# Ring 3 has a TLB of its own; HLT there is a general-protection fault.
# mode: user
# state: rbx=0x9000
    .intel_syntax noprefix
    mov rax, [rbx]
    inc eax
    hlt

# host:
#   block 1000:
#       sub r11d,0x3
#       js refused
#     1000 mov rax,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb2.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb2.host+r14]
#     L0:
#       mov rax,[r13]
#     1003 inc eax
#       bt dword ptr [flags],0x8
#       inc eax
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1005 hlt
#       mov r13,handler 0
#       call helper
# insns: 3 guest, 19 host, 7 cold, 131 bytes
# after:
#   exception 13
#   3 instructions
#   rax=0x1
#   rsp=0xffd0
#   segment 1=0x8
#   segment 2=0x0
