# A host without BMI, POPCNT and MOVBE: their handlers are called.
# mode: long
# host: SSE3 SSSE3 SSE4_1 SSE4_2
# state: rcx=0x123456789abcdef0 rdx=0x0f0f
    .intel_syntax noprefix
    popcnt r8, rcx
    tzcnt r9, rcx
    andn r11, rdx, rcx
    shlx rdx, rcx, rax

# host:
#   block 1000:
#       sub r11d,0x4
#       js refused
#     1000 popcnt r8,rcx
#       mov r13,handler 0
#       call helper
#     1005 tzcnt r9,rcx
#       mov r13,handler 1
#       call helper
#     100a andn r11,rdx,rcx
#       mov r13,handler 2
#       call helper
#     100f shlx rdx,rcx,rax
#       mov r13,handler 3
#       call helper
#       jmp block 1014
# insns: 4 guest, 11 host, 5 cold, 101 bytes
# after:
#   4 instructions
#   rdx=0x123456789abcdef0
#   r8=0x20
#   r9=0x4
#   r11=0x123456789abcd0f0
