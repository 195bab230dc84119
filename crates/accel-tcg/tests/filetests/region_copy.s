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
#       jump block1(v20, v1, v2, v3, v17, v18, v19, v7, v8)
#   block1(v21: i32, v119: i64, v120: i64, v121: i64, v123: i64, v124: i64, v125: i64, v126: i64, v128: i64):
#       v22 = iconst.i32 5
#       v23 = isub v21, v22  ; v22 = 5
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block2, block3
#   block3:
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v36 = iconst.i64 3
#       v37 = ishl.i64 v120, v36  ; v36 = 3
#       v38 = iadd.i64 v126, v37
#       v39 = iconst.i64 -8
#       v40 = iadd v38, v39  ; v39 = -8
#       v41 = iconst.i64 7
#       v42 = iconst.i64 0x7fe0
#       v43 = ushr v40, v41  ; v41 = 7
#       v44 = band v43, v42  ; v42 = 0x7fe0
#       v45 = iadd.i64 v0, v44
#       v46 = load.i64 notrap aligned v45+tlb0.read
#       v47 = iconst.i64 7
#       v48 = iadd v40, v47  ; v47 = 7
#       v49 = iconst.i64 -4096
#       v50 = band v48, v49  ; v49 = -4096
#       v51 = icmp eq v50, v46
#       brif v51, block4, block5
#   block4:
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v53 = load.i64 notrap aligned v45+tlb0.addend
#       v54 = iadd.i64 v40, v53
#       jump block6(v54)
#   block6(v52: i64):
#     1000 mov rax,[rsi+rcx*8-0x8]
#       v67 = load.i64 notrap v52
#     1005 add rdx,rax
#       v69 = iadd.i64 v121, v67
#     1008 mov [rdi+rcx*8-0x8],rax
#       v73 = iconst.i64 3
#       v74 = ishl.i64 v120, v73  ; v73 = 3
#       v75 = iadd.i64 v128, v74
#       v76 = iconst.i64 -8
#       v77 = iadd v75, v76  ; v76 = -8
#       v78 = iconst.i64 7
#       v79 = iconst.i64 0x7fe0
#       v80 = ushr v77, v78  ; v78 = 7
#       v81 = band v80, v79  ; v79 = 0x7fe0
#       v82 = iadd.i64 v0, v81
#       v83 = load.i64 notrap aligned v82+tlb0.write
#       v84 = iconst.i64 7
#       v85 = iadd v77, v84  ; v84 = 7
#       v86 = iconst.i64 -4096
#       v87 = band v85, v86  ; v86 = -4096
#       v88 = icmp eq v87, v83
#       brif v88, block8, block9
#   block8:
#     1008 mov [rdi+rcx*8-0x8],rax
#       v90 = load.i64 notrap aligned v82+tlb0.addend
#       v91 = iadd.i64 v77, v90
#       jump block10(v91)
#   block10(v89: i64):
#     1008 mov [rdi+rcx*8-0x8],rax
#       store.i64 notrap v67, v89
#     100d sub rcx,0x1
#       v106 = iconst.i64 1
#       v107 = isub.i64 v120, v106  ; v106 = 1
#       v108 = iconst.i64 3
#     1011 jne 0x1000
#       v109 = icmp.i64 eq v120, v106  ; v106 = 1
#       brif v109, block12, block1(v23, v67, v107, v69, v108, v107, v120, v126, v128)  ; v108 = 3
#   6 cold blocks
