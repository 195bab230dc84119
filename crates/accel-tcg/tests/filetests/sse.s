# SSE on the host's registers: one gate a block, alignment tested where the guest's instruction does.
# mode: long
# state: rbx=0x9000 rax=3 xmm1=0x3ff00000000000004000000000000000 xmm2=0x40080000000000003ff8000000000000 [0x9000]=0x3f8000004000000040400000c0800000:16
    .intel_syntax noprefix
    addpd xmm1, xmm2
    movaps xmm3, [rbx]
    mulps xmm3, xmm3
    movups [rbx+0x14], xmm3
    cvtsi2sd xmm4, rax
    sqrtsd xmm5, xmm4
    ucomisd xmm5, xmm4
    jb 1f
    pshufb xmm1, xmm2
1:  movq rcx, xmm1

# host:
#   block 1000:
#       sub r11d,0x8
#       js refused
#     1000 addpd xmm1,xmm2
#       test byte ptr [vectors],0x1
#       je engage1@0
#     L0:
#       addpd xmm1,xmm2
#     1004 movaps xmm3,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff0
#       ja read_slow16@1
#       add r13,[tlb0.host+r14]
#     L1:
#       test r13b,0xf
#       jne interpret@1
#       movaps xmm3,[r13]
#     1007 mulps xmm3,xmm3
#       mulps xmm3,xmm3
#     100a movups [rbx+0x14],xmm3
#       lea r13,[rbx+0x14]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff0
#       ja write_slow16@3
#       add r13,[tlb0.host+r14]
#     L2:
#       movups [r13],xmm3
#     100e cvtsi2sd xmm4,rax
#       cvtsi2sd xmm4,rax
#     1013 sqrtsd xmm5,xmm4
#       sqrtsd xmm5,xmm4
#     1017 ucomisd xmm5,xmm4
#       ucomisd xmm5,xmm4
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     101b jb 0x1022
#       jb block 1022
#       jmp block 101d
#   block 101d:
#       sub r11d,0x2
#       js refused
#     101d pshufb xmm1,xmm2
#       test byte ptr [vectors],0x1
#       je engage1@0
#     L0:
#       pshufb xmm1,xmm2
#     1022 movq rcx,xmm1
#       movq rcx,xmm1
#       jmp block 1027
#   block 1022:
#       sub r11d,0x1
#       js refused
#     1022 movq rcx,xmm1
#       test byte ptr [vectors],0x1
#       je engage1@0
#     L0:
#       movq rcx,xmm1
#       jmp block 1027
# insns: 11 guest, 47 host, 40 cold, 453 bytes
# after:
#   9 instructions
#   rcx=0x400c000000000000
#   rflags=0x3
#   mxcsr=0x1fa0
#   ymm1=0000000000000000_0000000000000000_4010000000000000_400c000000000000
#   ymm3=0000000000000000_0000000000000000_3f80000040800000_4110000041800000
#   ymm4=0000000000000000_0000000000000000_0000000000000000_4008000000000000
#   ymm5=0000000000000000_0000000000000000_0000000000000000_3ffbb67ae8584caa
#   [0x9010]=00 00 00 00 00 00 80 41 00 00 10 41 00 00 80 40
#   [0x9020]=00 00 80 3f 00 00 00 00
