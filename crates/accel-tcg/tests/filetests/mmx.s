# MMX shares the x87 registers.
# mode: long
# state: rax=0x0102030405060708
    .intel_syntax noprefix
    movq mm0, rax
    paddb mm0, mm0
    movq rbx, mm0
    emms

# host:
#   block 1000:
#       sub r11d,0x4
#       js refused
#     1000 movq mm0,rax
#       test byte ptr [vectors],0x8
#       je engage8@0
#     L0:
#       movq mm0,rax
#     1004 paddb mm0,mm0
#       paddb mm0,mm0
#     1007 movq rbx,mm0
#       movq rbx,mm0
#     100b emms
#       emms
#       jmp block 100d
# insns: 4 guest, 9 host, 8 cold, 81 bytes
# after:
#   4 instructions
#   rbx=0x20406080a0c0e10
#   r0=0xffff.020406080a0c0e10
