# A hot loop over bytes: length of a string.
# mode: long
# state: rdi=0x9000 [0x9000]=0x6f6c6c6568:8
    .intel_syntax noprefix
    xor eax, eax
    jmp 2f
1:  add rax, 1
2:  cmp byte ptr [rdi+rax], 0
    jne 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x2
#       js refused
#     1000 xor eax,eax
#       xor eax,eax
#     1002 jmp 0x1008
#       mov dword ptr [owed],0x80000001
#       jmp block 1008, owing
#   block 1004:
#       mov dword ptr [owed],0x0
#       sub r11d,0x3
#       js refused
#     1004 add rax,0x1
#       add rax,0x1
#     1008 cmp byte ptr [rdi+rax],0x0
#       lea r13,[rdi+rax]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xfff
#       ja read_slow1@1
#       add r13,[tlb0.host+r14]
#     L0:
#       movzx r13d,byte ptr [r13]
#       mov [snapshot],r13
#       cmp r13b,0x0
#     100c jne 0x1004
#       mov dword ptr [owed],0x80000001
#       jne block 1004, owing
#       jmp block 100e, owing
#   block 1008:
#       mov dword ptr [owed],0x0
#       sub r11d,0x2
#       js refused
#     1008 cmp byte ptr [rdi+rax],0x0
#       lea r13,[rdi+rax]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xfff
#       ja read_slow1@0
#       add r13,[tlb0.host+r14]
#     L0:
#       movzx r13d,byte ptr [r13]
#       mov [snapshot],r13
#       cmp r13b,0x0
#     100c jne 0x1004
#       mov dword ptr [owed],0x80000001
#       jne block 1004, owing
#       jmp block 100e, owing
# insns: 7 guest, 39 host, 65 cold, 495 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   19 instructions
#   rax=0x5
#   rflags=0x46
