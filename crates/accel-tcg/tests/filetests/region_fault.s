# A region that is left by a page fault in the middle of an iteration: everything before it has happened.
# mode: long
# state: rsi=0x9000 rcx=9 [0x9000]=0x9100:8 [0x9100]=0x9200:8 [0x9200]=0x100000000:8
    .intel_syntax noprefix
1:  add rdx, rcx
    mov rsi, [rsi]
    add rbx, rsi
    dec ecx
    jnz 1b

# after:
#   exception 14
#   17 instructions
#   rcx=0x6
#   rdx=0x1e
#   rbx=0x100012300
#   rsp=0xffd0
#   rsi=0x100000000
#   rflags=0x6
#   cr2=0x100000000
# clif:
#   region 1000: 5 instructions, entered 1 times for 16
#   block0(v0: i64):
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v7 = load.i64 notrap aligned v0+gpr.rsi
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1003 mov rsi,[rsi]
#       jump block1(v20, v2, v3, v4, v7, v17, v18, v19)
#   block1(v21: i32, v94: i64, v95: i64, v97: i64, v98: i64, v99: i64, v100: i64, v101: i64):
#       v120 = iconst.i32 5
#       v121 = isub v21, v120  ; v120 = 5
#       v122 = iconst.i32 0
#       v123 = icmp slt v121, v122  ; v122 = 0
#       brif v123, block2, block3
#   block3:
#       v124 = iconst.i64 7
#       v125 = ushr.i64 v98, v124  ; v124 = 7
#       v126 = iconst.i64 0x7fe0
#       v127 = band v125, v126  ; v126 = 0x7fe0
#     1003 mov rsi,[rsi]
#       v44 = iadd.i64 v0, v127
#       v45 = load.i64 notrap aligned v44+tlb0.read
#       v46 = isub.i64 v98, v45
#       v128 = iconst.i64 4088
#       v129 = icmp ule v46, v128  ; v128 = 4088
#       brif v129, block4, block5
#   block4:
#     1003 mov rsi,[rsi]
#       v50 = load.i64 notrap aligned v44+tlb0.host
#       v51 = iadd.i64 v46, v50
#       jump block6(v51)
#   block6(v49: i64):
#     1003 mov rsi,[rsi]
#       v65 = load.i64 notrap v49
#     1009 dec ecx
#       v70 = ireduce.i32 v94
#       v71 = iconst.i32 1
#       v118 = icmp eq v70, v71  ; v71 = 1
#       v73 = isub v70, v71  ; v71 = 1
#       v74 = uextend.i64 v73
#       v131 = iadd.i64 v95, v94
#     1006 add rbx,rsi
#       v67 = iadd.i64 v97, v65
#     1009 dec ecx
#       v75 = iconst.i64 8197
#       v72 = icmp ult v67, v97
#       v77 = uextend.i64 v72
#     100b jne 0x1000
#       brif v118, block8, block1(v121, v74, v131, v67, v65, v75, v74, v77)  ; v75 = 8197
#   4 cold blocks
