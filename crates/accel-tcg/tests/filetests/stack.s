# PUSH, POP, LEAVE; guest RSP is a register of the host.
# mode: long
# state: rax=1 rbx=2 rbp=0x7000 r12=3 r13=4
    .intel_syntax noprefix
    push rax
    push r12
    push 0x7f
    push qword ptr [rsp+8]
    pop rcx
    pop rdx
    pop r13
    mov rbp, rsp
    leave

# host:
#   block 1000:
#       sub r11d,0x9
#       js refused
#     1000 push rax
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov [r13],rax
#       lea r12,[r12-0x8]
#     1001 push r12
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@1
#       add r13,[tlb0.host+r14]
#     L1:
#       mov [r13],r10
#       lea r12,[r12-0x8]
#     1003 push 0x7f
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@2
#       add r13,[tlb0.host+r14]
#     L2:
#       mov qword ptr [r13],0x7f
#       lea r12,[r12-0x8]
#     1005 push qword ptr [rsp+0x8]
#       lea r13,[r12+0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@3
#       add r13,[tlb0.host+r14]
#     L3:
#       mov r14,[r13]
#       mov [scratch],r14
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@3
#       add r13,[tlb0.host+r14]
#     L4:
#       mov r14,[scratch]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#     1009 pop rcx
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@4
#       add r13,[tlb0.host+r14]
#     L5:
#       mov rcx,[r13]
#       lea r12,[r12+0x8]
#     100a pop rdx
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@5
#       add r13,[tlb0.host+r14]
#     L6:
#       mov rdx,[r13]
#       lea r12,[r12+0x8]
#     100b pop r13
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@6
#       add r13,[tlb0.host+r14]
#     L7:
#       mov r14,[r13]
#       mov [gpr.r13],r14
#       lea r12,[r12+0x8]
#     100d mov rbp,rsp
#       mov rbp,r12
#     1010 leave
#       lea r13,[rbp]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@8
#       add r13,[tlb0.host+r14]
#     L8:
#       lea r12,[rbp+0x8]
#       mov rbp,[r13]
#       jmp block 1011
# insns: 9 guest, 87 host, 41 cold, 742 bytes
# after:
#   9 instructions
#   rcx=0x3
#   rdx=0x7f
#   rbp=0x1
#   r13=0x3
#   [0x7fe0]=03 00 00 00 00 00 00 00 7f 00 00 00 00 00 00 00
#   [0x7ff0]=03 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
