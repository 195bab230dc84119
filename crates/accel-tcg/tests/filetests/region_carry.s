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
#   block1(v21: i32, v291: i64, v292: i64, v293: i64, v294: i64, v295: i64, v296: i64, v297: i64):
#       v424 = iconst.i32 6
#       v425 = isub v21, v424  ; v424 = 6
#       v426 = iconst.i32 0
#       v427 = icmp slt v425, v426  ; v426 = 0
#       brif v427, block2, block3
#   block3:
#       v428 = iconst.i64 7
#       v429 = ushr.i64 v293, v428  ; v428 = 7
#       v430 = iconst.i64 0x7fe0
#       v431 = band v429, v430  ; v430 = 0x7fe0
#     1001 mov rax,[rsi]
#       v40 = iadd.i64 v0, v431
#       v41 = load.i64 notrap aligned v40+tlb0.read
#       v42 = isub.i64 v293, v41
#       v432 = iconst.i64 4088
#       v433 = icmp ule v42, v432  ; v432 = 4088
#       brif v433, block4, block5
#   block4:
#     1001 mov rax,[rsi]
#       v46 = load.i64 notrap aligned v40+tlb0.host
#       v47 = iadd.i64 v42, v46
#       jump block6(v47)
#   block6(v45: i64):
#     1001 mov rax,[rsi]
#       v61 = load.i64 notrap v45
#       v435 = iconst.i64 7
#       v436 = ushr.i64 v294, v435  ; v435 = 7
#       v437 = iconst.i64 0x7fe0
#       v438 = band v436, v437  ; v437 = 0x7fe0
#     1004 adc [rdi],rax
#       v67 = iadd.i64 v0, v438
#       v68 = load.i64 notrap aligned v67+tlb0.write
#       v69 = isub.i64 v294, v68
#       v439 = iconst.i64 4088
#       v440 = icmp ule v69, v439  ; v439 = 4088
#       brif v440, block8, block9
#   block8:
#     1004 adc [rdi],rax
#       v73 = load.i64 notrap aligned v67+tlb0.host
#       v74 = iadd.i64 v69, v73
#       jump block10(v74)
#   block10(v72: i64):
#     1004 adc [rdi],rax
#       v88 = load.i64 notrap v72
#       v170 = iadd v88, v61
#       v97 = ireduce.i8 v295
#       v98 = iconst.i8 0
#       v99 = icmp eq v97, v98  ; v98 = 0
#       v113 = iconst.i64 63
#       v114 = ushr.i64 v297, v113  ; v113 = 63
#       v115 = ireduce.i8 v114
#       v116 = iconst.i8 1
#       v117 = band v115, v116  ; v116 = 1
#       v104 = iconst.i8 3
#       v105 = icmp eq v97, v104  ; v104 = 3
#       v93 = iconst.i64 8
#       v94 = ushr.i64 v295, v93  ; v93 = 8
#       v95 = ishl.i64 v296, v94
#       v96 = ishl.i64 v297, v94
#       v129 = icmp ugt v95, v96
#       v101 = iconst.i8 2
#       v102 = icmp eq v97, v101  ; v101 = 2
#       v128 = icmp ult v95, v96
#       v107 = iconst.i8 4
#       v108 = icmp eq v97, v107  ; v107 = 4
#       v110 = iconst.i8 5
#       v111 = icmp eq v97, v110  ; v110 = 5
#       v130 = bor v108, v111
#       v125 = ireduce.i8 v297
#       v127 = band v125, v116  ; v116 = 1
#       v131 = select v130, v127, v98  ; v98 = 0
#       v132 = select v102, v128, v131
#       v133 = select v105, v129, v132
#       v134 = select v99, v117, v133
#       v169 = uextend.i64 v134
#       v171 = iadd v170, v169
#       store notrap v171, v72
#     100f dec ecx
#       v192 = ireduce.i32 v292
#       v193 = iconst.i32 1
#       v422 = icmp eq v192, v193  ; v193 = 1
#       v270 = isub v192, v193  ; v193 = 1
#       v271 = uextend.i64 v270
#     1007 lea rsi,[rsi+0x8]
#       v187 = iadd.i64 v293, v93  ; v93 = 8
#     100b lea rdi,[rdi+0x8]
#       v190 = iadd.i64 v294, v93  ; v93 = 8
#     100f dec ecx
#       v272 = iconst.i64 8197
#     1004 adc [rdi],rax
#       v172 = band v88, v61
#       v173 = bor v88, v61
#       v174 = bnot v171
#       v175 = band v173, v174
#       v176 = bor v172, v175
#       v318 = iconst.i64 -4611686018427387896
#       v324 = band v176, v318  ; v318 = -4611686018427387896
#     100f dec ecx
#       v215 = ushr v324, v113  ; v113 = 63
#       v216 = ireduce.i8 v215
#       v218 = band v216, v116  ; v116 = 1
#       v274 = uextend.i64 v218
#     1011 jne 0x1001
#       brif v422, block12, block1(v425, v61, v271, v187, v190, v272, v271, v274)  ; v272 = 8197
#   6 cold blocks
