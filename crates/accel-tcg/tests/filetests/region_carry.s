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
#       jump block1(v20, v1, v2, v7, v8, v17, v18, v19)
#   block1(v21: i32, v295: i64, v296: i64, v297: i64, v298: i64, v299: i64, v300: i64, v301: i64):
#       v22 = iconst.i32 6
#       v23 = isub v21, v22  ; v22 = 6
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block2, block3
#   block3:
#     1001 mov rax,[rsi]
#       v36 = iconst.i64 7
#       v37 = iconst.i64 0x7fe0
#       v38 = ushr.i64 v297, v36  ; v36 = 7
#       v39 = band v38, v37  ; v37 = 0x7fe0
#       v40 = iadd.i64 v0, v39
#       v41 = load.i64 notrap aligned v40+tlb0.read
#       v42 = iconst.i64 7
#       v43 = iadd.i64 v297, v42  ; v42 = 7
#       v44 = iconst.i64 -4096
#       v45 = band v43, v44  ; v44 = -4096
#       v46 = icmp eq v45, v41
#       brif v46, block4, block5
#   block4:
#     1001 mov rax,[rsi]
#       v48 = load.i64 notrap aligned v40+tlb0.addend
#       v49 = iadd.i64 v297, v48
#       jump block6(v49)
#   block6(v47: i64):
#     1001 mov rax,[rsi]
#       v63 = load.i64 notrap v47
#     1004 adc [rdi],rax
#       v65 = iconst.i64 7
#       v66 = iconst.i64 0x7fe0
#       v67 = ushr.i64 v298, v65  ; v65 = 7
#       v68 = band v67, v66  ; v66 = 0x7fe0
#       v69 = iadd.i64 v0, v68
#       v70 = load.i64 notrap aligned v69+tlb0.write
#       v71 = iconst.i64 7
#       v72 = iadd.i64 v298, v71  ; v71 = 7
#       v73 = iconst.i64 -4096
#       v74 = band v72, v73  ; v73 = -4096
#       v75 = icmp eq v74, v70
#       brif v75, block8, block9
#   block8:
#     1004 adc [rdi],rax
#       v77 = load.i64 notrap aligned v69+tlb0.addend
#       v78 = iadd.i64 v298, v77
#       jump block10(v78)
#   block10(v76: i64):
#     1004 adc [rdi],rax
#       v92 = load.i64 notrap v76
#       v97 = iconst.i64 8
#       v98 = ushr.i64 v299, v97  ; v97 = 8
#       v99 = ishl.i64 v300, v98
#       v100 = ishl.i64 v301, v98
#       v101 = ireduce.i8 v299
#       v102 = iconst.i8 0
#       v103 = icmp eq v101, v102  ; v102 = 0
#       v104 = ireduce.i8 v299
#       v105 = iconst.i8 2
#       v106 = icmp eq v104, v105  ; v105 = 2
#       v107 = ireduce.i8 v299
#       v108 = iconst.i8 3
#       v109 = icmp eq v107, v108  ; v108 = 3
#       v110 = ireduce.i8 v299
#       v111 = iconst.i8 4
#       v112 = icmp eq v110, v111  ; v111 = 4
#       v113 = ireduce.i8 v299
#       v114 = iconst.i8 5
#       v115 = icmp eq v113, v114  ; v114 = 5
#       v116 = iconst.i8 0
#       v117 = iconst.i64 63
#       v118 = ushr.i64 v301, v117  ; v117 = 63
#       v119 = ireduce.i8 v118
#       v120 = iconst.i8 1
#       v121 = band v119, v120  ; v120 = 1
#       v122 = iconst.i64 62
#       v123 = ushr.i64 v301, v122  ; v122 = 62
#       v124 = ireduce.i8 v123
#       v125 = iconst.i8 1
#       v126 = band v124, v125  ; v125 = 1
#       v127 = iconst.i64 0
#       v128 = ushr.i64 v301, v127  ; v127 = 0
#       v129 = ireduce.i8 v128
#       v130 = iconst.i8 1
#       v131 = band v129, v130  ; v130 = 1
#       v132 = icmp ult v99, v100
#       v133 = icmp ugt v99, v100
#       v134 = bor v112, v115
#       v135 = select v134, v131, v116  ; v116 = 0
#       v136 = select v106, v132, v135
#       v137 = select v109, v133, v136
#       v138 = select v103, v121, v137
#       v139 = bxor v100, v99
#       v140 = isub v99, v100
#       v141 = bxor v140, v99
#       v142 = band v139, v141
#       v143 = iconst.i64 0
#       v144 = icmp slt v142, v143  ; v143 = 0
#       v145 = isub v100, v99
#       v146 = bxor v100, v145
#       v147 = band v139, v146
#       v148 = iconst.i64 0
#       v149 = icmp slt v147, v148  ; v148 = 0
#       v150 = iconst.i64 -9223372036854775808
#       v151 = icmp eq v99, v150  ; v150 = -9223372036854775808
#       v152 = iconst.i64 1
#       v153 = ishl v152, v98  ; v152 = 1
#       v154 = iadd v99, v153
#       v155 = icmp eq v154, v150  ; v150 = -9223372036854775808
#       v156 = bxor v121, v126
#       v157 = select v112, v151, v116  ; v116 = 0
#       v158 = select v115, v155, v157
#       v159 = select v106, v144, v158
#       v160 = select v109, v149, v159
#       v161 = select v103, v156, v160
#       v162 = iconst.i64 0
#       v163 = ushr.i64 v301, v162  ; v162 = 0
#       v164 = ireduce.i8 v163
#       v165 = iconst.i8 1
#       v166 = band v164, v165  ; v165 = 1
#       v167 = select v103, v166, v116  ; v116 = 0
#       v168 = iconst.i64 0
#       v169 = icmp slt v99, v168  ; v168 = 0
#       v170 = iconst.i64 0
#       v171 = icmp eq v99, v170  ; v170 = 0
#       v172 = bxor v169, v167
#       v173 = uextend.i64 v138
#       v174 = iadd v92, v63
#       v175 = iadd v174, v173
#       v176 = band v92, v63
#       v177 = bor v92, v63
#       v178 = bnot v175
#       v179 = band v177, v178
#       v180 = bor v176, v179
#       store notrap v175, v76
#       v181 = iconst.i64 0
#       v182 = ishl v180, v181  ; v181 = 0
#       v183 = iconst.i64 -4611686018427387904
#       v184 = band v182, v183  ; v183 = -4611686018427387904
#       v185 = iconst.i64 8
#       v186 = band v180, v185  ; v185 = 8
#       v187 = bor v184, v186
#       v188 = iconst.i64 0
#     1007 lea rsi,[rsi+0x8]
#       v190 = iconst.i64 8
#       v191 = iadd.i64 v297, v190  ; v190 = 8
#     100b lea rdi,[rdi+0x8]
#       v193 = iconst.i64 8
#       v194 = iadd.i64 v298, v193  ; v193 = 8
#     100f dec ecx
#       v196 = ireduce.i32 v296
#       v197 = iconst.i32 1
#       v198 = iconst.i64 8
#       v199 = ushr v188, v198  ; v188 = 0, v198 = 8
#       v200 = ishl v175, v199
#       v201 = ishl v187, v199
#       v202 = ireduce.i8 v188  ; v188 = 0
#       v203 = iconst.i8 0
#       v204 = icmp eq v202, v203  ; v203 = 0
#       v205 = ireduce.i8 v188  ; v188 = 0
#       v206 = iconst.i8 2
#       v207 = icmp eq v205, v206  ; v206 = 2
#       v208 = ireduce.i8 v188  ; v188 = 0
#       v209 = iconst.i8 3
#       v210 = icmp eq v208, v209  ; v209 = 3
#       v211 = ireduce.i8 v188  ; v188 = 0
#       v212 = iconst.i8 4
#       v213 = icmp eq v211, v212  ; v212 = 4
#       v214 = ireduce.i8 v188  ; v188 = 0
#       v215 = iconst.i8 5
#       v216 = icmp eq v214, v215  ; v215 = 5
#       v217 = iconst.i8 0
#       v218 = iconst.i64 63
#       v219 = ushr v187, v218  ; v218 = 63
#       v220 = ireduce.i8 v219
#       v221 = iconst.i8 1
#       v222 = band v220, v221  ; v221 = 1
#       v223 = iconst.i64 62
#       v224 = ushr v187, v223  ; v223 = 62
#       v225 = ireduce.i8 v224
#       v226 = iconst.i8 1
#       v227 = band v225, v226  ; v226 = 1
#       v228 = iconst.i64 0
#       v229 = ushr v187, v228  ; v228 = 0
#       v230 = ireduce.i8 v229
#       v231 = iconst.i8 1
#       v232 = band v230, v231  ; v231 = 1
#       v233 = icmp ult v200, v201
#       v234 = icmp ugt v200, v201
#       v235 = bor v213, v216
#       v236 = select v235, v232, v217  ; v217 = 0
#       v237 = select v207, v233, v236
#       v238 = select v210, v234, v237
#       v239 = select v204, v222, v238
#       v240 = bxor v201, v200
#       v241 = isub v200, v201
#       v242 = bxor v241, v200
#       v243 = band v240, v242
#       v244 = iconst.i64 0
#       v245 = icmp slt v243, v244  ; v244 = 0
#       v246 = isub v201, v200
#       v247 = bxor v201, v246
#       v248 = band v240, v247
#       v249 = iconst.i64 0
#       v250 = icmp slt v248, v249  ; v249 = 0
#       v251 = iconst.i64 -9223372036854775808
#       v252 = icmp eq v200, v251  ; v251 = -9223372036854775808
#       v253 = iconst.i64 1
#       v254 = ishl v253, v199  ; v253 = 1
#       v255 = iadd v200, v254
#       v256 = icmp eq v255, v251  ; v251 = -9223372036854775808
#       v257 = bxor v222, v227
#       v258 = select v213, v252, v217  ; v217 = 0
#       v259 = select v216, v256, v258
#       v260 = select v207, v245, v259
#       v261 = select v210, v250, v260
#       v262 = select v204, v257, v261
#       v263 = iconst.i64 0
#       v264 = ushr v187, v263  ; v263 = 0
#       v265 = ireduce.i8 v264
#       v266 = iconst.i8 1
#       v267 = band v265, v266  ; v266 = 1
#       v268 = select v204, v267, v217  ; v217 = 0
#       v269 = iconst.i64 0
#       v270 = icmp slt v200, v269  ; v269 = 0
#       v271 = iconst.i64 0
#       v272 = icmp eq v200, v271  ; v271 = 0
#       v273 = bxor v270, v268
#       v274 = isub v196, v197  ; v197 = 1
#       v275 = uextend.i64 v274
#       v276 = iconst.i64 8197
#       v277 = uextend.i64 v274
#       v278 = uextend.i64 v239
#     1011 jne 0x1001
#       v279 = iconst.i32 0x7fff_ffff
#       v280 = icmp eq v274, v279  ; v279 = 0x7fff_ffff
#       v281 = iconst.i32 0
#       v282 = icmp eq v274, v281  ; v281 = 0
#       v283 = iconst.i32 0
#       v284 = icmp slt v274, v283  ; v283 = 0
#       brif v282, block12, block1(v23, v63, v275, v191, v194, v276, v277, v278)  ; v276 = 8197
#   6 cold blocks
