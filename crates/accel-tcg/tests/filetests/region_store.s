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
#     1000 mov [rdi],rax
#       jump block1(v20, v2, v8, v17, v18, v19)
#   block1(v21: i32, v137: i64, v138: i64, v139: i64, v140: i64, v141: i64):
#       v176 = iconst.i32 6
#       v177 = isub v21, v176  ; v176 = 6
#       v178 = iconst.i32 0
#       v179 = icmp slt v177, v178  ; v178 = 0
#       brif v179, block2, block3
#   block3:
#       v180 = iconst.i64 7
#       v181 = ushr.i64 v138, v180  ; v180 = 7
#       v182 = iconst.i64 0x7fe0
#       v183 = band v181, v182  ; v182 = 0x7fe0
#     1000 mov [rdi],rax
#       v38 = iadd.i64 v0, v183
#       v39 = load.i64 notrap aligned v38+tlb0.write
#       v40 = isub.i64 v138, v39
#       v184 = iconst.i64 4088
#       v185 = icmp ule v40, v184  ; v184 = 4088
#       brif v185, block4, block5
#   block4:
#     1000 mov [rdi],rax
#       v44 = load.i64 notrap aligned v38+tlb0.host
#       v45 = iadd.i64 v40, v44
#       jump block6(v45)
#   block6(v43: i64):
#     1000 mov [rdi],rax
#       store.i64 notrap v1, v43
#     1003 mov [rdi+0x8],eax
#       v59 = iconst.i64 8
#       v60 = iadd.i64 v138, v59  ; v59 = 8
#       v187 = iconst.i64 7
#       v188 = ushr v60, v187  ; v187 = 7
#       v189 = iconst.i64 0x7fe0
#       v190 = band v188, v189  ; v189 = 0x7fe0
#       v65 = iadd.i64 v0, v190
#       v66 = load.i64 notrap aligned v65+tlb0.write
#       v67 = isub v60, v66
#       v68 = iconst.i64 4092
#       v69 = icmp ule v67, v68  ; v68 = 4092
#       brif v69, block8, block9
#   block8:
#     1003 mov [rdi+0x8],eax
#       v71 = load.i64 notrap aligned v65+tlb0.host
#       v72 = iadd.i64 v67, v71
#       jump block10(v72)
#   block10(v70: i64):
#     1003 mov [rdi+0x8],eax
#       v85 = ireduce.i32 v1
#       store notrap v85, v70
#     1006 mov byte ptr [rdi+0xc],0x7
#       v87 = iconst.i64 12
#       v88 = iadd.i64 v138, v87  ; v87 = 12
#       v192 = iconst.i64 7
#       v193 = ushr v88, v192  ; v192 = 7
#       v194 = iconst.i64 0x7fe0
#       v195 = band v193, v194  ; v194 = 0x7fe0
#       v93 = iadd.i64 v0, v195
#       v94 = load.i64 notrap aligned v93+tlb0.write
#       v95 = isub v88, v94
#       v96 = iconst.i64 4095
#       v97 = icmp ule v95, v96  ; v96 = 4095
#       brif v97, block12, block13
#   block12:
#     1006 mov byte ptr [rdi+0xc],0x7
#       v99 = load.i64 notrap aligned v93+tlb0.host
#       v100 = iadd.i64 v95, v99
#       jump block14(v100)
#   block14(v98: i64):
#     1006 mov byte ptr [rdi+0xc],0x7
#       v112 = iconst.i8 7
#       store notrap v112, v98  ; v112 = 7
#     100e dec rcx
#       v118 = iconst.i64 1
#       v174 = icmp.i64 eq v137, v118  ; v118 = 1
#       v120 = isub.i64 v137, v118  ; v118 = 1
#     100a add rdi,0x10
#       v114 = iconst.i64 16
#       v115 = iadd.i64 v138, v114  ; v114 = 16
#     100e dec rcx
#       v121 = iconst.i64 5
#       v119 = icmp ult v115, v138
#       v122 = uextend.i64 v119
#     1011 jne 0x1000
#       brif v174, block16, block1(v177, v120, v115, v121, v120, v122)  ; v121 = 5
#   8 cold blocks
