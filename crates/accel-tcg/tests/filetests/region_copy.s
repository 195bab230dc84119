# A region: copy and sum.
# mode: long
# state: rsi=0x9000 rdi=0xa000 rcx=8 [0x9000]=0x0123456789abcdef0011223344556677:16 [0x9010]=0x8899aabbccddeeff:8
    .intel_syntax noprefix
1:  mov rax, [rsi+rcx*8-8]
    add rdx, rax
    mov [rdi+rcx*8-8], rax
    sub rcx, 1
    jnz 1b

# after:
#   40 instructions
#   rax=0x11223344556677
#   rcx=0x0
#   rdx=0x89ce12569adf2365
#   rflags=0x46
#   [0xa000]=77 66 55 44 33 22 11 00 ef cd ab 89 67 45 23 01
#   [0xa010]=ff ee dd cc bb aa 99 88
# clif:
#   region 1000: 5 instructions, entered 1 times for 40
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v7 = load.i64 notrap aligned v0+gpr.rsi
#       v8 = load.i64 notrap aligned v0+gpr.rdi
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1000 mov rax,[rsi+rcx*8-0x8]
#     1000 mov rax,[rsi+rcx*8-0x8]
#       jump block1(v20, v1, v2, v3, v17, v18, v19)
#   block1(v21: i32, v119: i64, v120: i64, v121: i64, v123: i64, v124: i64, v125: i64):
#       v146 = iconst.i32 5
#       v147 = isub v21, v146  ; v146 = 5
#       v148 = iconst.i32 0
#       v149 = icmp slt v147, v148  ; v148 = 0
#       brif v149, block2, block3
#   block3:
#       v150 = iconst.i64 3
#       v151 = ishl.i64 v120, v150  ; v150 = 3
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v38 = iadd.i64 v7, v151
#       v152 = iconst.i64 -8
#       v153 = iadd v38, v152  ; v152 = -8
#       v154 = iconst.i64 7
#       v155 = ushr v153, v154  ; v154 = 7
#       v156 = iconst.i64 0x7fe0
#       v157 = band v155, v156  ; v156 = 0x7fe0
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v45 = iadd.i64 v0, v157
#       v46 = load.i64 notrap aligned v45+tlb0.read
#       v158 = iconst.i64 -1
#       v159 = iadd v38, v158  ; v158 = -1
#       v160 = iconst.i64 -4096
#       v161 = band v159, v160  ; v160 = -4096
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v51 = icmp eq v161, v46
#       brif v51, block4, block5
#   block4:
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v53 = load.i64 notrap aligned v45+tlb0.addend
#       v54 = iadd.i64 v153, v53
#       jump block6(v54)
#   block6(v52: i64):
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v67 = load.i64 notrap v52
#     1008 mov [rdi+rcx*8-0x8],rax
#       v75 = iadd.i64 v8, v151
#       v163 = iconst.i64 -8
#       v164 = iadd v75, v163  ; v163 = -8
#       v165 = iconst.i64 7
#       v166 = ushr v164, v165  ; v165 = 7
#       v167 = iconst.i64 0x7fe0
#       v168 = band v166, v167  ; v167 = 0x7fe0
#     1008 mov [rdi+rcx*8-0x8],rax
#       v82 = iadd.i64 v0, v168
#       v83 = load.i64 notrap aligned v82+tlb0.write
#       v169 = iconst.i64 -1
#       v170 = iadd v75, v169  ; v169 = -1
#       v171 = iconst.i64 -4096
#       v172 = band v170, v171  ; v171 = -4096
#     1008 mov [rdi+rcx*8-0x8],rax
#       v88 = icmp eq v172, v83
#       brif v88, block8, block9
#   block8:
#     1008 mov [rdi+rcx*8-0x8],rax
#       v90 = load.i64 notrap aligned v82+tlb0.addend
#       v91 = iadd.i64 v164, v90
#       jump block10(v91)
#   block10(v89: i64):
#     1008 mov [rdi+rcx*8-0x8],rax
#       store.i64 notrap v67, v89
#     100d sub rcx,0x1
#       v106 = iconst.i64 1
#     1011 jne 0x1000
#       v109 = icmp.i64 eq v120, v106  ; v106 = 1
#     100d sub rcx,0x1
#       v107 = isub.i64 v120, v106  ; v106 = 1
#       v173 = iadd.i64 v121, v67
#       v174 = iconst.i64 3
#     1011 jne 0x1000
#       brif v109, block12, block1(v147, v67, v107, v173, v174, v107, v120)  ; v174 = 3
#   6 cold blocks
