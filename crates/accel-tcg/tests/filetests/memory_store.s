# Stores, and read-modify-write with one probe.
# mode: long
# state: rax=0x1122334455667788 rbx=0x9000 r12=0x55 [0x9020]=0xffffffff:4
    .intel_syntax noprefix
    mov [rbx], rax
    mov [rbx+8], eax
    mov byte ptr [rbx+0x10], 0x12
    mov [rbx+0x18], r12
    add dword ptr [rbx+0x20], 1
    inc qword ptr [rbx+0x28]
    lock xadd [rbx+0x30], rax
    xchg [rbx+0x38], eax

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x8
#       js refused
#     1000 mov [rbx],rax
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov [r13],rax
#     1003 mov [rbx+0x8],eax
#       lea r13,[rbx+0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@1
#       add r13,[tlb0.host+r14]
#     L1:
#       mov [r13],eax
#     1006 mov byte ptr [rbx+0x10],0x12
#       lea r13,[rbx+0x10]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xfff
#       ja write_slow1@2
#       add r13,[tlb0.host+r14]
#     L2:
#       mov byte ptr [r13],0x12
#     100a mov [rbx+0x18],r12
#       lea r13,[rbx+0x18]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@3
#       add r13,[tlb0.host+r14]
#     L3:
#       mov [r13],r10
#     100e add dword ptr [rbx+0x20],0x1
#       lea r13,[rbx+0x20]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@4
#       add r13,[tlb0.host+r14]
#     L4:
#       add dword ptr [r13],0x1
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1012 inc qword ptr [rbx+0x28]
#       lea r13,[rbx+0x28]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@5
#       add r13,[tlb0.host+r14]
#     L5:
#       bt dword ptr [flags],0x8
#       inc qword ptr [r13]
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1016 lock xadd [rbx+0x30],rax
#       lea r13,[rbx+0x30]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@6
#       add r13,[tlb0.host+r14]
#     L6:
#       lock xadd [r13],rax
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     101c xchg [rbx+0x38],eax
#       lea r13,[rbx+0x38]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@7
#       add r13,[tlb0.host+r14]
#     L7:
#       xchg [r13],eax
#       jmp block 101f
# insns: 8 guest, 84 host, 37 cold, 662 bytes
# after:
#   8 instructions
#   rax=0x0
#   rflags=0x6
#   [0x9000]=88 77 66 55 44 33 22 11 88 77 66 55 00 00 00 00
#   [0x9010]=12 00 00 00 00 00 00 00 55 00 00 00 00 00 00 00
#   [0x9020]=00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
#   [0x9030]=88 77 66 55 44 33 22 11
