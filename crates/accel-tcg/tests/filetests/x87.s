# x87 on the host's stack; where the last instruction was is noted.
# mode: long
# state: rbx=0x9000 [0x9000]=0x4008000000000000:8
    .intel_syntax noprefix
    fld1
    fld qword ptr [rbx]
    fmulp
    fldpi
    fsin
    fstp qword ptr [rbx+8]
    fistp dword ptr [rbx+0x10]

# host:
#   block 1000:
#       sub r11d,0x7
#       js refused
#     1000 fld1
#       test byte ptr [vectors],0x8
#       je engage8@0
#     L0:
#       fld1
#       mov dword ptr [x87.at],0x1e8
#       mov r13,[rip_base]
#       mov [x87.base],r13
#     1002 fld qword ptr [rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@1
#       add r13,[tlb0.host+r14]
#     L1:
#       fld qword ptr [r13]
#       mov dword ptr [x87.at],0x20503
#       mov byte ptr [x87.segment],0x3
#       lea r13,[rbx]
#       mov [x87.data],r13
#     1004 fmulp st(1),st(0)
#       fmulp st(1),st(0)
#       mov dword ptr [x87.at],0x406c9
#     1006 fldpi
#       fldpi
#       mov dword ptr [x87.at],0x601eb
#     1008 fsin
#       mov r13,handler 0
#       call helper
#     100a fstp qword ptr [rbx+0x8]
#       test byte ptr [vectors],0x8
#       je engage8@5
#     L2:
#       lea r13,[rbx+0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@5
#       add r13,[tlb0.host+r14]
#     L3:
#       fstp qword ptr [r13]
#       mov dword ptr [x87.at],0xa055b
#       mov byte ptr [x87.segment],0x3
#       lea r13,[rbx+0x8]
#       mov [x87.data],r13
#     100d fistp dword ptr [rbx+0x10]
#       lea r13,[rbx+0x10]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@6
#       add r13,[tlb0.host+r14]
#     L4:
#       fistp dword ptr [r13]
#       mov dword ptr [x87.at],0xd035b
#       mov byte ptr [x87.segment],0x3
#       lea r13,[rbx+0x10]
#       mov [x87.data],r13
#       jmp block 1010
# insns: 7 guest, 53 host, 23 cold, 457 bytes
# after:
#   7 instructions
#   x87 status=0x20
#   x87 pointer=0x100d
#   x87 operand=0x9010
#   x87 opcode=0x35b
#   r6=0xbfbf.8000000000000000
#   r7=0x4000.c000000000000000
#   [0x9008]=00 00 00 00 00 00 f0 bb 03 00 00 00 00 00 00 00
