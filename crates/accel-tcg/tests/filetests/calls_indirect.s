# Indirect calls and jumps go through the jump cache.
# mode: long
# state: rbx=0x1010 rdx=0x9000 [0x9000]=0x1018:8
    .intel_syntax noprefix
    call rbx
    jmp [rdx]
    .org 0x10, 0x90
    mov eax, 1
    ret
    .org 0x18, 0x90
    mov ecx, 2

# host:
#   block 1000:
#       sub r11d,0x1
#       js refused
#     1000 call rbx
#       mov r13,rbx
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@0
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@0
#     L0:
#       mov [scratch],r14
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L1:
#       mov r14,[rip_base]
#       lea r14,[r14+0x2]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#       mov r14,[scratch]
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 1002:
#       sub r11d,0x1
#       js refused
#     1002 jmp qword ptr [rdx]
#       lea r13,[rdx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r13,[r13]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@0
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@0
#     L1:
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
# insns: 2 guest, 56 host, 28 cold, 414 bytes
# after:
#   5 instructions
#   rax=0x1
#   rcx=0x2
#   [0x7ff8]=02 10 00 00 00 00 00 00
