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
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1000 mov eax,[rsi]
#       jump block1(v20, v1, v2, v3, v4, v7, v17, v18, v19)
#   block1(v21: i32, v132: i64, v133: i64, v134: i64, v135: i64, v136: i64, v137: i64, v138: i64, v139: i64):
#       v166 = iconst.i32 7
#       v167 = isub v21, v166  ; v166 = 7
#       v168 = iconst.i32 0
#       v169 = icmp slt v167, v168  ; v168 = 0
#       brif v169, block2, block3
#   block3:
#       v170 = iconst.i64 7
#       v171 = ushr.i64 v136, v170  ; v170 = 7
#       v172 = iconst.i64 0x7fe0
#       v173 = band v171, v172  ; v172 = 0x7fe0
#     1000 mov eax,[rsi]
#       v41 = iadd.i64 v0, v173
#       v42 = load.i64 notrap aligned v41+tlb2.read
#       v43 = isub.i64 v136, v42
#       v174 = iconst.i64 4092
#       v175 = icmp ule v43, v174  ; v174 = 4092
#       brif v175, block4, block5
#   block4:
#     1000 mov eax,[rsi]
#       v47 = load.i64 notrap aligned v41+tlb2.host
#       v48 = iadd.i64 v43, v47
#       jump block6(v48)
#   block6(v46: i64):
#     1000 mov eax,[rsi]
#       v63 = load.i32 notrap v46
#     1002 mov edx,[rsi+0x4]
#       v66 = iconst.i64 4
#       v67 = iadd.i64 v136, v66  ; v66 = 4
#       v177 = iconst.i64 7
#       v178 = ushr v67, v177  ; v177 = 7
#       v179 = iconst.i64 0x7fe0
#       v180 = band v178, v179  ; v179 = 0x7fe0
#       v72 = iadd.i64 v0, v180
#       v73 = load.i64 notrap aligned v72+tlb2.read
#       v74 = isub v67, v73
#       v181 = iconst.i64 4092
#       v182 = icmp ule v74, v181  ; v181 = 4092
#       brif v182, block8, block9
#   block8:
#     1002 mov edx,[rsi+0x4]
#       v78 = load.i64 notrap aligned v72+tlb2.host
#       v79 = iadd.i64 v74, v78
#       jump block10(v79)
#   block10(v77: i64):
#     1002 mov edx,[rsi+0x4]
#       v94 = load.i32 notrap v77
#     100f dec ecx
#       v107 = ireduce.i32 v133
#       v108 = iconst.i32 1
#       v164 = icmp eq v107, v108  ; v108 = 1
#       v185 = uextend.i64 v63
#       v110 = isub v107, v108  ; v108 = 1
#       v111 = uextend.i64 v110
#     1002 mov edx,[rsi+0x4]
#       v95 = uextend.i64 v94
#     1005 add rbx,rax
#       v98 = iadd.i64 v135, v185
#     1008 add rbx,rdx
#       v100 = iadd v98, v95
#     100b add rsi,0x8
#       v103 = iconst.i64 8
#       v104 = iadd.i64 v136, v103  ; v103 = 8
#     100f dec ecx
#       v112 = iconst.i64 8197
#       v109 = icmp ult v104, v136
#       v114 = uextend.i64 v109
#     1011 jne 0x1000
#       brif v164, block12, block1(v167, v185, v111, v95, v100, v104, v112, v111, v114)  ; v112 = 8197
#   6 cold blocks
