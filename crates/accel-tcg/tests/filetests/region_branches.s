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
#       jump block1(v20, v1, v2, v3, v4, v17, v18, v19)
#   block1(v21: i32, v228: i64, v230: i64, v231: i64, v233: i64, v235: i64, v236: i64, v237: i64):
#       v22 = iconst.i32 2
#       v23 = isub v21, v22  ; v22 = 2
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block5, block6
#   block6:
#     1000 test al,0x1
#       v36 = ireduce.i8 v228
#       v37 = iconst.i8 1
#       v38 = band v36, v37  ; v37 = 1
#       v40 = uextend.i64 v38
#     1002 je 0x100e
#       v44 = iconst.i8 0
#       v45 = icmp eq v38, v44  ; v44 = 0
#       v46 = iconst.i8 0
#       v47 = icmp slt v38, v46  ; v46 = 0
#       brif v45, block3, block2
#   block2:
#       v49 = iconst.i32 3
#       v50 = isub.i32 v23, v49  ; v49 = 3
#       v51 = iconst.i32 0
#       v52 = icmp slt v50, v51  ; v51 = 0
#       brif v52, block7, block8
#   block8:
#     1004 lea rax,[rax+rax*2+0x1]
#       v63 = iconst.i64 1
#       v64 = ishl.i64 v228, v63  ; v63 = 1
#       v65 = iadd.i64 v228, v64
#       v66 = iconst.i64 1
#       v67 = iadd v65, v66  ; v66 = 1
#     1009 inc rbx
#       v69 = iconst.i64 1
#       v70 = iconst.i8 0
#       v71 = iadd.i64 v233, v69  ; v69 = 1
#       v72 = iconst.i64 4
#       v73 = uextend.i64 v70  ; v70 = 0
#     100c jmp 0x1014
#       jump block4(v50, v67, v231, v71, v72, v71, v73)  ; v72 = 4
#   block3:
#       v75 = iconst.i32 2
#       v76 = isub.i32 v23, v75  ; v75 = 2
#       v77 = iconst.i32 0
#       v78 = icmp slt v76, v77  ; v77 = 0
#       brif v78, block9, block10
#   block10:
#     100e shr rax,0x1
#       v89 = iconst.i64 1
#       v90 = iconst.i64 1
#       v91 = iconst.i64 63
#       v92 = ushr.i64 v228, v89  ; v89 = 1
#       v93 = isub v89, v90  ; v89 = 1, v90 = 1
#       v94 = ushr.i64 v228, v93
#       v95 = iconst.i64 62
#       v96 = ushr v92, v91  ; v91 = 63
#       v97 = ushr v92, v95  ; v95 = 62
#       v98 = bxor v96, v97
#       v99 = band v94, v90  ; v90 = 1
#       v100 = ireduce.i8 v99
#       v101 = band v98, v90  ; v90 = 1
#       v102 = ireduce.i8 v101
#       v103 = bxor v100, v102
#       v104 = uextend.i64 v100
#       v105 = uextend.i64 v103
#       v106 = iconst.i64 63
#       v107 = iconst.i64 62
#       v108 = ishl v104, v106  ; v106 = 63
#       v109 = ishl v105, v107  ; v107 = 62
#       v110 = bor v108, v109
#     1011 add rdx,rax
#       v113 = iadd.i64 v231, v92
#       v114 = iconst.i64 2
#       jump block4(v76, v92, v113, v233, v114, v113, v231)  ; v114 = 2
#   block4(v115: i32, v238: i64, v240: i64, v241: i64, v242: i64, v243: i64, v244: i64):
#       v116 = iconst.i32 2
#       v117 = isub v115, v116  ; v116 = 2
#       v118 = iconst.i32 0
#       v119 = icmp slt v117, v118  ; v118 = 0
#       brif v119, block11, block12
#   block12:
#     1014 dec rcx
#       v130 = iconst.i64 1
#       v134 = iconst.i64 8
#       v135 = ushr.i64 v242, v134  ; v134 = 8
#       v136 = ishl.i64 v243, v135
#       v137 = ishl.i64 v244, v135
#       v138 = ireduce.i8 v242
#       v139 = iconst.i8 0
#       v140 = icmp eq v138, v139  ; v139 = 0
#       v141 = ireduce.i8 v242
#       v142 = iconst.i8 2
#       v143 = icmp eq v141, v142  ; v142 = 2
#       v144 = ireduce.i8 v242
#       v145 = iconst.i8 3
#       v146 = icmp eq v144, v145  ; v145 = 3
#       v147 = ireduce.i8 v242
#       v148 = iconst.i8 4
#       v149 = icmp eq v147, v148  ; v148 = 4
#       v150 = ireduce.i8 v242
#       v151 = iconst.i8 5
#       v152 = icmp eq v150, v151  ; v151 = 5
#       v153 = iconst.i8 0
#       v154 = iconst.i64 63
#       v155 = ushr.i64 v244, v154  ; v154 = 63
#       v156 = ireduce.i8 v155
#       v157 = iconst.i8 1
#       v158 = band v156, v157  ; v157 = 1
#       v159 = iconst.i64 62
#       v160 = ushr.i64 v244, v159  ; v159 = 62
#       v161 = ireduce.i8 v160
#       v162 = iconst.i8 1
#       v163 = band v161, v162  ; v162 = 1
#       v164 = iconst.i64 0
#       v165 = ushr.i64 v244, v164  ; v164 = 0
#       v166 = ireduce.i8 v165
#       v167 = iconst.i8 1
#       v168 = band v166, v167  ; v167 = 1
#       v169 = icmp ult v136, v137
#       v170 = icmp ugt v136, v137
#       v171 = bor v149, v152
#       v172 = select v171, v168, v153  ; v153 = 0
#       v173 = select v143, v169, v172
#       v174 = select v146, v170, v173
#       v175 = select v140, v158, v174
#       v176 = bxor v137, v136
#       v177 = isub v136, v137
#       v178 = bxor v177, v136
#       v179 = band v176, v178
#       v180 = iconst.i64 0
#       v181 = icmp slt v179, v180  ; v180 = 0
#       v182 = isub v137, v136
#       v183 = bxor v137, v182
#       v184 = band v176, v183
#       v185 = iconst.i64 0
#       v186 = icmp slt v184, v185  ; v185 = 0
#       v187 = iconst.i64 -9223372036854775808
#       v188 = icmp eq v136, v187  ; v187 = -9223372036854775808
#       v189 = iconst.i64 1
#       v190 = ishl v189, v135  ; v189 = 1
#       v191 = iadd v136, v190
#       v192 = icmp eq v191, v187  ; v187 = -9223372036854775808
#       v193 = bxor v158, v163
#       v194 = select v149, v188, v153  ; v153 = 0
#       v195 = select v152, v192, v194
#       v196 = select v143, v181, v195
#       v197 = select v146, v186, v196
#       v198 = select v140, v193, v197
#       v199 = iconst.i64 0
#       v200 = ushr.i64 v244, v199  ; v199 = 0
#       v201 = ireduce.i8 v200
#       v202 = iconst.i8 1
#       v203 = band v201, v202  ; v202 = 1
#       v204 = select v140, v203, v153  ; v153 = 0
#       v205 = iconst.i64 0
#       v206 = icmp slt v136, v205  ; v205 = 0
#       v207 = iconst.i64 0
#       v208 = icmp eq v136, v207  ; v207 = 0
#       v209 = bxor v206, v204
#       v210 = isub.i64 v230, v130  ; v130 = 1
#       v211 = iconst.i64 5
#       v212 = uextend.i64 v175
#     1017 jne 0x1000
#       v213 = iconst.i64 0x7fff_ffff_ffff_ffff
#       v214 = icmp eq v210, v213  ; v213 = 0x7fff_ffff_ffff_ffff
#       v215 = iconst.i64 0
#       v216 = icmp eq v210, v215  ; v215 = 0
#       v217 = iconst.i64 0
#       v218 = icmp slt v210, v217  ; v217 = 0
#       brif v216, block13, block1(v117, v238, v210, v240, v241, v211, v210, v212)  ; v211 = 5
#   5 cold blocks
