# A region: the sum of two neighbours, again and again.
# mode: user
# state: rsi=0x9000 rcx=6 [0x9000]=0x0123456789abcdef0011223344556677:16 [0x9028]=0x8899aabbccddeeff:8
    .intel_syntax noprefix
1:  mov eax, [rsi]
    mov edx, [rsi+4]
    add rbx, rax
    add rbx, rdx
    add rsi, 8
    dec ecx
    jne 1b

# after:
#   42 instructions
#   rax=0xccddeeff
#   rcx=0x0
#   rdx=0x8899aabb
#   rbx=0x224ad35ba
#   rsi=0x9030
#   rflags=0x46
# clif:
#   region 1000: 7 instructions, entered 1 times for 42
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v7 = load.i64 notrap aligned v0+gpr.rsi
#       v17 = load.i32 notrap aligned v0+left
#       v18 = iconst.i64 -9223372036854775808
#       v19 = bxor v7, v18  ; v18 = -9223372036854775808
#       v20 = iconst.i64 1
#       v21 = bor v19, v20  ; v20 = 1
#       v5 = iconst.i64 0
#     1000 mov eax,[rsi]
#       jump block1(v17, v1, v2, v3, v4, v7, v21, v5)  ; v5 = 0
#   block1(v23: i32, v28: i64, v29: i64, v30: i64, v31: i64, v32: i64, v34: i64, v52: i64):
#       v168 = iconst.i32 7
#       v169 = isub v23, v168  ; v168 = 7
#       v170 = iconst.i32 0
#       v171 = icmp slt v169, v170  ; v170 = 0
#       brif v171, block2, block3
#   block3:
#       v35 = isub.i64 v32, v34
#       v172 = iconst.i64 4088
#       v173 = icmp ugt v35, v172  ; v172 = 4088
#       brif v173, block6, block5(v52, v34)
#   block5(v51: i64, v143: i64):
#       v53 = iadd.i64 v32, v51
#     1000 mov eax,[rsi]
#       v54 = load.i32 notrap v53
#       v192 = iconst.i64 4
#     1002 mov edx,[rsi+0x4]
#       v57 = iadd v53, v192  ; v192 = 4
#       v58 = load.i32 notrap v57
#     1000 mov eax,[rsi]
#       v55 = uextend.i64 v54
#     1002 mov edx,[rsi+0x4]
#       v59 = uextend.i64 v58
#       jump block8(v55, v59, v143, v51)
#   block8(v108: i64, v111: i64, v142: i64, v146: i64):
#     100f dec ecx
#       v121 = ireduce.i32 v29
#       v122 = iconst.i32 1
#       v166 = icmp eq v121, v122  ; v122 = 1
#     1011 jne 0x1000
#       brif v166, block17, block18
#   block18:
#     1011 jne 0x1000
#       v139 = iconst.i64 8197
#       store notrap aligned v139, v0+region_flags  ; v139 = 8197
#       v193 = iconst.i32 1
#       v194 = isub.i32 v121, v193  ; v193 = 1
#     100f dec ecx
#       v125 = uextend.i64 v194
#     1011 jne 0x1000
#       store notrap aligned v125, v0+region_flags+8
#     100b add rsi,0x8
#       v116 = iconst.i64 8
#       v117 = iadd.i64 v32, v116  ; v116 = 8
#     100f dec ecx
#       v123 = icmp ult v117, v32
#     1011 jne 0x1000
#       v141 = uextend.i64 v123
#       store notrap aligned v141, v0+region_flags+16
#     1005 add rbx,rax
#       v110 = iadd.i64 v31, v108
#     1008 add rbx,rdx
#       v112 = iadd v110, v111
#     1011 jne 0x1000
#       jump block1(v169, v108, v125, v111, v112, v117, v142, v146)
#   13 cold blocks
