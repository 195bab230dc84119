# A region: the sum of two neighbours, again and again.
# mode: user
# state: rsi=0x9000 rcx=6 [0x9000]=0x0123456789abcdef0011223344556677:16 [0x9028]=0x8899aabbccddeeff:8
    .intel_syntax noprefix
1:  mov eax, [rsi]
    mov edx, [rsi+4]
    add rbx, rax
    add rbx, rdx
    add rsi, 8
    dec ecx
    jne 1b

# after:
#   42 instructions
#   rax=0xccddeeff
#   rcx=0x0
#   rdx=0x8899aabb
#   rbx=0x224ad35ba
#   rsi=0x9030
#   rflags=0x46
# clif:
#   region 1000: 7 instructions, entered 1 times for 42
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v7 = load.i64 notrap aligned v0+gpr.rsi
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#       jump block1(v20, v1, v2, v3, v4, v7, v17, v18, v19)
#   block1(v21: i32, v136: i64, v137: i64, v138: i64, v139: i64, v140: i64, v141: i64, v142: i64, v143: i64):
#       v22 = iconst.i32 7
#       v23 = isub v21, v22  ; v22 = 7
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block2, block3
#   block3:
#     1000 mov eax,[rsi]
#       v37 = iconst.i64 7
#       v38 = iconst.i64 0x7fe0
#       v39 = ushr.i64 v140, v37  ; v37 = 7
#       v40 = band v39, v38  ; v38 = 0x7fe0
#       v41 = iadd.i64 v0, v40
#       v42 = load.i64 notrap aligned v41+tlb2.read
#       v43 = iconst.i64 3
#       v44 = iadd.i64 v140, v43  ; v43 = 3
#       v45 = iconst.i64 -4096
#       v46 = band v44, v45  ; v45 = -4096
#       v47 = icmp eq v46, v42
#       brif v47, block4, block5
#   block4:
#     1000 mov eax,[rsi]
#       v49 = load.i64 notrap aligned v41+tlb2.addend
#       v50 = iadd.i64 v140, v49
#       jump block6(v50)
#   block6(v48: i64):
#     1000 mov eax,[rsi]
#       v65 = load.i32 notrap v48
#       v66 = uextend.i64 v65
#     1002 mov edx,[rsi+0x4]
#       v68 = iconst.i64 4
#       v69 = iadd.i64 v140, v68  ; v68 = 4
#       v70 = iconst.i64 7
#       v71 = iconst.i64 0x7fe0
#       v72 = ushr v69, v70  ; v70 = 7
#       v73 = band v72, v71  ; v71 = 0x7fe0
#       v74 = iadd.i64 v0, v73
#       v75 = load.i64 notrap aligned v74+tlb2.read
#       v76 = iconst.i64 3
#       v77 = iadd v69, v76  ; v76 = 3
#       v78 = iconst.i64 -4096
#       v79 = band v77, v78  ; v78 = -4096
#       v80 = icmp eq v79, v75
#       brif v80, block8, block9
#   block8:
#     1002 mov edx,[rsi+0x4]
#       v82 = load.i64 notrap aligned v74+tlb2.addend
#       v83 = iadd.i64 v69, v82
#       jump block10(v83)
#   block10(v81: i64):
#     1002 mov edx,[rsi+0x4]
#       v98 = load.i32 notrap v81
#       v99 = uextend.i64 v98
#     1005 add rbx,rax
#       v102 = iadd.i64 v139, v66
#     1008 add rbx,rdx
#       v104 = iadd v102, v99
#     100b add rsi,0x8
#       v107 = iconst.i64 8
#       v108 = iadd.i64 v140, v107  ; v107 = 8
#     100f dec ecx
#       v111 = ireduce.i32 v137
#       v112 = iconst.i32 1
#       v113 = icmp ult v108, v140
#       v114 = isub v111, v112  ; v112 = 1
#       v115 = uextend.i64 v114
#       v116 = iconst.i64 8197
#       v117 = uextend.i64 v114
#       v118 = uextend.i64 v113
#     1011 jne 0x1000
#       v119 = iconst.i32 0x7fff_ffff
#       v120 = icmp eq v114, v119  ; v119 = 0x7fff_ffff
#       v121 = iconst.i32 0
#       v122 = icmp eq v114, v121  ; v121 = 0
#       v123 = iconst.i32 0
#       v124 = icmp slt v114, v123  ; v123 = 0
#       brif v122, block12, block1(v23, v66, v115, v99, v104, v108, v116, v117, v118)  ; v116 = 8197
#   6 cold blocks
