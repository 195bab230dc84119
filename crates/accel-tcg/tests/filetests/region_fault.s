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
#   block1(v21: i32, v96: i64, v97: i64, v99: i64, v100: i64, v101: i64, v102: i64, v103: i64):
#       v122 = iconst.i32 5
#       v123 = isub v21, v122  ; v122 = 5
#       v124 = iconst.i32 0
#       v125 = icmp slt v123, v124  ; v124 = 0
#       brif v125, block2, block3
#   block3:
#       v126 = iconst.i64 7
#       v127 = ushr.i64 v100, v126  ; v126 = 7
#       v128 = iconst.i64 0x7fe0
#       v129 = band v127, v128  ; v128 = 0x7fe0
#     1003 mov rsi,[rsi]
#       v44 = iadd.i64 v0, v129
#       v45 = load.i64 notrap aligned v44+tlb0.read
#       v130 = iadd.i64 v100, v126  ; v126 = 7
#       v131 = iconst.i64 -4096
#       v132 = band v130, v131  ; v131 = -4096
#     1003 mov rsi,[rsi]
#       v50 = icmp eq v132, v45
#       brif v50, block4, block5
#   block4:
#     1003 mov rsi,[rsi]
#       v52 = load.i64 notrap aligned v44+tlb0.addend
#       v53 = iadd.i64 v100, v52
#       jump block6(v53)
#   block6(v51: i64):
#     1003 mov rsi,[rsi]
#       v67 = load.i64 notrap v51
#     1009 dec ecx
#       v72 = ireduce.i32 v96
#       v73 = iconst.i32 1
#       v120 = icmp eq v72, v73  ; v73 = 1
#     1009 dec ecx
#       v75 = isub v72, v73  ; v73 = 1
#       v76 = uextend.i64 v75
#       v134 = iadd.i64 v97, v96
#     1006 add rbx,rsi
#       v69 = iadd.i64 v99, v67
#     1009 dec ecx
#       v77 = iconst.i64 8197
#       v74 = icmp ult v69, v99
#       v79 = uextend.i64 v74
#     100b jne 0x1000
#       brif v120, block8, block1(v123, v76, v134, v69, v67, v77, v76, v79)  ; v77 = 8197
#   4 cold blocks
