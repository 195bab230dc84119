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
#       v17 = load.i32 notrap aligned v0+left
#       v18 = ireduce.i32 v7
#       v19 = uextend.i64 v18
#       v20 = iconst.i64 -9223372036854775808
#       v21 = bxor v19, v20  ; v20 = -9223372036854775808
#       v22 = iconst.i64 1
#       v23 = bor v21, v22  ; v22 = 1
#       v3 = iconst.i64 0
#       v25 = ireduce.i32 v8
#       v26 = uextend.i64 v25
#       v28 = bxor v26, v20  ; v20 = -9223372036854775808
#       v30 = bor v28, v22  ; v22 = 1
#     1000 mov eax,[esi]
#       jump block1(v17, v1, v2, v4, v7, v8, v23, v3, v30, v3)  ; v3 = 0, v3 = 0
#   block1(v32: i32, v37: i64, v38: i64, v39: i64, v40: i64, v41: i64, v46: i64, v50: i64, v83: i64, v88: i64):
#       v160 = iconst.i32 7
#       v161 = isub v32, v160  ; v160 = 7
#       v162 = iconst.i32 0
#       v163 = icmp slt v161, v162  ; v162 = 0
#       brif v163, block2, block3
#   block3:
#     1000 mov eax,[esi]
#       v43 = ireduce.i32 v40
#       v44 = uextend.i64 v43
#       v47 = isub v44, v46
#       v164 = iconst.i64 4092
#       v165 = icmp ugt v47, v164  ; v164 = 4092
#       brif v165, block5, block4
#   block4:
#     1000 mov eax,[esi]
#       v51 = iadd.i64 v44, v50
#       jump block6(v51, v46, v50)
#   block6(v45: i64, v143: i64, v145: i64):
#     1000 mov eax,[esi]
#       v71 = load.i32 notrap v45
#     1004 mov [edi],bx
#       v79 = ireduce.i32 v41
#       v80 = uextend.i64 v79
#       v84 = isub v80, v83
#       v85 = iconst.i64 4094
#       v86 = icmp ugt v84, v85  ; v85 = 4094
#       brif v86, block11, block10
#   block10:
#     1004 mov [edi],bx
#       v89 = iadd.i64 v80, v88
#       jump block12(v89, v83, v88)
#   block12(v81: i64, v146: i64, v147: i64):
#       v154 = ireduce.i16 v39
#       v156 = ireduce.i16 v71
#       v157 = iadd v154, v156
#     1004 mov [edi],bx
#       store notrap v157, v81
#     100d sub ecx,0x1
#       v128 = ireduce.i32 v38
#       v129 = iconst.i32 1
#     1010 jne 0x1000
#       v132 = icmp eq v128, v129  ; v129 = 1
#       brif v132, block16, block17
#   block17:
#     1010 jne 0x1000
#       v139 = iconst.i64 8195
#       store notrap aligned v139, v0+region_flags  ; v139 = 8195
#       v181 = iconst.i32 1
#       v182 = isub.i32 v128, v181  ; v181 = 1
#     100d sub ecx,0x1
#       v131 = uextend.i64 v182
#     1010 jne 0x1000
#       store notrap aligned v131, v0+region_flags+8
#       v141 = uextend.i64 v128
#       store notrap aligned v141, v0+region_flags+16
#       v183 = uextend.i64 v71
#       v184 = ireduce.i32 v39
#       v185 = iadd v184, v71
#       v186 = uextend.i64 v185
#       v187 = iconst.i32 4
#       v188 = iadd.i32 v43, v187  ; v187 = 4
#     1007 add esi,0x4
#       v121 = uextend.i64 v188
#     100a add edi,0x2
#       v124 = iconst.i32 2
#       v125 = iadd.i32 v79, v124  ; v124 = 2
#       v126 = uextend.i64 v125
#     1010 jne 0x1000
#       jump block1(v161, v183, v131, v186, v121, v126, v143, v145, v146, v147)
#   10 cold blocks
