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
#   block1(v21: i32, v141: i64, v142: i64, v143: i64, v144: i64, v145: i64):
#       v188 = iconst.i32 6
#       v189 = isub v21, v188  ; v188 = 6
#       v190 = iconst.i32 0
#       v191 = icmp slt v189, v190  ; v190 = 0
#       brif v191, block2, block3
#   block3:
#       v192 = iconst.i64 7
#       v193 = ushr.i64 v142, v192  ; v192 = 7
#       v194 = iconst.i64 0x7fe0
#       v195 = band v193, v194  ; v194 = 0x7fe0
#     1000 mov [rdi],rax
#       v38 = iadd.i64 v0, v195
#       v39 = load.i64 notrap aligned v38+tlb0.write
#       v196 = iadd.i64 v142, v192  ; v192 = 7
#       v197 = iconst.i64 -4096
#       v198 = band v196, v197  ; v197 = -4096
#     1000 mov [rdi],rax
#       v44 = icmp eq v198, v39
#       brif v44, block4, block5
#   block4:
#     1000 mov [rdi],rax
#       v46 = load.i64 notrap aligned v38+tlb0.addend
#       v47 = iadd.i64 v142, v46
#       jump block6(v47)
#   block6(v45: i64):
#     1000 mov [rdi],rax
#       store.i64 notrap v1, v45
#     1003 mov [rdi+0x8],eax
#       v61 = iconst.i64 8
#       v62 = iadd.i64 v142, v61  ; v61 = 8
#       v200 = iconst.i64 7
#       v201 = ushr v62, v200  ; v200 = 7
#       v202 = iconst.i64 0x7fe0
#       v203 = band v201, v202  ; v202 = 0x7fe0
#     1003 mov [rdi+0x8],eax
#       v67 = iadd.i64 v0, v203
#       v68 = load.i64 notrap aligned v67+tlb0.write
#       v160 = iconst.i64 11
#       v165 = iadd.i64 v142, v160  ; v160 = 11
#       v204 = iconst.i64 -4096
#       v205 = band v165, v204  ; v204 = -4096
#     1003 mov [rdi+0x8],eax
#       v73 = icmp eq v205, v68
#       brif v73, block8, block9
#   block8:
#     1003 mov [rdi+0x8],eax
#       v75 = load.i64 notrap aligned v67+tlb0.addend
#       v207 = iadd.i64 v142, v61  ; v61 = 8
#       v208 = iadd v207, v75
#     1003 mov [rdi+0x8],eax
#       jump block10(v208)
#   block10(v74: i64):
#     1003 mov [rdi+0x8],eax
#       v89 = ireduce.i32 v1
#       store notrap v89, v74
#     1006 mov byte ptr [rdi+0xc],0x7
#       v91 = iconst.i64 12
#       v92 = iadd.i64 v142, v91  ; v91 = 12
#       v209 = iconst.i64 7
#       v210 = ushr v92, v209  ; v209 = 7
#       v211 = iconst.i64 0x7fe0
#       v212 = band v210, v211  ; v211 = 0x7fe0
#     1006 mov byte ptr [rdi+0xc],0x7
#       v97 = iadd.i64 v0, v212
#       v98 = load.i64 notrap aligned v97+tlb0.write
#       v213 = iconst.i64 -4096
#       v214 = band v92, v213  ; v213 = -4096
#     1006 mov byte ptr [rdi+0xc],0x7
#       v101 = icmp eq v214, v98
#       brif v101, block12, block13
#   block12:
#     1006 mov byte ptr [rdi+0xc],0x7
#       v103 = load.i64 notrap aligned v97+tlb0.addend
#       v216 = iadd.i64 v142, v91  ; v91 = 12
#       v217 = iadd v216, v103
#     1006 mov byte ptr [rdi+0xc],0x7
#       jump block14(v217)
#   block14(v102: i64):
#     1006 mov byte ptr [rdi+0xc],0x7
#       v116 = iconst.i8 7
#       store notrap v116, v102  ; v116 = 7
#     100e dec rcx
#       v122 = iconst.i64 1
#       v186 = icmp.i64 eq v141, v122  ; v122 = 1
#     100e dec rcx
#       v124 = isub.i64 v141, v122  ; v122 = 1
#     100a add rdi,0x10
#       v118 = iconst.i64 16
#       v119 = iadd.i64 v142, v118  ; v118 = 16
#     100e dec rcx
#       v125 = iconst.i64 5
#       v123 = icmp ult v119, v142
#       v126 = uextend.i64 v123
#     1011 jne 0x1000
#       brif v186, block16, block1(v189, v124, v119, v125, v124, v126)  ; v125 = 5
#   8 cold blocks
