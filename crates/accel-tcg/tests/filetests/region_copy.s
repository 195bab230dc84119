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
#       jump block1(v20, v1, v2, v3, v17, v18, v19)
#   block1(v21: i32, v115: i64, v116: i64, v117: i64, v119: i64, v120: i64, v121: i64):
#       v132 = iconst.i32 5
#       v133 = isub v21, v132  ; v132 = 5
#       v134 = iconst.i32 0
#       v135 = icmp slt v133, v134  ; v134 = 0
#       brif v135, block2, block3
#   block3:
#       v136 = iconst.i64 3
#       v137 = ishl.i64 v116, v136  ; v136 = 3
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v38 = iadd.i64 v7, v137
#       v138 = iconst.i64 -8
#       v139 = iadd v38, v138  ; v138 = -8
#       v140 = iconst.i64 7
#       v141 = ushr v139, v140  ; v140 = 7
#       v142 = iconst.i64 0x7fe0
#       v143 = band v141, v142  ; v142 = 0x7fe0
#       v45 = iadd.i64 v0, v143
#       v46 = load.i64 notrap aligned v45+tlb0.read
#       v47 = isub v139, v46
#       v144 = iconst.i64 4088
#       v145 = icmp ule v47, v144  ; v144 = 4088
#       brif v145, block4, block5
#   block4:
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v51 = load.i64 notrap aligned v45+tlb0.host
#       v52 = iadd.i64 v47, v51
#       jump block6(v52)
#   block6(v50: i64):
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v65 = load.i64 notrap v50
#     1008 mov [rdi+rcx*8-0x8],rax
#       v73 = iadd.i64 v8, v137
#       v147 = iconst.i64 -8
#       v148 = iadd v73, v147  ; v147 = -8
#       v149 = iconst.i64 7
#       v150 = ushr v148, v149  ; v149 = 7
#       v151 = iconst.i64 0x7fe0
#       v152 = band v150, v151  ; v151 = 0x7fe0
#       v80 = iadd.i64 v0, v152
#       v81 = load.i64 notrap aligned v80+tlb0.write
#       v82 = isub v148, v81
#       v153 = iconst.i64 4088
#       v154 = icmp ule v82, v153  ; v153 = 4088
#       brif v154, block8, block9
#   block8:
#     1008 mov [rdi+rcx*8-0x8],rax
#       v86 = load.i64 notrap aligned v80+tlb0.host
#       v87 = iadd.i64 v82, v86
#       jump block10(v87)
#   block10(v85: i64):
#     1008 mov [rdi+rcx*8-0x8],rax
#       store.i64 notrap v65, v85
#     100d sub rcx,0x1
#       v102 = iconst.i64 1
#     1011 jne 0x1000
#       v105 = icmp.i64 eq v116, v102  ; v102 = 1
#     100d sub rcx,0x1
#       v103 = isub.i64 v116, v102  ; v102 = 1
#       v155 = iadd.i64 v117, v65
#       v156 = iconst.i64 3
#     1011 jne 0x1000
#       brif v105, block12, block1(v133, v65, v103, v155, v156, v103, v116)  ; v156 = 3
#   6 cold blocks
