# A region of 32-bit code with flat segments.
# mode: prot32
# state: rsi=0x9000 rdi=0xa000 rcx=5 [0x9000]=0x0123456789abcdef0011223344556677:16
    .intel_syntax noprefix
1:  mov eax, [esi]
    add ebx, eax
    mov [edi], bx
    add esi, 4
    add edi, 2
    sub ecx, 1
    jnz 1b

# after:
#   35 instructions
#   rcx=0x0
#   rbx=0xcf359c00
#   rsi=0x9014
#   rdi=0xa00a
#   rflags=0x46
#   [0xa000]=77 66 aa 88 99 56 00 9c 00 9c 00 00 00 00 00 00
# clif:
#   region 1000: 7 instructions, entered 1 times for 35
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v7 = load.i64 notrap aligned v0+gpr.rsi
#       v8 = load.i64 notrap aligned v0+gpr.rdi
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1000 mov eax,[esi]
#       jump block1(v20, v1, v2, v4, v7, v8, v17, v18, v19)
#   block1(v21: i32, v142: i64, v144: i64, v145: i64, v146: i64, v147: i64, v148: i64, v149: i64, v150: i64):
#       v166 = iconst.i32 7
#       v167 = isub v21, v166  ; v166 = 7
#       v168 = iconst.i32 0
#       v169 = icmp slt v167, v168  ; v168 = 0
#       brif v169, block2, block3
#   block3:
#     1000 mov eax,[esi]
#       v37 = ireduce.i32 v146
#       v38 = uextend.i64 v37
#       v170 = iconst.i64 7
#       v171 = ushr v38, v170  ; v170 = 7
#       v172 = iconst.i64 0x7fe0
#       v173 = band v171, v172  ; v172 = 0x7fe0
#       v43 = iadd.i64 v0, v173
#       v44 = load.i64 notrap aligned v43+tlb0.read
#       v45 = isub v38, v44
#       v174 = iconst.i64 4092
#       v175 = icmp ule v45, v174  ; v174 = 4092
#       brif v175, block4, block5
#   block4:
#     1000 mov eax,[esi]
#       v49 = load.i64 notrap aligned v43+tlb0.host
#       v50 = iadd.i64 v45, v49
#       jump block6(v50)
#   block6(v48: i64):
#     1000 mov eax,[esi]
#       v65 = load.i32 notrap v48
#     1004 mov [edi],bx
#       v76 = ireduce.i32 v147
#       v77 = uextend.i64 v76
#       v177 = iconst.i64 7
#       v178 = ushr v77, v177  ; v177 = 7
#       v179 = iconst.i64 0x7fe0
#       v180 = band v178, v179  ; v179 = 0x7fe0
#       v82 = iadd.i64 v0, v180
#       v83 = load.i64 notrap aligned v82+tlb0.write
#       v84 = isub v77, v83
#       v85 = iconst.i64 4094
#       v86 = icmp ule v84, v85  ; v85 = 4094
#       brif v86, block8, block9
#   block8:
#     1004 mov [edi],bx
#       v88 = load.i64 notrap aligned v82+tlb0.host
#       v89 = iadd.i64 v84, v88
#       jump block10(v89)
#   block10(v87: i64):
#       v160 = ireduce.i16 v145
#       v162 = ireduce.i16 v65
#       v163 = iadd v160, v162
#     1004 mov [edi],bx
#       store notrap v163, v87
#     100d sub ecx,0x1
#       v123 = ireduce.i32 v144
#       v124 = iconst.i32 1
#     1010 jne 0x1000
#       v130 = icmp eq v123, v124  ; v124 = 1
#       v181 = uextend.i64 v65
#     100d sub ecx,0x1
#       v125 = isub v123, v124  ; v124 = 1
#       v126 = uextend.i64 v125
#       v182 = ireduce.i32 v145
#       v183 = iadd v182, v65
#       v184 = uextend.i64 v183
#       v185 = iconst.i32 4
#       v186 = iadd.i32 v37, v185  ; v185 = 4
#     1007 add esi,0x4
#       v110 = uextend.i64 v186
#     100a add edi,0x2
#       v116 = iconst.i32 2
#       v117 = iadd.i32 v76, v116  ; v116 = 2
#       v118 = uextend.i64 v117
#     100d sub ecx,0x1
#       v127 = iconst.i64 8195
#       v129 = uextend.i64 v123
#     1010 jne 0x1000
#       brif v130, block12, block1(v167, v181, v126, v184, v110, v118, v127, v126, v129)  ; v127 = 8195
#   6 cold blocks
