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
#       jump block1(v20, v2, v3, v4, v7, v17, v18, v19)
#   block1(v21: i32, v96: i64, v97: i64, v99: i64, v100: i64, v101: i64, v102: i64, v103: i64):
#       v22 = iconst.i32 5
#       v23 = isub v21, v22  ; v22 = 5
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block2, block3
#   block3:
#     1000 add rdx,rcx
#       v37 = iadd.i64 v97, v96
#     1003 mov rsi,[rsi]
#       v40 = iconst.i64 7
#       v41 = iconst.i64 0x7fe0
#       v42 = ushr.i64 v100, v40  ; v40 = 7
#       v43 = band v42, v41  ; v41 = 0x7fe0
#       v44 = iadd.i64 v0, v43
#       v45 = load.i64 notrap aligned v44+tlb0.read
#       v46 = iconst.i64 7
#       v47 = iadd.i64 v100, v46  ; v46 = 7
#       v48 = iconst.i64 -4096
#       v49 = band v47, v48  ; v48 = -4096
#       v50 = icmp eq v49, v45
#       brif v50, block4, block5
#   block4:
#     1003 mov rsi,[rsi]
#       v52 = load.i64 notrap aligned v44+tlb0.addend
#       v53 = iadd.i64 v100, v52
#       jump block6(v53)
#   block6(v51: i64):
#     1003 mov rsi,[rsi]
#       v67 = load.i64 notrap v51
#     1006 add rbx,rsi
#       v69 = iadd.i64 v99, v67
#     1009 dec ecx
#       v72 = ireduce.i32 v96
#       v73 = iconst.i32 1
#       v74 = icmp ult v69, v99
#       v75 = isub v72, v73  ; v73 = 1
#       v76 = uextend.i64 v75
#       v77 = iconst.i64 8197
#       v78 = uextend.i64 v75
#       v79 = uextend.i64 v74
#     100b jne 0x1000
#       v80 = iconst.i32 0x7fff_ffff
#       v81 = icmp eq v75, v80  ; v80 = 0x7fff_ffff
#       v82 = iconst.i32 0
#       v83 = icmp eq v75, v82  ; v82 = 0
#       v84 = iconst.i32 0
#       v85 = icmp slt v75, v84  ; v84 = 0
#       brif v83, block8, block1(v23, v76, v37, v69, v67, v77, v78, v79)  ; v77 = 8197
#   4 cold blocks
