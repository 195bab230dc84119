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
#       v17 = load.i32 notrap aligned v0+left
#       v18 = iconst.i64 -9223372036854775808
#       v19 = bxor v7, v18  ; v18 = -9223372036854775808
#       v20 = iconst.i64 1
#       v21 = bor v19, v20  ; v20 = 1
#       v3 = iconst.i64 0
#       v24 = bxor v8, v18  ; v18 = -9223372036854775808
#       v26 = bor v24, v20  ; v20 = 1
#     1001 mov rax,[rsi]
#       jump block1(v17, v1, v2, v7, v8, v21, v3, v26, v3)  ; v3 = 0, v3 = 0
#   block1(v28: i32, v33: i64, v34: i64, v35: i64, v36: i64, v39: i64, v43: i64, v68: i64, v73: i64):
#       v421 = iconst.i32 6
#       v422 = isub v28, v421  ; v421 = 6
#       v423 = iconst.i32 0
#       v424 = icmp slt v422, v423  ; v423 = 0
#       brif v424, block2, block3
#   block3:
#     1001 mov rax,[rsi]
#       v40 = isub.i64 v35, v39
#       v425 = iconst.i64 4088
#       v426 = icmp ugt v40, v425  ; v425 = 4088
#       brif v426, block5, block4
#   block4:
#     1001 mov rax,[rsi]
#       v44 = iadd.i64 v35, v43
#       jump block6(v44, v39, v43)
#   block6(v38: i64, v296: i64, v298: i64):
#     1001 mov rax,[rsi]
#       v64 = load.i64 notrap v38
#     1004 adc [rdi],rax
#       v69 = isub.i64 v36, v68
#       v434 = iconst.i64 4088
#       v435 = icmp ugt v69, v434  ; v434 = 4088
#       brif v435, block11, block10
#   block10:
#     1004 adc [rdi],rax
#       v74 = iadd.i64 v36, v73
#       jump block12(v74, v68, v73)
#   block12(v66: i64, v299: i64, v300: i64):
#     1004 adc [rdi],rax
#       v97 = load.i64 notrap v66
#       v99 = load.i64 notrap aligned v0+region_flags
#       v100 = load.i64 notrap aligned v0+region_flags+8
#       v101 = load.i64 notrap aligned v0+region_flags+16
#       v179 = iadd v97, v64
#       v106 = ireduce.i8 v99
#       v107 = iconst.i8 0
#       v108 = icmp eq v106, v107  ; v107 = 0
#       v122 = iconst.i64 63
#       v123 = ushr v101, v122  ; v122 = 63
#       v124 = ireduce.i8 v123
#       v125 = iconst.i8 1
#       v126 = band v124, v125  ; v125 = 1
#       v113 = iconst.i8 3
#       v114 = icmp eq v106, v113  ; v113 = 3
#       v102 = iconst.i64 8
#       v103 = ushr v99, v102  ; v102 = 8
#       v104 = ishl v100, v103
#       v105 = ishl v101, v103
#       v138 = icmp ugt v104, v105
#       v110 = iconst.i8 2
#       v111 = icmp eq v106, v110  ; v110 = 2
#       v137 = icmp ult v104, v105
#       v116 = iconst.i8 4
#       v117 = icmp eq v106, v116  ; v116 = 4
#       v119 = iconst.i8 5
#       v120 = icmp eq v106, v119  ; v119 = 5
#       v139 = bor v117, v120
#       v134 = ireduce.i8 v101
#       v136 = band v134, v125  ; v125 = 1
#       v140 = select v139, v136, v107  ; v107 = 0
#       v141 = select v111, v137, v140
#       v142 = select v114, v138, v141
#       v143 = select v108, v126, v142
#       v178 = uextend.i64 v143
#       v180 = iadd v179, v178
#       store notrap v180, v66
#     100f dec ecx
#       v201 = ireduce.i32 v34
#       v202 = iconst.i32 1
#       v419 = icmp eq v201, v202  ; v202 = 1
#     1011 jne 0x1001
#       brif v419, block16, block17
#   block17:
#     1011 jne 0x1001
#       v292 = iconst.i64 8197
#       store notrap aligned v292, v0+region_flags  ; v292 = 8197
#       v444 = iconst.i32 1
#       v445 = isub.i32 v201, v444  ; v444 = 1
#     100f dec ecx
#       v280 = uextend.i64 v445
#     1011 jne 0x1001
#       store notrap aligned v280, v0+region_flags+8
#     1004 adc [rdi],rax
#       v181 = band.i64 v97, v64
#       v182 = bor.i64 v97, v64
#       v183 = bnot.i64 v180
#       v184 = band v182, v183
#       v185 = bor v181, v184
#       v315 = iconst.i64 -4611686018427387896
#       v321 = band v185, v315  ; v315 = -4611686018427387896
#       v446 = iconst.i64 63
#       v447 = ushr v321, v446  ; v446 = 63
#     100f dec ecx
#       v225 = ireduce.i8 v447
#       v448 = iconst.i8 1
#       v449 = band v225, v448  ; v448 = 1
#     1011 jne 0x1001
#       v294 = uextend.i64 v449
#       store notrap aligned v294, v0+region_flags+16
#       v450 = iconst.i64 8
#       v451 = iadd.i64 v35, v450  ; v450 = 8
#       v452 = iadd.i64 v36, v450  ; v450 = 8
#       jump block1(v422, v64, v280, v451, v452, v296, v298, v299, v300)
#   10 cold blocks
