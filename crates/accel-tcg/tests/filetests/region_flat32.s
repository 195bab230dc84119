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
#   block1(v21: i32, v146: i64, v148: i64, v149: i64, v150: i64, v151: i64, v152: i64, v153: i64, v154: i64):
#       v170 = iconst.i32 7
#       v171 = isub v21, v170  ; v170 = 7
#       v172 = iconst.i32 0
#       v173 = icmp slt v171, v172  ; v172 = 0
#       brif v173, block2, block3
#   block3:
#     1000 mov eax,[esi]
#       v37 = ireduce.i32 v150
#       v38 = uextend.i64 v37
#       v174 = iconst.i64 7
#       v175 = ushr v38, v174  ; v174 = 7
#       v176 = iconst.i64 0x7fe0
#       v177 = band v175, v176  ; v176 = 0x7fe0
#     1000 mov eax,[esi]
#       v43 = iadd.i64 v0, v177
#       v44 = load.i64 notrap aligned v43+tlb0.read
#       v178 = iconst.i64 3
#       v179 = iadd v38, v178  ; v178 = 3
#       v180 = iconst.i64 -4096
#       v181 = band v179, v180  ; v180 = -4096
#     1000 mov eax,[esi]
#       v49 = icmp eq v181, v44
#       brif v49, block4, block5
#   block4:
#     1000 mov eax,[esi]
#       v51 = load.i64 notrap aligned v43+tlb0.addend
#       v52 = iadd.i64 v38, v51
#       jump block6(v52)
#   block6(v50: i64):
#     1000 mov eax,[esi]
#       v67 = load.i32 notrap v50
#     1004 mov [edi],bx
#       v78 = ireduce.i32 v151
#       v79 = uextend.i64 v78
#       v183 = iconst.i64 7
#       v184 = ushr v79, v183  ; v183 = 7
#       v185 = iconst.i64 0x7fe0
#       v186 = band v184, v185  ; v185 = 0x7fe0
#     1004 mov [edi],bx
#       v84 = iadd.i64 v0, v186
#       v85 = load.i64 notrap aligned v84+tlb0.write
#       v86 = iconst.i64 1
#       v87 = iadd v79, v86  ; v86 = 1
#       v187 = iconst.i64 -4096
#       v188 = band v87, v187  ; v187 = -4096
#     1004 mov [edi],bx
#       v90 = icmp eq v188, v85
#       brif v90, block8, block9
#   block8:
#     1004 mov [edi],bx
#       v92 = load.i64 notrap aligned v84+tlb0.addend
#       v93 = iadd.i64 v79, v92
#       jump block10(v93)
#   block10(v91: i64):
#       v164 = ireduce.i16 v149
#       v166 = ireduce.i16 v67
#       v167 = iadd v164, v166
#     1004 mov [edi],bx
#       store notrap v167, v91
#     100d sub ecx,0x1
#       v127 = ireduce.i32 v148
#       v128 = iconst.i32 1
#     1010 jne 0x1000
#       v134 = icmp eq v127, v128  ; v128 = 1
#       v189 = uextend.i64 v67
#     100d sub ecx,0x1
#       v129 = isub v127, v128  ; v128 = 1
#       v130 = uextend.i64 v129
#       v190 = ireduce.i32 v149
#       v191 = iadd v190, v67
#       v192 = uextend.i64 v191
#       v193 = iconst.i32 4
#       v194 = iadd.i32 v37, v193  ; v193 = 4
#     1007 add esi,0x4
#       v114 = uextend.i64 v194
#     100a add edi,0x2
#       v120 = iconst.i32 2
#       v121 = iadd.i32 v78, v120  ; v120 = 2
#       v122 = uextend.i64 v121
#     100d sub ecx,0x1
#       v131 = iconst.i64 8195
#       v133 = uextend.i64 v127
#     1010 jne 0x1000
#       brif v134, block12, block1(v171, v189, v130, v192, v114, v122, v131, v130, v133)  ; v131 = 8195
#   6 cold blocks
