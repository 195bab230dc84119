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
#       v22 = iconst.i32 1
#       v23 = isub v21, v22  ; v22 = 1
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block4, block5
#   block5:
#     1002 mov edx,0x4
#       v34 = iconst.i32 4
#       v35 = uextend.i64 v34  ; v34 = 4
#       jump block2(v23, v103, v35, v106, v108, v109, v110)
#   block2(v36: i32, v111: i64, v112: i64, v113: i64, v114: i64, v115: i64, v116: i64):
#       v37 = iconst.i32 3
#       v38 = isub v36, v37  ; v37 = 3
#       v39 = iconst.i32 0
#       v40 = icmp slt v38, v39  ; v39 = 0
#       brif v40, block6, block7
#   block7:
#     1007 add rbx,rcx
#       v51 = iadd.i64 v113, v111
#     100a dec edx
#       v54 = ireduce.i32 v112
#       v55 = iconst.i32 1
#       v56 = icmp ult v51, v113
#       v57 = isub v54, v55  ; v55 = 1
#       v58 = uextend.i64 v57
#       v59 = iconst.i64 8197
#       v60 = uextend.i64 v57
#       v61 = uextend.i64 v56
#     100c jne 0x1007
#       v62 = iconst.i32 0x7fff_ffff
#       v63 = icmp eq v57, v62  ; v62 = 0x7fff_ffff
#       v64 = iconst.i32 0
#       v65 = icmp eq v57, v64  ; v64 = 0
#       v66 = iconst.i32 0
#       v67 = icmp slt v57, v66  ; v66 = 0
#       brif v65, block3, block2(v38, v111, v58, v51, v59, v60, v61)  ; v59 = 8197
#   block3:
#       v69 = iconst.i32 2
#       v70 = isub.i32 v38, v69  ; v69 = 2
#       v71 = iconst.i32 0
#       v72 = icmp slt v70, v71  ; v71 = 0
#       brif v72, block8, block9
#   block9:
#     100e dec ecx
#       v82 = ireduce.i32 v111
#       v83 = iconst.i32 1
#       v84 = isub v82, v83  ; v83 = 1
#       v85 = uextend.i64 v84
#       v86 = iconst.i64 8197
#       v87 = uextend.i64 v84
#       v88 = uextend.i64 v56
#     1010 jne 0x1002
#       v89 = iconst.i32 0x7fff_ffff
#       v90 = icmp eq v84, v89  ; v89 = 0x7fff_ffff
#       v91 = iconst.i32 0
#       v92 = icmp eq v84, v91  ; v91 = 0
#       v93 = iconst.i32 0
#       v94 = icmp slt v84, v93  ; v93 = 0
#       brif v92, block10, block1(v70, v85, v58, v51, v86, v87, v88)  ; v86 = 8197
#   4 cold blocks
