# 256-bit registers.
# mode: long
# state: rbx=0x9000 xmm1=0x3ff00000000000004000000000000000 [0x9000]=0x3f8000004000000040400000c0800000:16
    .intel_syntax noprefix
    vbroadcastsd ymm2, xmm1
    vaddpd ymm3, ymm2, [rbx]
    vfmadd231sd xmm3, xmm1, xmm2
    vpxor ymm4, ymm4, ymm4
    vmovdqu [rbx+0x20], ymm3
    vzeroupper

# host:
#   block 1000:
#       sub r11d,0x6
#       js refused
#     1000 vbroadcastsd ymm2,xmm1
#       test byte ptr [vectors],0x2
#       je engage2@0
#     L0:
#       vbroadcastsd ymm2,xmm1
#     1005 vaddpd ymm3,ymm2,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xfe0
#       ja read_slow32@1
#       add r13,[tlb0.host+r14]
#     L1:
#       vaddpd ymm3,ymm2,[r13]
#     1009 vfmadd231sd xmm3,xmm1,xmm2
#       vfmadd231sd xmm3,xmm1,xmm2
#     100e vpxor ymm4,ymm4,ymm4
#       vpxor ymm4,ymm4,ymm4
#     1012 vmovdqu [rbx+0x20],ymm3
#       lea r13,[rbx+0x20]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xfe0
#       ja write_slow32@4
#       add r13,[tlb0.host+r14]
#     L2:
#       vmovdqu [r13],ymm3
#     1017 vzeroupper
#       vzeroupper
#       jmp block 101a
# insns: 6 guest, 25 host, 16 cold, 228 bytes
# after:
#   6 instructions
#   ymm2=0000000000000000_0000000000000000_4000000000000000_4000000000000000
#   ymm3=0000000000000000_0000000000000000_4000100000400000_40430000c0800000
#   [0x9020]=00 00 80 c0 00 00 43 40 00 00 40 00 00 10 00 40
