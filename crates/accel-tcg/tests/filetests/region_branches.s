# A region with a branch inside: even and odd numbers go different ways, which meet again.
# mode: long
# state: rcx=20 rax=7
    .intel_syntax noprefix
1:  test al, 1
    jz 2f
    lea rax, [rax+rax*2+1]
    inc rbx
    jmp 3f
2:  shr rax, 1
    add rdx, rax
3:  dec rcx
    jnz 1b

# after:
#   127 instructions
#   rax=0x4
#   rcx=0x0
#   rdx=0x78
#   rbx=0x7
#   rflags=0x46
# clif:
#   region 1000: 9 instructions, entered 1 times for 127
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v17 = load.i32 notrap aligned v0+left
#     1000 test al,0x1
#     1002 je 0x100e
#     100c jmp 0x1014
#     1004 lea rax,[rax+rax*2+0x1]
#       jump block1(v17, v1, v2, v3, v4)
#   block1(v18: i32, v23: i64, v24: i64, v25: i64, v26: i64):
#       v235 = iconst.i32 2
#       v236 = isub v18, v235  ; v235 = 2
#       v237 = iconst.i32 0
#       v238 = icmp slt v236, v237  ; v237 = 0
#       brif v238, block5, block6
#   block6:
#     1000 test al,0x1
#       v28 = ireduce.i8 v23
#       v239 = iconst.i8 1
#       v240 = band v28, v239  ; v239 = 1
#       v241 = iconst.i8 0
#       v242 = icmp eq v240, v241  ; v241 = 0
#     1002 je 0x100e
#       brif v242, block3, block2
#   block2:
#       v243 = iconst.i32 5
#       v244 = isub.i32 v18, v243  ; v243 = 5
#       v245 = iconst.i32 0
#       v246 = icmp slt v244, v245  ; v245 = 0
#       brif v246, block7, block8
#   block8:
#       v247 = iconst.i64 4
#     100c jmp 0x1014
#       store notrap aligned v247, v0+region_flags  ; v247 = 4
#       v248 = iconst.i64 1
#       v249 = iadd.i64 v26, v248  ; v248 = 1
#       store notrap aligned v249, v0+region_flags+8
#       v250 = iconst.i64 0
#       store notrap aligned v250, v0+region_flags+16  ; v250 = 0
#       v251 = ishl.i64 v23, v248  ; v248 = 1
#     1004 lea rax,[rax+rax*2+0x1]
#       v52 = iadd.i64 v23, v251
#       v252 = iadd v52, v248  ; v248 = 1
#     100c jmp 0x1014
#       jump block4(v244, v252, v25, v249)
#   block3:
#       v194 = iconst.i32 4
#       v195 = isub.i32 v18, v194  ; v194 = 4
#       v255 = iconst.i32 0
#       v256 = icmp slt v195, v255  ; v255 = 0
#       brif v256, block9, block10
#   block10:
#     1011 add rdx,rax
#       v88 = iconst.i64 2
#       store notrap aligned v88, v0+region_flags  ; v88 = 2
#       v257 = iconst.i64 1
#       v258 = ushr.i64 v23, v257  ; v257 = 1
#       v87 = iadd.i64 v25, v258
#       store notrap aligned v87, v0+region_flags+8
#       store.i64 notrap aligned v25, v0+region_flags+16
#       v259 = isub.i32 v18, v194  ; v194 = 4
#       jump block4(v259, v258, v87, v26)
#   block4(v89: i32, v94: i64, v96: i64, v97: i64):
#       v263 = iconst.i32 2
#       v264 = isub v89, v263  ; v263 = 2
#       v265 = iconst.i32 0
#       v266 = icmp slt v264, v265  ; v265 = 0
#       brif v266, block11, block12
#   block12:
#     1014 dec rcx
#       v100 = load.i64 notrap aligned v0+region_flags
#       v101 = load.i64 notrap aligned v0+region_flags+8
#       v102 = load.i64 notrap aligned v0+region_flags+16
#       v267 = iconst.i64 1
#       v268 = icmp.i64 eq v24, v267  ; v267 = 1
#     1017 jne 0x1000
#       brif v268, block13, block14
#   block14:
#     1017 jne 0x1000
#       v189 = iconst.i64 5
#       store notrap aligned v189, v0+region_flags  ; v189 = 5
#       v269 = iconst.i64 1
#       v270 = isub.i64 v24, v269  ; v269 = 1
#       store notrap aligned v270, v0+region_flags+8
#     1014 dec rcx
#       v107 = ireduce.i8 v100
#       v271 = iconst.i8 0
#       v272 = icmp eq v107, v271  ; v271 = 0
#     100e shr rax,0x1
#       v75 = iconst.i64 63
#     1014 dec rcx
#       v124 = ushr.i64 v102, v75  ; v75 = 63
#       v125 = ireduce.i8 v124
#       v273 = iconst.i8 1
#       v274 = band v125, v273  ; v273 = 1
#       v114 = iconst.i8 3
#       v115 = icmp eq v107, v114  ; v114 = 3
#       v103 = iconst.i64 8
#       v104 = ushr.i64 v100, v103  ; v103 = 8
#       v105 = ishl.i64 v101, v104
#       v106 = ishl.i64 v102, v104
#       v139 = icmp ugt v105, v106
#       v111 = iconst.i8 2
#       v112 = icmp eq v107, v111  ; v111 = 2
#       v138 = icmp ult v105, v106
#       v117 = iconst.i8 4
#       v118 = icmp eq v107, v117  ; v117 = 4
#       v120 = iconst.i8 5
#       v121 = icmp eq v107, v120  ; v120 = 5
#       v140 = bor v118, v121
#       v135 = ireduce.i8 v102
#       v275 = band v135, v273  ; v273 = 1
#       v276 = select v140, v275, v271  ; v271 = 0
#       v142 = select v112, v138, v276
#       v143 = select v115, v139, v142
#       v144 = select v272, v274, v143
#     1017 jne 0x1000
#       v190 = uextend.i64 v144
#       store notrap aligned v190, v0+region_flags+16
#       jump block1(v264, v94, v270, v96, v97)
#   5 cold blocks
