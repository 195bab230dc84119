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
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1000 test al,0x1
#     1002 je 0x100e
#     1004 lea rax,[rax+rax*2+0x1]
#     1009 inc rbx
#       jump block1(v20, v1, v2, v3, v4, v17, v18, v19)
#   block1(v21: i32, v228: i64, v230: i64, v231: i64, v233: i64, v235: i64, v236: i64, v237: i64):
#       v289 = iconst.i32 2
#       v290 = isub v21, v289  ; v289 = 2
#       v291 = iconst.i32 0
#       v292 = icmp slt v290, v291  ; v291 = 0
#       brif v292, block5, block6
#   block6:
#     1000 test al,0x1
#       v36 = ireduce.i8 v228
#       v293 = iconst.i8 1
#       v294 = band v36, v293  ; v293 = 1
#       v295 = iconst.i8 0
#       v296 = icmp eq v294, v295  ; v295 = 0
#     1002 je 0x100e
#       brif v296, block3, block2
#   block2:
#       v297 = iconst.i32 5
#       v298 = isub.i32 v21, v297  ; v297 = 5
#       v299 = iconst.i32 0
#       v300 = icmp slt v298, v299  ; v299 = 0
#       brif v300, block7, block8
#   block8:
#       v301 = iconst.i64 1
#       v302 = ishl.i64 v228, v301  ; v301 = 1
#     1004 lea rax,[rax+rax*2+0x1]
#       v65 = iadd.i64 v228, v302
#       v303 = iadd v65, v301  ; v301 = 1
#       v304 = iadd.i64 v233, v301  ; v301 = 1
#       v305 = iconst.i64 4
#       v306 = iconst.i64 0
#     100c jmp 0x1014
#       jump block4(v298, v303, v231, v304, v305, v304, v306)  ; v305 = 4, v306 = 0
#   block3:
#       v248 = iconst.i32 4
#       v249 = isub.i32 v21, v248  ; v248 = 4
#       v309 = iconst.i32 0
#       v310 = icmp slt v249, v309  ; v309 = 0
#       brif v310, block9, block10
#   block10:
#       v311 = isub.i32 v21, v248  ; v248 = 4
#       v312 = iconst.i64 1
#       v313 = ushr.i64 v228, v312  ; v312 = 1
#     1011 add rdx,rax
#       v113 = iadd.i64 v231, v313
#       v114 = iconst.i64 2
#       jump block4(v311, v313, v113, v233, v114, v113, v231)  ; v114 = 2
#   block4(v115: i32, v238: i64, v240: i64, v241: i64, v242: i64, v243: i64, v244: i64):
#       v317 = iconst.i32 2
#       v318 = isub v115, v317  ; v317 = 2
#       v319 = iconst.i32 0
#       v320 = icmp slt v318, v319  ; v319 = 0
#       brif v320, block11, block12
#   block12:
#       v321 = iconst.i64 1
#       v322 = icmp.i64 eq v230, v321  ; v321 = 1
#       v323 = isub.i64 v230, v321  ; v321 = 1
#     1014 dec rcx
#       v211 = iconst.i64 5
#       v138 = ireduce.i8 v242
#       v324 = iconst.i8 0
#       v325 = icmp eq v138, v324  ; v324 = 0
#     100e shr rax,0x1
#       v91 = iconst.i64 63
#     1014 dec rcx
#       v155 = ushr.i64 v244, v91  ; v91 = 63
#       v156 = ireduce.i8 v155
#       v326 = iconst.i8 1
#       v327 = band v156, v326  ; v326 = 1
#       v145 = iconst.i8 3
#       v146 = icmp eq v138, v145  ; v145 = 3
#       v134 = iconst.i64 8
#       v135 = ushr.i64 v242, v134  ; v134 = 8
#       v136 = ishl.i64 v243, v135
#       v137 = ishl.i64 v244, v135
#       v170 = icmp ugt v136, v137
#       v142 = iconst.i8 2
#       v143 = icmp eq v138, v142  ; v142 = 2
#       v169 = icmp ult v136, v137
#       v148 = iconst.i8 4
#       v149 = icmp eq v138, v148  ; v148 = 4
#       v151 = iconst.i8 5
#       v152 = icmp eq v138, v151  ; v151 = 5
#       v171 = bor v149, v152
#       v166 = ireduce.i8 v244
#       v328 = band v166, v326  ; v326 = 1
#       v329 = select v171, v328, v324  ; v324 = 0
#       v173 = select v143, v169, v329
#       v174 = select v146, v170, v173
#       v175 = select v325, v327, v174
#       v212 = uextend.i64 v175
#     1017 jne 0x1000
#       brif v322, block13, block1(v318, v238, v323, v240, v241, v211, v323, v212)  ; v211 = 5
#   5 cold blocks
