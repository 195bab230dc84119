# Addresses: base, index, scale, displacement, RIP-relative, absolute, segment base, registers that live in memory.
# mode: long
# state: rbx=0x9000 rcx=2 r9=0x9000 r13=0x9000 r14=3 gs.base=0x9000 [0x9000]=0x8877665544332211:8 [0x9010]=0x99:1
    .intel_syntax noprefix
    mov rax, [rbx]
    mov eax, [rbx+rcx*8+0x10]
    movzx edx, byte ptr [r13+r14+1]
    movsx rsi, word ptr [r9+4]
    mov rdi, gs:[0]
    mov r8, [rip+1f]
1:  mov r10, ds:[0x9010]
    movabs al, [0x9010]

# host:
#   block 1000:
#       sub r11d,0x8
#       js refused
#     1000 mov rax,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rax,[r13]
#     1003 mov eax,[rbx+rcx*8+0x10]
#       lea r13,[rbx+rcx*8+0x10]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@1
#       add r13,[tlb0.host+r14]
#     L1:
#       mov eax,[r13]
#     1007 movzx edx,byte ptr [r13+r14+0x1]
#       mov r13,[gpr.r14]
#       lea r13,[r13+0x1]
#       add r13,[gpr.r13]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xfff
#       ja read_slow1@2
#       add r13,[tlb0.host+r14]
#     L2:
#       movzx edx,byte ptr [r13]
#     100d movsx rsi,word ptr [r9+0x4]
#       lea r13,[r9+0x4]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffe
#       ja read_slow2@3
#       add r13,[tlb0.host+r14]
#     L3:
#       movsx rsi,word ptr [r13]
#     1012 mov rdi,gs:[0x0]
#       mov r13d,0x0
#       add r13,[gs.base]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@4
#       add r13,[tlb0.host+r14]
#     L4:
#       mov rdi,[r13]
#     101b mov r8,[0x1022]
#       mov r13,[rip_base]
#       lea r13,[r13+0x22]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@5
#       add r13,[tlb0.host+r14]
#     L5:
#       mov r8,[r13]
#     1022 mov r10,[0x9010]
#       mov r13d,0x9010
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@6
#       add r13,[tlb0.host+r14]
#     L6:
#       mov r14,[r13]
#       mov [gpr.r10],r14
#     102a mov al,[0x9010]
#       mov r13d,0x9010
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xfff
#       ja read_slow1@7
#       add r13,[tlb0.host+r14]
#     L7:
#       mov al,[r13]
#       jmp block 1033
# insns: 8 guest, 72 host, 41 cold, 672 bytes
# after:
#   8 instructions
#   rax=0x99
#   rdx=0x55
#   rsi=0x6655
#   rdi=0x8877665544332211
#   r8=0x901025148b4c
#   r10=0x99
