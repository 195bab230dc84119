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
#   block1(v21: i32, v136: i64, v137: i64, v138: i64, v139: i64, v140: i64, v141: i64, v142: i64, v143: i64):
#       v177 = iconst.i32 7
#       v178 = isub v21, v177  ; v177 = 7
#       v179 = iconst.i32 0
#       v180 = icmp slt v178, v179  ; v179 = 0
#       brif v180, block2, block3
#   block3:
#       v181 = iconst.i64 7
#       v182 = ushr.i64 v140, v181  ; v181 = 7
#       v183 = iconst.i64 0x7fe0
#       v184 = band v182, v183  ; v183 = 0x7fe0
#     1000 mov eax,[rsi]
#       v41 = iadd.i64 v0, v184
#       v42 = load.i64 notrap aligned v41+tlb2.read
#       v185 = iconst.i64 3
#       v186 = iadd.i64 v140, v185  ; v185 = 3
#       v187 = iconst.i64 -4096
#       v188 = band v186, v187  ; v187 = -4096
#     1000 mov eax,[rsi]
#       v47 = icmp eq v188, v42
#       brif v47, block4, block5
#   block4:
#     1000 mov eax,[rsi]
#       v49 = load.i64 notrap aligned v41+tlb2.addend
#       v50 = iadd.i64 v140, v49
#       jump block6(v50)
#   block6(v48: i64):
#     1000 mov eax,[rsi]
#       v65 = load.i32 notrap v48
#     1002 mov edx,[rsi+0x4]
#       v68 = iconst.i64 4
#       v69 = iadd.i64 v140, v68  ; v68 = 4
#       v190 = iconst.i64 7
#       v191 = ushr v69, v190  ; v190 = 7
#       v192 = iconst.i64 0x7fe0
#       v193 = band v191, v192  ; v192 = 0x7fe0
#     1002 mov edx,[rsi+0x4]
#       v74 = iadd.i64 v0, v193
#       v75 = load.i64 notrap aligned v74+tlb2.read
#       v194 = iadd.i64 v140, v190  ; v190 = 7
#       v195 = iconst.i64 -4096
#       v196 = band v194, v195  ; v195 = -4096
#     1002 mov edx,[rsi+0x4]
#       v80 = icmp eq v196, v75
#       brif v80, block8, block9
#   block8:
#     1002 mov edx,[rsi+0x4]
#       v82 = load.i64 notrap aligned v74+tlb2.addend
#       v199 = iadd.i64 v140, v68  ; v68 = 4
#       v200 = iadd v199, v82
#     1002 mov edx,[rsi+0x4]
#       jump block10(v200)
#   block10(v81: i64):
#     1002 mov edx,[rsi+0x4]
#       v98 = load.i32 notrap v81
#     100f dec ecx
#       v111 = ireduce.i32 v137
#       v112 = iconst.i32 1
#       v175 = icmp eq v111, v112  ; v112 = 1
#       v201 = uextend.i64 v65
#     100f dec ecx
#       v114 = isub v111, v112  ; v112 = 1
#       v115 = uextend.i64 v114
#     1002 mov edx,[rsi+0x4]
#       v99 = uextend.i64 v98
#     1005 add rbx,rax
#       v102 = iadd.i64 v139, v201
#     1008 add rbx,rdx
#       v104 = iadd v102, v99
#     100b add rsi,0x8
#       v107 = iconst.i64 8
#       v108 = iadd.i64 v140, v107  ; v107 = 8
#     100f dec ecx
#       v116 = iconst.i64 8197
#       v113 = icmp ult v108, v140
#       v118 = uextend.i64 v113
#     1011 jne 0x1000
#       brif v175, block12, block1(v178, v201, v115, v99, v104, v108, v116, v115, v118)  ; v116 = 8197
#   6 cold blocks
