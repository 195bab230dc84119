# A host without SSSE3: PSHUFB is a handler's, which drops the vector registers.
# mode: long
# host: SSE3
# state: xmm1=0x0f0e0d0c0b0a09080706050403020100 xmm2=0x00
    .intel_syntax noprefix
    paddd xmm1, xmm1
    pshufb xmm1, xmm2
    paddd xmm1, xmm1

# host:
#   block 1000:
#       sub r11d,0x3
#       js refused
#     1000 paddd xmm1,xmm1
#       test byte ptr [vectors],0x1
#       je engage1@0
#     L0:
#       paddd xmm1,xmm1
#     1004 pshufb xmm1,xmm2
#       mov r13,handler 0
#       call helper
#     1009 paddd xmm1,xmm1
#       test byte ptr [vectors],0x1
#       je engage1@2
#     L1:
#       paddd xmm1,xmm1
#       jmp block 100d
# insns: 3 guest, 11 host, 11 cold, 118 bytes
# after:
#   3 instructions
#   ymm1=0000000000000000_0000000000000000_0000000000000000_0000000000000000
