# A region that fills memory.
# mode: long
# state: rax=0x1122334455667788 rdi=0x9000 rcx=4
    .intel_syntax noprefix
1:  mov [rdi], rax
    mov [rdi+8], eax
    mov byte ptr [rdi+12], 7
    add rdi, 16
    dec rcx
    jnz 1b

# after:
#   24 instructions
#   rcx=0x0
#   rdi=0x9040
#   rflags=0x46
#   [0x9000]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
#   [0x9010]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
#   [0x9020]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
#   [0x9030]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
# clif:
#   region 1000: 6 instructions, entered 1 times for 24
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v8 = load.i64 notrap aligned v0+gpr.rdi
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#       jump block1(v20, v2, v8, v17, v18, v19, v1)
#   block1(v21: i32, v141: i64, v142: i64, v143: i64, v144: i64, v145: i64, v146: i64):
#       v22 = iconst.i32 6
#       v23 = isub v21, v22  ; v22 = 6
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block2, block3
#   block3:
#     1000 mov [rdi],rax
#       v34 = iconst.i64 7
#       v35 = iconst.i64 0x7fe0
#       v36 = ushr.i64 v142, v34  ; v34 = 7
#       v37 = band v36, v35  ; v35 = 0x7fe0
#       v38 = iadd.i64 v0, v37
#       v39 = load.i64 notrap aligned v38+tlb0.write
#       v40 = iconst.i64 7
#       v41 = iadd.i64 v142, v40  ; v40 = 7
#       v42 = iconst.i64 -4096
#       v43 = band v41, v42  ; v42 = -4096
#       v44 = icmp eq v43, v39
#       brif v44, block4, block5
#   block4:
#     1000 mov [rdi],rax
#       v46 = load.i64 notrap aligned v38+tlb0.addend
#       v47 = iadd.i64 v142, v46
#       jump block6(v47)
#   block6(v45: i64):
#     1000 mov [rdi],rax
#       store.i64 notrap v146, v45
#     1003 mov [rdi+0x8],eax
#       v61 = iconst.i64 8
#       v62 = iadd.i64 v142, v61  ; v61 = 8
#       v63 = iconst.i64 7
#       v64 = iconst.i64 0x7fe0
#       v65 = ushr v62, v63  ; v63 = 7
#       v66 = band v65, v64  ; v64 = 0x7fe0
#       v67 = iadd.i64 v0, v66
#       v68 = load.i64 notrap aligned v67+tlb0.write
#       v69 = iconst.i64 3
#       v70 = iadd v62, v69  ; v69 = 3
#       v71 = iconst.i64 -4096
#       v72 = band v70, v71  ; v71 = -4096
#       v73 = icmp eq v72, v68
#       brif v73, block8, block9
#   block8:
#     1003 mov [rdi+0x8],eax
#       v75 = load.i64 notrap aligned v67+tlb0.addend
#       v76 = iadd.i64 v62, v75
#       jump block10(v76)
#   block10(v74: i64):
#     1003 mov [rdi+0x8],eax
#       v89 = ireduce.i32 v146
#       store notrap v89, v74
#     1006 mov byte ptr [rdi+0xc],0x7
#       v91 = iconst.i64 12
#       v92 = iadd.i64 v142, v91  ; v91 = 12
#       v93 = iconst.i64 7
#       v94 = iconst.i64 0x7fe0
#       v95 = ushr v92, v93  ; v93 = 7
#       v96 = band v95, v94  ; v94 = 0x7fe0
#       v97 = iadd.i64 v0, v96
#       v98 = load.i64 notrap aligned v97+tlb0.write
#       v99 = iconst.i64 -4096
#       v100 = band v92, v99  ; v99 = -4096
#       v101 = icmp eq v100, v98
#       brif v101, block12, block13
#   block12:
#     1006 mov byte ptr [rdi+0xc],0x7
#       v103 = load.i64 notrap aligned v97+tlb0.addend
#       v104 = iadd.i64 v92, v103
#       jump block14(v104)
#   block14(v102: i64):
#     1006 mov byte ptr [rdi+0xc],0x7
#       v116 = iconst.i8 7
#       store notrap v116, v102  ; v116 = 7
#     100a add rdi,0x10
#       v118 = iconst.i64 16
#       v119 = iadd.i64 v142, v118  ; v118 = 16
#     100e dec rcx
#       v122 = iconst.i64 1
#       v123 = icmp ult v119, v142
#       v124 = isub.i64 v141, v122  ; v122 = 1
#       v125 = iconst.i64 5
#       v126 = uextend.i64 v123
#     1011 jne 0x1000
#       v127 = iconst.i64 0x7fff_ffff_ffff_ffff
#       v128 = icmp eq v124, v127  ; v127 = 0x7fff_ffff_ffff_ffff
#       v129 = iconst.i64 0
#       v130 = icmp eq v124, v129  ; v129 = 0
#       v131 = iconst.i64 0
#       v132 = icmp slt v124, v131  ; v131 = 0
#       brif v130, block16, block1(v23, v124, v119, v125, v124, v126, v146)  ; v125 = 5
#   8 cold blocks
