# Locked instructions stay locked on the host; what has no row is a handler's.
# mode: long
# state: rax=5 rbx=7 rcx=9 rdi=0x9000 [0x9000]=5:8 [0x9010]=0x40:8
    .intel_syntax noprefix
    lock cmpxchg [rdi], rbx
    lock add qword ptr [rdi], 1
    xchg rcx, [rdi]
    lock inc dword ptr [rdi+8]
    lock bts qword ptr [rdi+0x10], 3
    cmpxchg [rdi+0x18], rax
    xadd [rdi+0x20], ebx

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x7
#       js refused
#     1000 lock cmpxchg [rdi],rbx
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       lock cmpxchg [r13],rbx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1005 lock add qword ptr [rdi],0x1
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@1
#       add r13,[tlb0.host+r14]
#     L1:
#       lock add qword ptr [r13],0x1
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     100a xchg [rdi],rcx
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@2
#       add r13,[tlb0.host+r14]
#     L2:
#       xchg [r13],rcx
#     100d lock inc dword ptr [rdi+0x8]
#       lea r13,[rdi+0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@3
#       add r13,[tlb0.host+r14]
#     L3:
#       bt dword ptr [flags],0x8
#       lock inc dword ptr [r13]
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1011 lock bts qword ptr [rdi+0x10],0x3
#       mov r13,handler 0
#       call helper
#     1018 cmpxchg [rdi+0x18],rax
#       lea r13,[rdi+0x18]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@5
#       add r13,[tlb0.host+r14]
#     L4:
#       cmpxchg [r13],rax
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     101d xadd [rdi+0x20],ebx
#       lea r13,[rdi+0x20]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@6
#       add r13,[tlb0.host+r14]
#     L5:
#       xadd [r13],ebx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 1021
# insns: 7 guest, 80 host, 29 cold, 566 bytes
# after:
#   7 instructions
#   rax=0x0
#   rcx=0x8
#   rbx=0x0
#   [0x9000]=09 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
#   [0x9010]=48 00 00 00 00 00 00 00
#   [0x9020]=07 00 00 00 00 00 00 00
