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
#       v17 = load.i32 notrap aligned v0+left
#     1003 mov rsi,[rsi]
#       jump block1(v17, v2, v3, v4, v7)
#   block1(v18: i32, v23: i64, v24: i64, v25: i64, v26: i64):
#       v89 = iconst.i32 5
#       v90 = isub v18, v89  ; v89 = 5
#       v91 = iconst.i32 0
#       v92 = icmp slt v90, v91  ; v91 = 0
#       brif v92, block2, block3
#   block3:
#       v93 = iconst.i64 7
#       v94 = ushr.i64 v26, v93  ; v93 = 7
#       v95 = iconst.i64 0x7fe0
#       v96 = band v94, v95  ; v95 = 0x7fe0
#     1003 mov rsi,[rsi]
#       v33 = iadd.i64 v0, v96
#       v34 = load.i64 notrap aligned v33+tlb0.read
#       v35 = isub.i64 v26, v34
#       v97 = iconst.i64 4088
#       v98 = icmp ule v35, v97  ; v97 = 4088
#       brif v98, block4, block5
#   block4:
#     1003 mov rsi,[rsi]
#       v39 = load.i64 notrap aligned v33+tlb0.host
#       v40 = iadd.i64 v35, v39
#       jump block6(v40)
#   block6(v38: i64):
#     1003 mov rsi,[rsi]
#       v47 = load.i64 notrap v38
#     1009 dec ecx
#       v51 = ireduce.i32 v23
#       v52 = iconst.i32 1
#       v87 = icmp eq v51, v52  ; v52 = 1
#     100b jne 0x1000
#       brif v87, block8, block9
#   block9:
#     100b jne 0x1000
#       v68 = iconst.i64 8197
#       store notrap aligned v68, v0+region_flags  ; v68 = 8197
#       v100 = iconst.i32 1
#       v101 = isub.i32 v51, v100  ; v100 = 1
#     1009 dec ecx
#       v55 = uextend.i64 v101
#     100b jne 0x1000
#       store notrap aligned v55, v0+region_flags+8
#     1006 add rbx,rsi
#       v49 = iadd.i64 v25, v47
#     1009 dec ecx
#       v53 = icmp ult v49, v25
#     100b jne 0x1000
#       v70 = uextend.i64 v53
#       store notrap aligned v70, v0+region_flags+16
#       v102 = iadd.i64 v24, v23
#       jump block1(v90, v55, v102, v49, v47)
#   4 cold blocks
