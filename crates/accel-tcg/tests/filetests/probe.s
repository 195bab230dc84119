# The whole of one probe: straight way, slow path, exits.
# mode: long
# state: rbx=0x9000 [0x9000]=0x1234:8
    .intel_syntax noprefix
    mov rax, [rbx]

# host:
#   block 1000:
#       sub r11d,0x1
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
#       jmp block 1003
# cold:
#   block 1000:
#     read_slow8@0:
#       lea r13,[rbx]
#       mov r14d,interpret@0
#       call read_slow8
#       jmp L0
#     refused:
#       add r11d,0x1
#     dead:
#       mov r14d,refused
#       jmp exit
#     unlinked@1003:
#       mov r14d,unlinked@1003
#       jmp exit
# insns: 1 guest, 11 host, 9 cold, 109 bytes
# after:
#   1 instructions
#   rax=0x1234
