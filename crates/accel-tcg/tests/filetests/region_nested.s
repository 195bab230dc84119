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
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#       jump block1(v20, v2, v3, v4, v17, v18, v19)
#   block1(v21: i32, v103: i64, v104: i64, v106: i64, v108: i64, v109: i64, v110: i64):
#       v140 = iconst.i32 1
#       v141 = isub v21, v140  ; v140 = 1
#       v142 = iconst.i32 0
#       v143 = icmp slt v141, v142  ; v142 = 0
#       brif v143, block4, block5
#   block5:
#       v144 = iconst.i64 4
#     100a dec edx
#     1002 mov edx,0x4
#       jump block2(v141, v103, v144, v106, v108, v109, v110)  ; v144 = 4
#   block2(v36: i32, v111: i64, v112: i64, v113: i64, v114: i64, v115: i64, v116: i64):
#       v145 = iconst.i32 3
#       v146 = isub v36, v145  ; v145 = 3
#       v147 = iconst.i32 0
#       v148 = icmp slt v146, v147  ; v147 = 0
#       brif v148, block6, block7
#   block7:
#     100a dec edx
#       v54 = ireduce.i32 v112
#       v149 = iconst.i32 1
#       v150 = icmp eq v54, v149  ; v149 = 1
#       v151 = isub v54, v149  ; v149 = 1
#       v58 = uextend.i64 v151
#     1007 add rbx,rcx
#       v51 = iadd.i64 v113, v111
#       v152 = iconst.i64 8197
#     100a dec edx
#       v56 = icmp ult v51, v113
#       v61 = uextend.i64 v56
#     100c jne 0x1007
#       brif v150, block3, block2(v146, v111, v58, v51, v152, v58, v61)  ; v152 = 8197
#   block3:
#       v153 = iconst.i32 5
#       v154 = isub.i32 v36, v153  ; v153 = 5
#       v155 = iconst.i32 0
#       v156 = icmp slt v154, v155  ; v155 = 0
#       brif v156, block8, block9
#   block9:
#     100e dec ecx
#       v82 = ireduce.i32 v111
#       v157 = iconst.i32 1
#       v158 = icmp eq v82, v157  ; v157 = 1
#       v159 = isub v82, v157  ; v157 = 1
#       v85 = uextend.i64 v159
#       v160 = iconst.i64 8197
#     1010 jne 0x1002
#       brif v158, block10, block1(v154, v85, v58, v51, v160, v85, v61)  ; v160 = 8197
#   4 cold blocks
