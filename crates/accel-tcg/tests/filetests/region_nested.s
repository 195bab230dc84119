# A region of two loops: entered at the outer one.
# mode: long
# state: rcx=3
# region: 0x1002
    .intel_syntax noprefix
    xor ebx, ebx
1:  mov edx, 4
2:  add rbx, rcx
    dec edx
    jnz 2b
    dec ecx
    jnz 1b

# after:
#   46 instructions
#   rcx=0x0
#   rbx=0x18
#   rflags=0x46
# clif:
#   region 1002: 6 instructions, entered 1 times for 41
#   block0(v0: i64):
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v17 = load.i32 notrap aligned v0+left
#       jump block1(v17, v2, v3, v4)
#   block1(v18: i32, v23: i64, v24: i64, v25: i64):
#       v105 = iconst.i32 1
#       v106 = isub v18, v105  ; v105 = 1
#       v107 = iconst.i32 0
#       v108 = icmp slt v106, v107  ; v107 = 0
#       brif v108, block4, block5
#   block5:
#       v109 = iconst.i64 4
#     100c jne 0x1007
#     1002 mov edx,0x4
#       jump block2(v106, v109, v25)  ; v109 = 4
#   block2(v29: i32, v35: i64, v36: i64):
#       v110 = iconst.i32 3
#       v111 = isub v29, v110  ; v110 = 3
#       v112 = iconst.i32 0
#       v113 = icmp slt v111, v112  ; v112 = 0
#       brif v113, block6, block7
#   block7:
#     100a dec edx
#       v39 = ireduce.i32 v35
#       v114 = iconst.i32 1
#       v115 = icmp eq v39, v114  ; v114 = 1
#     100c jne 0x1007
#       brif v115, block3, block8
#   block8:
#       v116 = iconst.i64 8197
#     100c jne 0x1007
#       store notrap aligned v116, v0+region_flags  ; v116 = 8197
#       v117 = iconst.i32 1
#       v118 = isub.i32 v39, v117  ; v117 = 1
#     100a dec edx
#       v43 = uextend.i64 v118
#     100c jne 0x1007
#       store notrap aligned v43, v0+region_flags+8
#     1007 add rbx,rcx
#       v38 = iadd.i64 v36, v23
#     100a dec edx
#       v41 = icmp ult v38, v36
#     100c jne 0x1007
#       v52 = uextend.i64 v41
#       store notrap aligned v52, v0+region_flags+16
#       jump block2(v111, v43, v38)
#   block3:
#       v119 = iconst.i32 5
#       v120 = isub.i32 v29, v119  ; v119 = 5
#       v121 = iconst.i32 0
#       v122 = icmp slt v120, v121  ; v121 = 0
#       brif v122, block9, block10
#   block10:
#     100e dec ecx
#       v65 = ireduce.i32 v23
#       v123 = iconst.i32 1
#       v124 = icmp eq v65, v123  ; v123 = 1
#     1010 jne 0x1002
#       brif v124, block11, block12
#   block12:
#       v125 = iconst.i64 8197
#     1010 jne 0x1002
#       store notrap aligned v125, v0+region_flags  ; v125 = 8197
#       v126 = iconst.i32 1
#       v127 = isub.i32 v65, v126  ; v126 = 1
#     100e dec ecx
#       v68 = uextend.i64 v127
#     1010 jne 0x1002
#       store notrap aligned v68, v0+region_flags+8
#       v128 = iadd.i64 v36, v23
#       v129 = icmp ult v128, v36
#       v130 = uextend.i64 v129
#       store notrap aligned v130, v0+region_flags+16
#       v131 = isub.i32 v39, v126  ; v126 = 1
#       v132 = uextend.i64 v131
#       jump block1(v120, v68, v132, v128)
#   4 cold blocks
