# The same on a host without RORX.
# mode: long
# host: SSE3 SSSE3
# state: rbx=0x9000 [0x9000]=0x1234:8
    .intel_syntax noprefix
    mov rax, [rbx]

# host:
#   block 1000:
#       sub r11d,0x1
#       js refused
#     1000 mov rax,[rbx]
#       lea r13,[rbx]
#       mov r14d,r13d
#       shr r14d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rax,[r13]
#       jmp block 1003
# insns: 1 guest, 12 host, 9 cold, 110 bytes
# after:
#   1 instructions
#   rax=0x1234
