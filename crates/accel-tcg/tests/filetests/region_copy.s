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
#       v17 = load.i32 notrap aligned v0+left
#       v18 = iconst.i64 3
#       v19 = ishl v2, v18  ; v18 = 3
#       v20 = iadd v7, v19
#       v21 = iconst.i64 -9223372036854775808
#       v22 = bxor v20, v21  ; v21 = -9223372036854775808
#       v23 = iconst.i64 1
#       v24 = bor v22, v23  ; v23 = 1
#       v4 = iconst.i64 0
#       v28 = iadd v8, v19
#       v30 = bxor v28, v21  ; v21 = -9223372036854775808
#       v32 = bor v30, v23  ; v23 = 1
#     1000 mov rax,[rsi+rcx*8-0x8]
#       jump block1(v17, v1, v2, v3, v24, v4, v32, v4)  ; v4 = 0, v4 = 0
#   block1(v34: i32, v39: i64, v40: i64, v41: i64, v50: i64, v54: i64, v88: i64, v93: i64):
#       v139 = iconst.i32 5
#       v140 = isub v34, v139  ; v139 = 5
#       v141 = iconst.i32 0
#       v142 = icmp slt v140, v141  ; v141 = 0
#       brif v142, block2, block3
#   block3:
#       v143 = iconst.i64 3
#       v144 = ishl.i64 v40, v143  ; v143 = 3
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v46 = iadd.i64 v7, v144
#       v145 = iconst.i64 -8
#       v146 = iadd v46, v145  ; v145 = -8
#       v51 = isub v146, v50
#       v147 = iconst.i64 4088
#       v148 = icmp ugt v51, v147  ; v147 = 4088
#       brif v148, block5, block4
#   block4:
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v55 = iadd.i64 v146, v54
#       jump block6(v55, v50, v54)
#   block6(v49: i64, v129: i64, v131: i64):
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v75 = load.i64 notrap v49
#     1008 mov [rdi+rcx*8-0x8],rax
#       v83 = iadd.i64 v8, v144
#       v156 = iconst.i64 -8
#       v157 = iadd v83, v156  ; v156 = -8
#       v89 = isub v157, v88
#       v158 = iconst.i64 4088
#       v159 = icmp ugt v89, v158  ; v158 = 4088
#       brif v159, block11, block10
#   block10:
#     1008 mov [rdi+rcx*8-0x8],rax
#       v94 = iadd.i64 v157, v93
#       jump block12(v94, v88, v93)
#   block12(v86: i64, v133: i64, v134: i64):
#     1008 mov [rdi+rcx*8-0x8],rax
#       store.i64 notrap v75, v86
#       v168 = iconst.i64 1
#       v169 = icmp.i64 eq v40, v168  ; v168 = 1
#     1011 jne 0x1000
#       brif v169, block16, block17
#   block17:
#       v170 = iconst.i64 3
#     1011 jne 0x1000
#       store notrap aligned v170, v0+region_flags  ; v170 = 3
#       v171 = iconst.i64 1
#       v172 = isub.i64 v40, v171  ; v171 = 1
#       store notrap aligned v172, v0+region_flags+8
#       store.i64 notrap aligned v40, v0+region_flags+16
#       v173 = iadd.i64 v41, v75
#       jump block1(v140, v75, v172, v173, v129, v131, v133, v134)
#   10 cold blocks
