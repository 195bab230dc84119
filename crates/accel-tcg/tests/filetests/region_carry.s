# A region whose carry lives across the back edge: the sum of two long numbers.
# mode: long
# state: rsi=0x9000 rdi=0xa000 rcx=4 [0x9000]=0xffffffffffffffffffffffffffffffff:16 [0xa000]=1:8 [0xa010]=0x5:8
    .intel_syntax noprefix
    clc
1:  mov rax, [rsi]
    adc [rdi], rax
    lea rsi, [rsi+8]
    lea rdi, [rdi+8]
    dec ecx
    jnz 1b
    setc al

# after:
#   26 instructions
#   rcx=0x0
#   rsi=0x9020
#   rdi=0xa020
#   rflags=0x46
#   [0xa000]=00 00 00 00 00 00 00 00
#   [0xa010]=06 00 00 00 00 00 00 00
# clif:
#   region 1001: 6 instructions, entered 1 times for 18
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v7 = load.i64 notrap aligned v0+gpr.rsi
#       v8 = load.i64 notrap aligned v0+gpr.rdi
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1001 mov rax,[rsi]
#       jump block1(v20, v1, v2, v7, v8, v17, v18, v19)
#   block1(v21: i32, v295: i64, v296: i64, v297: i64, v298: i64, v299: i64, v300: i64, v301: i64):
#       v428 = iconst.i32 6
#       v429 = isub v21, v428  ; v428 = 6
#       v430 = iconst.i32 0
#       v431 = icmp slt v429, v430  ; v430 = 0
#       brif v431, block2, block3
#   block3:
#       v432 = iconst.i64 7
#       v433 = ushr.i64 v297, v432  ; v432 = 7
#       v434 = iconst.i64 0x7fe0
#       v435 = band v433, v434  ; v434 = 0x7fe0
#     1001 mov rax,[rsi]
#       v40 = iadd.i64 v0, v435
#       v41 = load.i64 notrap aligned v40+tlb0.read
#       v436 = iadd.i64 v297, v432  ; v432 = 7
#       v437 = iconst.i64 -4096
#       v438 = band v436, v437  ; v437 = -4096
#     1001 mov rax,[rsi]
#       v46 = icmp eq v438, v41
#       brif v46, block4, block5
#   block4:
#     1001 mov rax,[rsi]
#       v48 = load.i64 notrap aligned v40+tlb0.addend
#       v49 = iadd.i64 v297, v48
#       jump block6(v49)
#   block6(v47: i64):
#     1001 mov rax,[rsi]
#       v63 = load.i64 notrap v47
#       v440 = iconst.i64 7
#       v441 = ushr.i64 v298, v440  ; v440 = 7
#       v442 = iconst.i64 0x7fe0
#       v443 = band v441, v442  ; v442 = 0x7fe0
#     1004 adc [rdi],rax
#       v69 = iadd.i64 v0, v443
#       v70 = load.i64 notrap aligned v69+tlb0.write
#       v444 = iadd.i64 v298, v440  ; v440 = 7
#       v445 = iconst.i64 -4096
#       v446 = band v444, v445  ; v445 = -4096
#     1004 adc [rdi],rax
#       v75 = icmp eq v446, v70
#       brif v75, block8, block9
#   block8:
#     1004 adc [rdi],rax
#       v77 = load.i64 notrap aligned v69+tlb0.addend
#       v78 = iadd.i64 v298, v77
#       jump block10(v78)
#   block10(v76: i64):
#     1004 adc [rdi],rax
#       v92 = load.i64 notrap v76
#       v174 = iadd v92, v63
#       v101 = ireduce.i8 v299
#       v102 = iconst.i8 0
#       v103 = icmp eq v101, v102  ; v102 = 0
#       v117 = iconst.i64 63
#       v118 = ushr.i64 v301, v117  ; v117 = 63
#       v119 = ireduce.i8 v118
#       v120 = iconst.i8 1
#       v121 = band v119, v120  ; v120 = 1
#       v108 = iconst.i8 3
#       v109 = icmp eq v101, v108  ; v108 = 3
#       v97 = iconst.i64 8
#       v98 = ushr.i64 v299, v97  ; v97 = 8
#       v99 = ishl.i64 v300, v98
#       v100 = ishl.i64 v301, v98
#       v133 = icmp ugt v99, v100
#       v105 = iconst.i8 2
#       v106 = icmp eq v101, v105  ; v105 = 2
#       v132 = icmp ult v99, v100
#       v111 = iconst.i8 4
#       v112 = icmp eq v101, v111  ; v111 = 4
#       v114 = iconst.i8 5
#       v115 = icmp eq v101, v114  ; v114 = 5
#       v134 = bor v112, v115
#       v129 = ireduce.i8 v301
#       v131 = band v129, v120  ; v120 = 1
#       v135 = select v134, v131, v102  ; v102 = 0
#       v136 = select v106, v132, v135
#       v137 = select v109, v133, v136
#       v138 = select v103, v121, v137
#       v173 = uextend.i64 v138
#       v175 = iadd v174, v173
#       store notrap v175, v76
#     100f dec ecx
#       v196 = ireduce.i32 v296
#       v197 = iconst.i32 1
#       v426 = icmp eq v196, v197  ; v197 = 1
#     100f dec ecx
#       v274 = isub v196, v197  ; v197 = 1
#       v275 = uextend.i64 v274
#     1007 lea rsi,[rsi+0x8]
#       v191 = iadd.i64 v297, v97  ; v97 = 8
#     100b lea rdi,[rdi+0x8]
#       v194 = iadd.i64 v298, v97  ; v97 = 8
#     100f dec ecx
#       v276 = iconst.i64 8197
#     1004 adc [rdi],rax
#       v176 = band v92, v63
#       v177 = bor v92, v63
#       v178 = bnot v175
#       v179 = band v177, v178
#       v180 = bor v176, v179
#       v322 = iconst.i64 -4611686018427387896
#       v328 = band v180, v322  ; v322 = -4611686018427387896
#     100f dec ecx
#       v219 = ushr v328, v117  ; v117 = 63
#       v220 = ireduce.i8 v219
#       v222 = band v220, v120  ; v120 = 1
#       v278 = uextend.i64 v222
#     1011 jne 0x1001
#       brif v426, block12, block1(v429, v63, v275, v191, v194, v276, v275, v278)  ; v276 = 8197
#   6 cold blocks
